#!/usr/bin/python3
"""gevent's side of scripts/bench-runtime: the scenarios of verdin_runtime.cpp, nanoseconds for each operation."""
import json
import sys
import time

import gevent
import gevent.event
import gevent.queue
import greenlet


def nanoseconds(operations, function):
    start = time.thread_time_ns()
    function()
    return (time.thread_time_ns() - start) / operations


def switch():
    times = 300_000
    main = greenlet.getcurrent()

    def back():
        there = main.switch
        while True:
            there()

    other = greenlet.greenlet(back)

    def loop():
        there = other.switch
        for _ in range(times):
            there()

    return nanoseconds(times, loop)


def nothing():
    pass


def spawn_and_join(count):
    gevent.joinall([gevent.spawn(nothing) for _ in range(count)])


def spawn_join_first():
    count = 100_000
    return nanoseconds(count, lambda: spawn_and_join(count))


def spawn_join_100k():
    count = 100_000
    spawn_and_join(count)
    return nanoseconds(count, lambda: spawn_and_join(count))


def sleep_zero():
    times = 100_000

    def sleeps():
        sleep = gevent.sleep
        for _ in range(times // 2):
            sleep(0)

    both = [gevent.spawn(sleeps), gevent.spawn(sleeps)]
    return nanoseconds(times, lambda: gevent.joinall(both))


def event():
    rounds = 30_000
    ping, pong = gevent.event.Event(), gevent.event.Event()

    def other():
        while True:
            ping.wait()
            ping.clear()
            pong.set()

    partner = gevent.spawn(other)

    def loop():
        for _ in range(rounds):
            ping.set()
            pong.wait()
            pong.clear()

    figure = nanoseconds(2 * rounds, loop)
    partner.kill()
    return figure


def exchange(there, back):
    rounds = 30_000

    def other():
        while True:
            back.put(there.get())

    partner = gevent.spawn(other)

    def loop():
        for _ in range(rounds):
            there.put(1)
            back.get()

    figure = nanoseconds(2 * rounds, loop)
    partner.kill()
    return figure


def queue():
    return exchange(gevent.queue.Queue(1), gevent.queue.Queue(1))


def channel():
    return exchange(gevent.queue.Channel(), gevent.queue.Channel())


def timeout():
    times = 100_000

    def loop():
        for _ in range(times):
            with gevent.Timeout(10):
                pass

    return nanoseconds(times, loop)


def blocked(count):
    never = gevent.event.Event()
    greenlets = [gevent.spawn(never.wait) for _ in range(count)]
    gevent.sleep(0)
    return greenlets


def kill_20k():
    count = 20_000
    greenlets = blocked(count)
    return nanoseconds(count, lambda: gevent.killall(greenlets))


def resident():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Rss:"))


def idle():
    count = 20_000
    gevent.killall(blocked(100))
    before = resident()
    greenlets = blocked(count)
    figure = (resident() - before) / count
    gevent.killall(greenlets)
    return figure


SCENARIOS = [switch, spawn_join_first, spawn_join_100k, sleep_zero, event, queue, channel, timeout, kill_20k, idle]


def main():
    # Like a program's own code: on a greenlet, not in the hub's parent.
    figures = {}
    for scenario in SCENARIOS:
        if len(sys.argv) < 2 or scenario.__name__ in sys.argv[1:]:
            figures[scenario.__name__] = round(gevent.spawn(scenario).get(), 2)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
