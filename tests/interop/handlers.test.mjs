// What handlers may do and what may be done to them: block, throw, get arguments of the wrong type, lose their client.
// One server, one case after the other, because the server's counters are compared.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ask, client, close_all, connected, fence, joined } from './lib/client.mjs';
import { Socket } from './lib/engine.mjs';
import { Server, strict } from './lib/server.mjs';
import { event, until } from './lib/wait.mjs';

let server;
let witness;
before(async () => {
  server = await Server.start('interop_server');
  witness = await connected(server, 'websocket', { nsp: '/bare' });
});
after(async () => {
  close_all();
  await server.stop();
});

const stats = async () => (await ask(witness, 'stats'))[0];
const told = async (id) => (await ask(witness, 'wait-disconnect', id))[0];
/** How much the counter `name` grows while `work` runs. */
const growth = async (name, work) => {
  const start = (await stats())[name];
  await work();
  return (await stats())[name] - start;
};

describe('a handler with typed parameters', () => {
  const user = { nick: 'é', age: 41, tags: ['a', ''], at: { x: 1, y: -0.5 } };
  const right = [
    ['typed', [21, 'x', true], [{ n: 42, s: 'x', flag: true }]],
    ['typed', [-1, ''], [{ n: -2, s: '', flag: null }]],
    ['typed', [0, '\u{1f642}', null], [{ n: 0, s: '\u{1f642}', flag: null }]],
    ['typed-u8', [0], [0]],
    ['typed-u8', [255], [255]],
    ['typed-user', [user], [{ ...user, age: 42 }]],
    ['typed-binary', [Buffer.from([1, 2, 250]), 'n'], [3, 253, 'n']],
    ['typed-binary', [Buffer.alloc(0), ''], [0, 0, '']],
    ['typed-map', [{ a: 1, 'b c': 2, é: 3 }], [6]],
    ['typed-map', [{}], [0]],
  ];
  for (const [name, args, answer] of right)
    it(`${name} takes ${JSON.stringify(args)}`, async () => {
      const socket = await connected(server);
      assert.deepEqual(await ask(socket, name, ...args), answer);
      socket.disconnect();
    });
  const wrong = {
    typed: [[], [1], ['1', 'x'], [1.5, 'x'], [1, 2], [null, 'x'], [1, 'x', 1], [1, 'x', 'true'], [{}, 'x'], [[1], 'x'], [2147483648, 'x'], [1e300, 'x'], [true, 'x'], [Buffer.from([1]), 'x']],
    'typed-u8': [[-1], [256], [0.5], ['1'], [null], [true]],
    'typed-user': [[], ['x'], [null], [[]], [{ ...user, nick: 1 }], [{ ...user, age: 256 }], [{ ...user, tags: 'a' }], [{ ...user, tags: [1] }], [{ ...user, at: null }], [{ ...user, at: { x: 1 } }], [{ ...user, at: { x: '1', y: 1 } }], [{ nick: 'x' }]],
    'typed-binary': [['x', 'y'], [[1, 2], 'y'], [Buffer.from([1])], [{ _placeholder: true }, 'x'].slice(1)],
    'typed-map': [['x'], [[1]], [{ a: 'x' }], [{ a: 1.5 }], [{ a: null }]],
  };
  for (const [name, cases] of Object.entries(wrong))
    it(`${name} is not called with ${cases.length} sorts of wrong arguments; the hook is, and the socket stays`, async () => {
      const socket = await connected(server);
      const grown = await growth('decode_errors', async () => {
        for (const args of cases) {
          let acked = false;
          socket.emit(name, ...args, () => (acked = true));
          await fence(socket);
          assert.equal(acked, false, `called with ${JSON.stringify(args)}`);
        }
      });
      assert.equal(grown, cases.length);
      socket.disconnect();
    });
  it('ignores arguments behind those it takes', async () => {
    const socket = await connected(server);
    assert.deepEqual(await ask(socket, 'typed-u8', 7, 'more', {}), [7]);
    socket.disconnect();
  });
});

describe('a handler that blocks', () => {
  it('delays no other socket, on its own connection or another', async () => {
    const [slow, other] = [await connected(server), await connected(server, 'polling')];
    const sibling = await joined(slow.io.socket('/admin'));
    let slept = false;
    const sleeping = ask(slow, 'slow', 1500).then((answer) => ((slept = true), answer));
    for (let i = 0; i < 20; i++) await Promise.all([fence(other), fence(sibling)]);
    assert.equal(slept, false);
    assert.deepEqual(await sleeping, ['slept', 1500]);
    for (const socket of [sibling, slow, other]) socket.disconnect();
  });
  strict('is followed by the later events of its socket in order', async () => {
    const socket = await connected(server);
    const order = [];
    const slow = ask(socket, 'slow', 200).then(() => order.push('slow'));
    const quick = ask(socket, 'echo').then(() => order.push('quick'));
    await Promise.all([slow, quick]);
    assert.deepEqual(order, ['slow', 'quick']);
    socket.disconnect();
  });
  it('a hundred at once are slow together, not one after the other', async () => {
    const sockets = await Promise.all(Array.from({ length: 100 }, () => connected(server)));
    const start = Date.now();
    await Promise.all(sockets.map((socket) => ask(socket, 'slow', 300)));
    assert.ok(Date.now() - start < 10_000, `${Date.now() - start} ms`);
    sockets.forEach((socket) => socket.disconnect());
  });
  it('may ask its client something, and is woken when the client leaves instead', async () => {
    const socket = await connected(server);
    const { id } = socket;
    const grown = await growth('asks_abandoned', async () => {
      const asked = event(socket, 'question');
      socket.emit('ask', 30_000, 'you there?');
      await asked;
      socket.disconnect();
      await told(id);
      await until(async () => (await stats()).asks_abandoned, 'the handler to be woken');
    });
    assert.equal(grown, 1);
  });
  it('may outlive its client', async () => {
    const socket = await connected(server);
    const { id } = socket;
    const sibling = await joined(socket.io.socket('/admin'));
    socket.emit('slow', 300);
    socket.emit('ack-later', 200, 'x', () => {});
    await fence(sibling);
    socket.io.engine.close();
    assert.equal((await told(id)).id, id);
    await ask(witness, 'slow', 400);
    assert.ok(server.alive);
  });
  strict('works through what its client sent before it left', async () => {
    const socket = await connected(server);
    const { id } = socket;
    const grown = await growth('handler_errors', async () => {
      socket.emit('slow', 150);
      socket.emit('throw');
      socket.disconnect();
      await told(id);
    });
    assert.equal(grown, 1);
  });
});

describe('a handler that throws', () => {
  it('is reported; its socket, the others and the server live on', async () => {
    const socket = await connected(server);
    const grown = await growth('handler_errors', async () => {
      for (let i = 0; i < 10; i++) {
        let acked = false;
        socket.emit('throw', () => (acked = true));
        await fence(socket);
        assert.equal(acked, false);
      }
    });
    assert.equal(grown, 10);
    socket.disconnect();
  });
});

describe('an event', () => {
  it('named error is an event like others', async () => {
    const socket = await connected(server);
    assert.deepEqual(await ask(socket, 'error', 1), [1]);
    socket.disconnect();
  });
  it('without a handler is dropped, without an ack', async () => {
    const socket = await connected(server);
    let acked = false;
    for (const name of ['nobody', '', '__proto__', 'constructor', 'toString', 'Echo', 'é'.repeat(1000)]) socket.emit(name, 1, () => (acked = true));
    await fence(socket);
    assert.equal(acked, false);
    socket.disconnect();
  });
});

describe('the counters', () => {
  it('tell who came, who was refused and who is there', async () => {
    const start = await stats();
    const refused = client(server, 'websocket', { nsp: '/auth' });
    await event(refused, 'connect_error');
    const socket = await connected(server);
    const now = await stats();
    assert.equal(now.refused - start.refused, 1);
    assert.equal(now.connections - start.connections, 1);
    const { id } = socket;
    socket.disconnect();
    await told(id);
    const end = await stats();
    assert.equal(now.open - end.open, 1);
    assert.equal(end.disconnects['client namespace disconnect'] - (now.disconnects['client namespace disconnect'] ?? 0), 1);
    refused.disconnect();
  });
  it('do not count one who left while the middleware was thinking', async () => {
    const start = await stats();
    const early = await Socket.open(server, '/socket.io/');
    early.send('40/slow-auth,{"delay":300}');
    await early.close();
    const late = await connected(server, 'websocket', { nsp: '/slow-auth', auth: { delay: 600 } });
    assert.equal((await stats()).connections - start.connections, 1);
    assert.deepEqual(await ask(late, 'open-sockets'), [1]);
    const { id } = late;
    late.disconnect();
    await told(id);
  });
  it('fall back when clients go, whatever way', async () => {
    const start = (await stats()).open;
    const sockets = await Promise.all(['polling', 'websocket', 'upgrade'].flatMap((mode) => Array.from({ length: 10 }, () => connected(server, mode))));
    assert.equal((await stats()).open, start + 30);
    sockets.forEach((socket, i) => (i % 2 ? socket.disconnect() : socket.io.engine.close()));
    await until(async () => (await stats()).open === start, 'all of them to be gone');
  });
});
