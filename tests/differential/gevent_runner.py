"""Runs the programs of the differential test (see README.md) on gevent: reads them from standard input, one after the other,
and answers each with its trace. The twin of verdin_runner.cpp: a line of a trace is written in both or in neither."""
import sys

import gevent
from gevent import Greenlet, GreenletExit, Timeout
from gevent.event import AsyncResult, Event
from gevent.exceptions import LoopExit
from gevent.lock import BoundedSemaphore, Semaphore
from gevent.queue import Channel, Empty, Full, JoinableQueue

ROUNDS = 6  # how often main tells those that are stuck to end


class Boom(Exception):
    pass


def ignore_errors(*_):
    """gevent prints an exception that ends a greenlet at once, Verdin when nobody took it: a policy, no order of events."""


def name_of(error):
    if isinstance(error, GreenletExit):
        return 'exit'
    if isinstance(error, Boom):
        return 'boom %s' % error.args[0]
    if isinstance(error, Timeout):
        return 'timeout'
    if isinstance(error, LoopExit):
        return 'deadlock'
    return type(error).__name__


def seconds(milliseconds):
    return int(milliseconds) / 1000


class WatchedEvent(Event):
    """Notices what is not compared: in gevent a set() wakes also who comes between a clear() and the time when the waiters are
    told (in Verdin, as gevent's documentation has it, only who was there); and when the last of them is killed before that
    time, gevent forgets those who came behind."""

    def __init__(self):
        super().__init__()
        self.telling = False
        self.behind = 0  # how many came to the set event since
        self.excluded = False

    def set(self):
        if self.linkcount() and not self.telling:
            self.telling = True
            super().set()
            gevent.get_hub().loop.run_callback(self.told)
        else:
            super().set()

    def told(self):
        self.telling = False
        self.behind = 0

    def wait(self, timeout=None):
        if self.telling and not self.is_set():
            self.excluded = True
        self.behind += self.telling
        try:
            return super().wait(timeout)
        except BaseException:
            if self.telling and self.behind:
                self.excluded = True
            raise


class Program:
    def __init__(self, lines):
        self.bodies = {}
        self.greenlets = {}
        self.trace = []
        self.items = 0
        self.events, self.queues, self.semaphores, self.results, self.channels = [], [], [], [], []
        lines = iter(lines)
        for line in lines:
            words = line.split()
            if words[0] == 'body':
                self.bodies[words[1]] = self.block(lines)
            else:
                self.declare(words[0], words[1:])

    def declare(self, kind, parameters):
        make = {'event': lambda: self.events.append(WatchedEvent()),
                'queue': lambda limit: self.queues.append(JoinableQueue(int(limit) or None)),
                'semaphore': lambda n: self.semaphores.append(Semaphore(int(n))),
                'bounded': lambda n: self.semaphores.append(BoundedSemaphore(int(n))),
                'result': lambda: self.results.append(AsyncResult()),
                'channel': lambda: self.channels.append(Channel())}
        make[kind](*parameters)

    def block(self, lines):
        """The operations up to the closing brace: tuples (name, arguments, block, second block, how it is joined)."""
        operations = []
        for line in lines:
            words = line.split()
            if words[0] == '}':
                self.closing = words[1:-1]
                return operations
            if words[-1] == '{':
                first = self.block(lines)
                how = self.closing[0] if self.closing else None
                second = self.block(lines) if how else None
                operations.append((words[0], words[1:-1], first, second, how))
            else:
                operations.append((words[0], words[1:], None, None, None))
        return operations

    def log(self, who, *words):
        self.trace.append(' '.join(map(str, (who,) + words)))

    def start(self, who):
        self.log(who, 'start')
        try:
            self.run(who, self.bodies[who])
        except BaseException as error:
            self.log(who, 'raises', name_of(error))
            raise
        self.log(who, 'end')
        return 100 + int(who)

    def run(self, who, operations):
        for name, arguments, first, second, how in operations:
            if first is not None:
                getattr(self, 'do_' + name)(who, arguments, first, second, how)
                continue
            answer = getattr(self, 'do_' + name)(who, *arguments)
            if answer is not None:
                self.log(who, name, *arguments, '=', answer)
            else:
                self.log(who, name, *arguments)

    # ---- blocks

    def do_timeout(self, who, arguments, body, _second, _how):
        timeout = Timeout(seconds(arguments[0]))
        timeout.start()
        try:
            self.run(who, body)
            self.log(who, 'in time', arguments[0])
        except Timeout as error:
            if error is not timeout:
                raise
            self.log(who, 'timed out', arguments[0])
        finally:
            timeout.cancel()

    def do_try(self, who, _arguments, body, handler, how):
        if how == 'finally':
            try:
                self.run(who, body)
            finally:
                self.log(who, 'finally')
                self.run(who, handler)
        elif how == 'catch':
            try:
                self.run(who, body)
            except (Boom, LoopExit) as error:
                self.log(who, 'caught', name_of(error))
                self.run(who, handler)
        else:
            try:
                self.run(who, body)
            except BaseException as error:
                self.log(who, 'swallowed', name_of(error))
                self.run(who, handler)

    # ---- greenlets

    def new(self, body):
        """Each body runs once at most: it is the name of its greenlet."""
        if body in self.greenlets:
            return None
        self.greenlets[body] = Greenlet(self.start, body)
        return self.greenlets[body]

    def do_sleep(self, _who, duration):
        gevent.sleep(seconds(duration))

    def do_spawn(self, _who, body):
        greenlet = self.new(body)
        if greenlet is None:
            return 'twice'
        greenlet.start()

    def do_spawn_after(self, _who, body, duration):
        greenlet = self.new(body)
        if greenlet is None:
            return 'twice'
        greenlet.start_later(seconds(duration))

    def with_greenlet(self, body, function):
        greenlet = self.greenlets.get(body)
        return function(greenlet) if greenlet is not None else 'none'

    def do_kill(self, _who, body):
        return self.with_greenlet(body, lambda greenlet: greenlet.kill())

    def do_kill_for(self, _who, body, duration):
        def kill(greenlet):
            greenlet.kill(timeout=seconds(duration))
            return 'dead' if greenlet.ready() else 'alive'
        return self.with_greenlet(body, kill)

    def do_kill_async(self, _who, body):
        return self.with_greenlet(body, lambda greenlet: greenlet.kill(block=False))

    def do_boom_async(self, _who, body, number):
        return self.with_greenlet(body, lambda greenlet: greenlet.kill(Boom(number), block=False))

    def do_join(self, _who, body):
        return self.with_greenlet(body, lambda greenlet: greenlet.join())

    def do_join_for(self, _who, body, duration):
        def join(greenlet):
            greenlet.join(seconds(duration))
            return 'dead' if greenlet.ready() else 'alive'
        return self.with_greenlet(body, join)

    def do_get(self, _who, body):
        def get(greenlet):
            value = greenlet.get()
            return 'exit' if isinstance(value, GreenletExit) else value
        return self.with_greenlet(body, get)

    def do_join_all(self, _who, count, duration, raising, *bodies):
        greenlets = [self.greenlets[body] for body in bodies if body in self.greenlets]
        if not greenlets:
            return 'none'
        names = {id(greenlet): body for body, greenlet in self.greenlets.items()}
        ended = gevent.joinall(greenlets, timeout=seconds(duration) if duration != '0' else None,
                               raise_error=raising == 'raise', count=int(count) or None)
        return ' '.join(names[id(greenlet)] for greenlet in ended) or 'nobody'

    def do_raise(self, _who, number):
        raise Boom(number)

    # ---- what they meet at

    def do_set(self, _who, n):
        self.events[int(n)].set()

    def do_clear(self, _who, n):
        self.events[int(n)].clear()

    def do_wait(self, _who, n):
        self.events[int(n)].wait()

    def do_wait_for(self, _who, n, duration):
        return 'set' if self.events[int(n)].wait(seconds(duration)) else 'unset'

    def item(self):
        self.items += 1
        return self.items

    def do_put(self, _who, n):
        item = self.item()
        self.queues[int(n)].put(item)
        return item

    def do_put_for(self, _who, n, duration):
        item = self.item()
        try:
            self.queues[int(n)].put(item, timeout=seconds(duration))
        except Full:
            return 'full'
        return item

    def do_try_put(self, _who, n):
        item = self.item()
        try:
            self.queues[int(n)].put_nowait(item)
        except Full:
            return 'full'
        return item

    def do_take(self, _who, n):
        return self.queues[int(n)].get()

    def do_take_for(self, _who, n, duration):
        try:
            return self.queues[int(n)].get(timeout=seconds(duration))
        except Empty:
            return 'empty'

    def do_try_take(self, _who, n):
        try:
            return self.queues[int(n)].get_nowait()
        except Empty:
            return 'empty'

    # ---- the whole

    def play(self):
        try:
            self.start('0')
        except BaseException:
            pass
        self.settle()
        self.describe()
        if any(event.excluded for event in self.events):
            return ['excluded']
        return self.trace

    def settle(self):
        """Ends what is left, and says in which order it went."""
        for _ in range(ROUNDS):
            left = [body for body in sorted(self.greenlets) if not self.greenlets[body].ready()]
            if not left:
                return
            self.log('main', 'left', *left)
            try:
                gevent.joinall([self.greenlets[body] for body in left])
                self.log('main', 'joined')
            except LoopExit:
                self.log('main', 'deadlock')
                for body in left:
                    self.greenlets[body].kill(block=False)
        self.log('main', 'gives up')
        gevent.get_hub().destroy(destroy_loop=True)

    def describe(self):
        for body in sorted(self.greenlets):
            greenlet = self.greenlets[body]
            error = greenlet.exception or greenlet.value
            self.log('final', body, 'ready' if greenlet.ready() else 'alive',
                     name_of(error) if isinstance(error, BaseException) else error)
        self.log('final events', *(int(event.is_set()) for event in self.events))
        self.log('final queues', *(queue.qsize() for queue in self.queues))


def main():
    lines = []
    for line in sys.stdin:
        line = line.strip()
        if line != 'run':
            lines.append(line)
            continue
        gevent.get_hub().handle_error = ignore_errors
        for line in Program(lines).play():
            print(line)
        print('done', flush=True)
        lines = []


main()
