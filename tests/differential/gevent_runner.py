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
    """Notices what is not compared, because gevent's events break their own word there: see
    docs/decisions/0011-events-of-gevent.md."""

    def __init__(self):
        super().__init__()
        self.telling = False  # is it to tell, or telling, those who wait?
        self.behind = 0       # how many wait who came to the set event meanwhile
        self.came_behind = False
        self.excluded = False

    def set(self):
        super().set()
        if self.linkcount() and not self.telling:
            self.telling = True
            gevent.get_hub().loop.run_callback(self.told)

    def told(self):
        """Comes after each round."""
        self.came_behind = False
        if not self.is_set():
            self.telling = False
            # They waited for the set event and were not told: a wake-up is lost.
            self.excluded |= self.behind > 0
        elif self.linkcount():
            gevent.get_hub().loop.run_callback(self.told)
        else:
            self.telling = False

    def wait(self, timeout=None):
        # The round wakes this one too, although nothing was set since the clear().
        self.excluded |= self.telling and not self.is_set()
        behind = self.telling and self.is_set()
        self.behind += behind
        self.came_behind |= behind
        try:
            return super().wait(timeout)
        except BaseException:
            # The round may now not find its end.
            self.excluded |= self.telling and self.came_behind
            raise
        finally:
            self.behind -= behind


class EagerChannel(Channel):
    """Gets as Verdin's does: at once where somebody waits to put, while gevent's lets others run first. Notices what is not
    compared: a putter that is killed when its item was taken so (Verdin's has put it, and is thrown into when it waits next), and
    several pairs that meet at once."""

    def __init__(self):
        super().__init__()
        self.taken = set()
        self.meeting = False
        self.excluded = False

    def get(self, block=True, timeout=None):
        if self.putters and not self.getters:
            item, putter = self.putters.popleft()
            self.taken.add(item)
            self.hub.loop.run_callback(putter.switch, putter)
            return item
        self.meet(self.putters)
        try:
            return super().get(block, timeout)
        except BaseException:
            self.excluded |= self.meeting  # whose turn passes to the next, at its end of the queue
            raise

    def meet(self, partners):
        if not partners:
            return
        self.excluded |= self.meeting  # all pairs go in one event there, each in its turn in Verdin
        self.meeting = True
        run_callback = self.hub.loop.run_callback
        run_callback(lambda: run_callback(self.met))  # is called after the callback that super() makes now

    def met(self):
        self.meeting = False

    def put(self, item, block=True, timeout=None):
        self.meet(self.getters)
        try:
            super().put(item, block, timeout)
        except BaseException:
            self.excluded |= item in self.taken
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
                'channel': lambda: self.channels.append(EagerChannel())}
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

    def do_kill_all(self, _who, duration, *bodies):
        greenlets = [self.greenlets[body] for body in bodies if body in self.greenlets]
        if not greenlets:
            return 'none'
        gevent.killall(greenlets, timeout=seconds(duration) if duration != '0' else None)

    def do_link(self, _who, body, tag):
        def called(_greenlet):
            self.log('link', body, tag)
            gevent.sleep(0)
            self.log('link', body, tag, 'again')
        return self.with_greenlet(body, lambda greenlet: greenlet.link(called))

    def do_rawlink(self, _who, body, tag):
        def called(_greenlet):
            self.log('rawlink', body, tag)
        return self.with_greenlet(body, lambda greenlet: greenlet.rawlink(called))

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

    def do_acquire(self, _who, n):
        self.semaphores[int(n)].acquire()

    def do_acquire_for(self, _who, n, duration):
        return 'taken' if self.semaphores[int(n)].acquire(timeout=seconds(duration)) else 'late'

    def do_try_acquire(self, _who, n):
        return 'taken' if self.semaphores[int(n)].acquire(blocking=False) else 'none'

    def do_release(self, _who, n):
        try:
            return self.semaphores[int(n)].release()
        except ValueError:
            return 'too often'

    def do_fulfil(self, _who, n, number):
        if self.results[int(n)].ready():
            return 'twice'
        self.results[int(n)].set(int(number))

    def do_fail(self, _who, n, number):
        if self.results[int(n)].ready():
            return 'twice'
        self.results[int(n)].set_exception(Boom(number))

    def do_result(self, _who, n):
        return self.results[int(n)].get()

    def do_result_for(self, _who, n, duration):
        timeout = seconds(duration)
        with Timeout(timeout, False):
            return self.results[int(n)].get()
        return 'late'

    def do_await(self, _who, n):
        # gevent's lets those go first that are just being told.
        if not self.results[int(n)].ready():
            self.results[int(n)].wait()

    def do_send(self, _who, n):
        item = self.item()
        self.channels[int(n)].put(item)
        return item

    def do_send_for(self, _who, n, duration):
        item = self.item()
        try:
            self.channels[int(n)].put(item, timeout=seconds(duration))
        except Full:
            return 'late'
        return item

    def do_receive(self, _who, n):
        return self.channels[int(n)].get()

    def do_receive_for(self, _who, n, duration):
        try:
            return self.channels[int(n)].get(timeout=seconds(duration))
        except Empty:
            return 'late'

    # ---- the whole

    def play(self):
        try:
            self.start('0')
        except BaseException:
            pass
        self.settle()
        gevent.sleep(0.001)  # what was on its way, such as links
        self.describe()
        if any(meeting.excluded for meeting in self.events + self.channels):
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
        self.log('final semaphores', *(semaphore.counter for semaphore in self.semaphores))


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
