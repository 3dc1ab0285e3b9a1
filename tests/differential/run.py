#!/usr/bin/python3
"""Compares Verdin with gevent on random programs (see README.md).

  run.py --build build/release/tests/differential [--seconds N] [--seed S] [--programs N] [--keep-going]

Ends with a line `N passed, N failed`. A difference is shrunk, and shown with both traces."""
import argparse
import difflib
import itertools
import os
import pathlib
import select
import subprocess
import sys
import time

import programs

HERE = pathlib.Path(__file__).resolve().parent
FIXED_SEED = 1
PATIENCE = 10  # real seconds for a program of virtual ones: it hangs
AHEAD = 32     # programs given to both runners at once
MOST_ATTEMPTS_TO_SHRINK = 3000


class Runner:
    """A process that plays programs; started again after it died or hung."""

    def __init__(self, command, environment=None):
        self.command = command
        self.environment = {**os.environ, **(environment or {})}
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self.environment)
        self.pending = b''

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
        self.process = None

    def play(self, texts):
        """The trace of each program."""
        if not self.process:
            self.start()
        traces = []
        try:
            for text in texts:
                self.process.stdin.write(text.encode())
            self.process.stdin.flush()
            while len(traces) < len(texts):
                traces.append(self.read_trace())
        except (OSError, EOFError, TimeoutError) as error:
            self.stop()
            if len(texts) == 1:
                return [['*** ' + str(error)]]
            # One of them did it: each by itself.
            return [self.play([text])[0] for text in texts]
        return traces

    def read_trace(self):
        lines = []
        while True:
            line = self.read_line()
            if line == 'done':
                return lines
            lines.append(line)

    def read_line(self):
        while b'\n' not in self.pending:
            if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
                raise TimeoutError('it hangs')
            piece = os.read(self.process.stdout.fileno(), 1 << 16)
            if not piece:
                raise EOFError('it died with status %s' % self.process.wait())
            self.pending += piece
        line, self.pending = self.pending.split(b'\n', 1)
        return line.decode()


def same(theirs, ours):
    return theirs == ours or theirs == ['excluded']


class Comparison:
    def __init__(self, build):
        self.gevent = Runner([sys.executable, str(HERE / 'gevent_runner.py')],
                             {'LD_PRELOAD': str(build / 'libvirtual_time.so'), 'GEVENT_LOOP': 'libev-cext'})
        self.verdin = Runner([str(build / 'verdin_runner')], {'VERDIN_LOOP': 'libev:epoll'})

    def traces(self, batch):
        texts = [programs.text_of(program) for program in batch]
        return list(zip(self.gevent.play(texts), self.verdin.play(texts)))

    def differs(self, program):
        theirs, ours = self.traces([program])[0]
        return not same(theirs, ours)

    def shrink(self, program):
        attempts = 0
        again = True
        while again:
            again = False
            for candidate in programs.smaller(program):
                attempts += 1
                if attempts > MOST_ATTEMPTS_TO_SHRINK:
                    return program
                if self.differs(candidate):
                    program = candidate
                    again = True
                    break
        return program

    def stop(self):
        self.gevent.stop()
        self.verdin.stop()


def show(seed, program, theirs, ours):
    print('FAILED: program %d: Verdin does not do as gevent does. The smallest program:' % seed)
    depth = 0
    for line in programs.text_of(program).splitlines():
        depth -= line.startswith('}')
        print('    ' + '  ' * depth + line)
        depth += line.endswith('{') or line.startswith('body')
    print('  gevent is -, Verdin is +')
    for line in difflib.unified_diff(theirs, ours, 'gevent', 'verdin', n=1000, lineterm=''):
        print('    ' + line)
    sys.stdout.flush()


def seeds_from(first, last):
    seed = first
    while last is None or seed < last:
        yield seed
        seed += 1


def compare(comparison, seeds, until, keep_going):
    passed = failed = 0
    seeds = iter(seeds)
    while until is None or time.monotonic() < until:
        batch = list(itertools.islice(seeds, AHEAD))
        if not batch:
            break
        made = [programs.Generator(seed).program() for seed in batch]
        for seed, program, (theirs, ours) in zip(batch, made, comparison.traces(made)):
            if same(theirs, ours):
                passed += 1
                continue
            failed += 1
            smallest = comparison.shrink(program)
            show(seed, smallest, *comparison.traces([smallest])[0])
            if not keep_going:
                return passed, failed
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', type=pathlib.Path, required=True)
    parser.add_argument('--seconds', type=float, help='stop after so long')
    parser.add_argument('--programs', type=int, help='stop after so many')
    parser.add_argument('--seed', type=int, default=FIXED_SEED, help='of the first program; the next has the next seed')
    parser.add_argument('--keep-going', action='store_true', help='after a difference, too')
    options = parser.parse_args()
    comparison = Comparison(options.build.resolve())
    until = time.monotonic() + options.seconds if options.seconds else None
    last = options.seed + options.programs if options.programs else None
    try:
        passed, failed = compare(comparison, seeds_from(options.seed, last), until, options.keep_going)
    finally:
        comparison.stop()
    print('%d passed, %d failed' % (passed, failed))
    return 0 if passed and not failed else 1


if __name__ == '__main__':
    sys.exit(main())
