// Order and completeness under load: thousands of numbered messages both ways while the transport changes; many clients at
// once; big messages.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ask, client, close_all, connected, fence, joined, modes, upgraded } from './lib/client.mjs';
import { Server } from './lib/server.mjs';
import { event, until } from './lib/wait.mjs';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Notes every `number` that is not one more than the one before. */
function watch(socket) {
  const seen = { next: 0, wrong: [] };
  socket.on('number', (i) => {
    if (i !== seen.next) seen.wrong.push([i, seen.next]);
    seen.next = i + 1;
  });
  return seen;
}

/** Emits numbers in uneven bursts, a turn of the loop between them, until `done` has resolved and some more. */
async function chatter(socket, done) {
  let sent = 0;
  let over = false;
  done.then(() => (over = true));
  for (let more = 30; more > 0; more -= over ? 1 : 0) {
    for (let burst = 1 + ((sent * 7) % 23); burst > 0; burst--) socket.emit('number', sent++);
    await turn();
  }
  return sent;
}

describe('numbered messages through an upgrade', () => {
  let server;
  before(async () => (server = await Server.start('interop_server')));
  after(() => (close_all(), server.stop()));

  const moments = {
    'from the first moment': (socket) => joined(socket),
    'from the answer to the probe': (socket) => event(socket.io.engine, 'upgrading'),
    'from the moment it is complete': (socket) => event(socket.io.engine, 'upgrade'),
  };
  for (const [name, moment] of Object.entries(moments))
    for (const [kind, down] of [['paced', 300], ['numbers', 1500]])
      it(`neither lost, doubled nor out of order: ${kind}, ${name}`, async () => {
        const clients = Array.from({ length: 12 }, () => client(server, 'upgrade'));
        const work = clients.map(async (socket, i) => {
          const seen = watch(socket);
          const start = moment(socket);
          const up = joined(socket).then(() => upgraded(socket));
          await Promise.all([start, joined(socket)]);
          const flood = ask(socket, kind, down, kind === 'paced' ? 1 : i * 20);
          const sent = await chatter(socket, up);
          assert.deepEqual(await flood, [down]);
          assert.deepEqual(seen, { next: down, wrong: [] });
          assert.equal(socket.io.engine.transport.name, 'websocket');
          assert.deepEqual(await ask(socket, 'number-report'), [{ received: sent, wrong: 0, last: sent - 1 }]);
          socket.disconnect();
        });
        await Promise.all(work);
      });
  for (const mode of ['polling', 'websocket'])
    it(`as well over ${mode} alone`, async () => {
      const socket = await connected(server, mode);
      const seen = watch(socket);
      const flood = ask(socket, 'numbers', 5000, 10);
      const sent = await chatter(socket, flood);
      assert.deepEqual(seen, { next: 5000, wrong: [] });
      assert.deepEqual(await ask(socket, 'number-report'), [{ received: sent, wrong: 0, last: sent - 1 }]);
      socket.disconnect();
    });
});

describe('many clients', () => {
  let server;
  before(async () => (server = await Server.start('interop_server')));
  after(() => (close_all(), server.stop()));

  it('come at once, talk, hear each broadcast once, and leave nothing behind', async () => {
    const kinds = Object.keys(modes);
    const sockets = await Promise.all(Array.from({ length: 150 }, (_, i) => connected(server, kinds[i % 3])));
    assert.equal(new Set(sockets.map((socket) => socket.id)).size, sockets.length);
    await Promise.all(sockets.map(async (socket, i) => {
      for (let k = 0; k < 5; k++) assert.deepEqual(await ask(socket, 'echo', i, k, 'é'), [i, k, 'é']);
    }));
    const heard = sockets.map(() => []);
    sockets.forEach((socket, i) => socket.on('cast', (n) => heard[i].push(n)));
    for (let n = 0; n < 10; n++) assert.deepEqual(await ask(sockets[n], 'cast', 'nsp', [], [], n), [true]);
    await Promise.all(sockets.map(fence));
    heard.forEach((list) => assert.deepEqual(list, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
    const witness = await connected(server, 'websocket', { nsp: '/bare' });
    sockets.forEach((socket) => socket.disconnect());
    await until(async () => (await ask(witness, 'stats'))[0].open === 1, 'all to be gone');
    witness.disconnect();
  });
  it('come and go all the time', async () => {
    const kinds = Object.keys(modes);
    const visit = async (i) => {
      const socket = await connected(server, kinds[i % 3]);
      await ask(socket, 'join', `room ${i % 5}`);
      await ask(socket, 'cast', 'socket', [`room ${i % 5}`], [], i);
      socket[i % 2 ? 'disconnect' : 'close']();
    };
    for (let wave = 0; wave < 6; wave++) await Promise.all(Array.from({ length: 20 }, (_, i) => visit(wave * 20 + i)));
    const witness = await connected(server, 'websocket', { nsp: '/bare' });
    await until(async () => (await ask(witness, 'stats'))[0].open === 1, 'all to be gone');
    witness.disconnect();
  });
});

describe('big messages', { concurrency: 3 }, () => {
  let server;
  before(async () => (server = await Server.start('interop_server', { 'max-payload': 4_000_000 })));
  after(() => (close_all(), server.stop()));

  for (const mode of Object.keys(modes)) {
    it(`1 MB and more, text and binary, over ${mode}`, async () => {
      const socket = await connected(server, mode);
      for (const size of [1_000_000, 1 << 20, 2_500_000]) {
        const text = 'abcdefghij'.repeat(size / 10);
        assert.ok((await ask(socket, 'echo', text))[0] === text, `text of ${size}`);
        const octets = Buffer.alloc(size, 'verdin');
        assert.ok(octets.equals((await ask(socket, 'echo', octets))[0]), `binary of ${size}`);
      }
      socket.disconnect();
    });
    it(`several at once, among small ones, over ${mode}`, async () => {
      const socket = await connected(server, mode);
      const values = Array.from({ length: 30 }, (_, i) => (i % 5 ? i : { i, text: 'é'.repeat(100_000 + i), octets: Buffer.alloc(100_000 + i, i) }));
      const answers = await Promise.all(values.map((value) => ask(socket, 'echo', value)));
      answers.forEach((answer, i) => assert.deepEqual(answer, [values[i]]));
      socket.disconnect();
    });
  }
});
