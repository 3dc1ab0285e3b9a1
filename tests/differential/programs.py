"""Random programs of the differential test (see README.md): how they are made, written and made smaller.

A program is a dictionary {'objects': [(kind, parameter or None)], 'bodies': {name: block}}; a block is a list of
operations; an operation is a list of words, or a Block operation [word, ..., first block, joined by, second block]."""
import random
from dataclasses import dataclass, field

# Left out on purpose, because reference gevent's behaviour is one that Verdin sets right, or is a policy of its own:
#  - times that are equal or zero: libev fires equal deadlines in the order of its heap, Verdin in the order of their start; all
#    times of a program are different multiples of 100 ms, and so are, nearly always, their sums;
#  - a second set() of an AsyncResult: overwrites there, throws here;
#  - Queue(0), which is unbounded there and refused here;
#  - reports of errors that nobody took: at once there, with the last handle here;
#  - kill() of oneself: throws at once here, there only when what is ready has had its turn;
#  - AsyncResult.wait() on one that is ready: lets those go first that are being told there, returns at once here;
#  - Channel.get() where somebody waits to put: lets others run first there, takes at once here (gevent_runner.py does so, too);
#  - main is killed by nobody: it is the thread's own stack in gevent, a greenlet like others here.


@dataclass
class Operation:
    words: list
    first: list = None      # a block, or None
    joined_by: str = None   # 'finally', 'catch', 'swallow'
    second: list = None


@dataclass
class Program:
    objects: list = field(default_factory=list)  # lines
    bodies: dict = field(default_factory=dict)   # name -> block


def lines_of(block):
    for operation in block:
        text = ' '.join(operation.words)
        if operation.first is None:
            yield text
            continue
        yield text + ' {'
        yield from lines_of(operation.first)
        if operation.joined_by:
            yield '} %s {' % operation.joined_by
            yield from lines_of(operation.second)
        yield '}'


def text_of(program):
    lines = list(program.objects)
    for name, block in program.bodies.items():
        lines += ['body ' + name, *lines_of(block), '}']
    return '\n'.join(lines + ['run', ''])


# ---- making them

MOST_DEPTH = 2


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.times = self.random.sample(range(1, 20000), 200)
        self.counts = {}
        self.body = '0'  # whose operations are made

    def program(self):
        pick = self.random
        program = Program()
        self.bodies = [str(n) for n in range(1, pick.randint(2, 7))]
        # Few kinds of objects in one program, so that its greenlets meet.
        for kind in pick.sample(list(KINDS), min(len(KINDS), pick.randint(1, 3))):
            self.counts[kind] = pick.randint(1, 2)
            for _ in range(self.counts[kind]):
                program.objects.append(KINDS[kind](pick))
        self.families = [family for family in FAMILIES if family[1] is None or family[1] in self.counts]
        program.bodies['0'] = [Operation(['spawn', body]) for body in self.bodies if pick.random() < 0.7]
        program.bodies['0'] += self.block(0, pick.randint(1, 8))
        for self.body in self.bodies:
            program.bodies[self.body] = self.block(0, pick.randint(1, 8))
        return program

    def block(self, depth, most):
        return [self.operation(depth) for _ in range(self.random.randint(1, most))]

    def operation(self, depth):
        pick = self.random
        if depth < MOST_DEPTH and pick.random() < 0.12:
            return self.nested(depth)
        weights = [family[0] for family in self.families]
        _, kind, patterns = pick.choices(self.families, weights)[0]
        words = []
        for word in pick.choice(patterns).split():
            words += self.fill(word, kind)
        victims = {'kill': words[1:2], 'kill_for': words[1:2], 'kill_all': words[2:]}
        if self.body in victims.get(words[0], []):
            return self.operation(depth)
        return Operation(words)

    def nested(self, depth):
        pick = self.random
        first = self.block(depth + 1, 4)
        if pick.random() < 0.4:
            return Operation(['timeout', self.time()], first)
        joined_by = pick.choices(['finally', 'catch', 'swallow'], [4, 3, 1])[0]
        return Operation(['try'], first, joined_by, self.block(depth + 1, 3))

    def time(self):
        return str(self.times.pop() * 100) if self.times else '1'

    def fill(self, word, kind):
        pick = self.random
        if word == 'BODY':
            return [pick.choice(self.bodies)]
        if word == 'BODIES':
            return pick.sample(self.bodies, pick.randint(1, len(self.bodies)))
        if word == 'COUNT':
            return [pick.choice(['0', '0', '1', '2'])]
        if word == 'TIME':
            return [self.time()]
        if word == 'MAYBE_TIME':
            return [self.time() if pick.random() < 0.3 else '0']
        if word == 'NUMBER':
            return [str(pick.randint(1, 9))]
        if word == 'OBJECT':
            return [str(pick.randrange(self.counts[kind]))]
        return [word]


KINDS = {
    'event': lambda pick: 'event',
    'queue': lambda pick: 'queue %d' % pick.choice([0, 1, 1, 2]),
    'semaphore': lambda pick: 'semaphore %d' % pick.randint(0, 2) if pick.random() < 0.7 else 'bounded %d' % pick.randint(1, 2),
    'result': lambda pick: 'result',
    'channel': lambda pick: 'channel',
}

# Weight, the kind of object that it needs, and the operations.
FAMILIES = [
    (3, None, ['sleep 0', 'sleep 0', 'sleep TIME']),
    (2, None, ['spawn BODY', 'spawn BODY', 'spawn BODY', 'spawn_after BODY TIME']),
    (3, None, ['kill BODY', 'kill BODY', 'kill_async BODY', 'kill_async BODY', 'boom_async BODY NUMBER', 'kill_for BODY TIME',
               'kill_all MAYBE_TIME BODIES']),
    (3, None, ['join BODY', 'join_for BODY TIME', 'get BODY',
               'join_all COUNT MAYBE_TIME keep BODIES', 'join_all COUNT MAYBE_TIME raise BODIES']),
    (1, None, ['link BODY NUMBER', 'rawlink BODY NUMBER']),
    (0.4, None, ['raise NUMBER']),
    (7, 'event', ['set OBJECT', 'clear OBJECT', 'wait OBJECT', 'wait OBJECT', 'wait_for OBJECT TIME']),
    (7, 'queue', ['put OBJECT', 'put OBJECT', 'take OBJECT', 'take OBJECT', 'put_for OBJECT TIME', 'take_for OBJECT TIME',
                  'try_put OBJECT', 'try_take OBJECT']),
    (7, 'semaphore', ['acquire OBJECT', 'acquire OBJECT', 'acquire_for OBJECT TIME', 'try_acquire OBJECT', 'release OBJECT',
                      'release OBJECT', 'release OBJECT']),
    (4, 'result', ['fulfil OBJECT NUMBER', 'fail OBJECT NUMBER', 'result OBJECT', 'result OBJECT', 'result_for OBJECT TIME',
                   'await OBJECT']),
    (7, 'channel', ['send OBJECT', 'send OBJECT', 'receive OBJECT', 'receive OBJECT', 'send_for OBJECT TIME',
                    'receive_for OBJECT TIME']),
]


# ---- making them smaller

def smaller(program):
    """Programs with something left out, the largest pieces first."""
    for body in list(program.bodies):
        if body != '0':
            yield without_body(program, body)
    for body, block in program.bodies.items():
        for changed in smaller_blocks(block):
            yield Program(program.objects, {**program.bodies, body: changed})


def smaller_blocks(block):
    for half in (block[:len(block) // 2], block[len(block) // 2:]):
        if len(half) > 1:
            yield half
    for at, operation in enumerate(block):
        yield block[:at] + block[at + 1:]
        if operation.first is None:
            continue
        yield block[:at] + operation.first + block[at + 1:]
        for changed in smaller_blocks(operation.first):
            yield block[:at] + [Operation(operation.words, changed, operation.joined_by, operation.second)] + block[at + 1:]
        if operation.joined_by:
            for changed in smaller_blocks(operation.second):
                yield block[:at] + [Operation(operation.words, operation.first, operation.joined_by, changed)] + block[at + 1:]


def without_body(program, gone):
    bodies = {body: without_name(block, gone) for body, block in program.bodies.items() if body != gone}
    return Program(program.objects, bodies)


NAMES_ONE = {'spawn', 'spawn_after', 'kill', 'kill_for', 'kill_async', 'boom_async', 'join', 'join_for', 'get', 'link', 'rawlink'}


def without_name(block, gone):
    kept = []
    for operation in block:
        words = operation.words
        if words[0] in NAMES_ONE and words[1] == gone:
            continue
        if words[0] in ('join_all', 'kill_all'):
            fixed = 4 if words[0] == 'join_all' else 2
            words = words[:fixed] + [word for word in words[fixed:] if word != gone]
            if len(words) == fixed:
                continue
        kept.append(Operation(words, operation.first and without_name(operation.first, gone), operation.joined_by,
                              operation.second and without_name(operation.second, gone)))
    return kept
