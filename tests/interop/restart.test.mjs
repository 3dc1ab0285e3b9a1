// The server goes away and comes back: clients notice in the right words and find their way back by themselves.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { ask, client, close_all, connected, fence, joined, rejoined, upgraded } from './lib/client.mjs';
import { sanitized, Server } from './lib/server.mjs';
import { Socket } from './lib/engine.mjs';
import { event, slow, within } from './lib/wait.mjs';

after(close_all);

const back = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200, randomizationFactor: 0 };

for (const [name, stop] of [['SIGTERM', (server) => server.stop()], ['SIGINT', (server) => server.stop('SIGINT')], ['kill -9', (server) => server.kill()]])
  describe(`after ${name}`, { concurrency: 3 }, () => {
    for (const mode of ['polling', 'websocket', 'upgrade'])
      it(`clients over ${mode} come back`, async () => {
        const first = await Server.start('interop_server');
        const sockets = Array.from({ length: 5 }, () => client(first, mode, back));
        await Promise.all(sockets.map(joined));
        if (mode === 'upgrade') await Promise.all(sockets.map(upgraded));
        const nsps = sockets.map((socket) => socket.io.socket('/admin'));
        await Promise.all(nsps.map(joined));
        const all = [...sockets, ...nsps];
        const ids = all.map((socket) => socket.id);
        const gone = all.map((socket) => event(socket, 'disconnect'));
        await stop(first);
        for (const [reason] of await Promise.all(gone)) {
          assert.notEqual(reason, 'io server disconnect');
          assert.ok(['transport close', 'transport error'].includes(reason), reason);
        }
        const again = await Server.start('interop_server', { port: first.port });
        await Promise.all(all.map(rejoined));
        all.forEach((socket, i) => assert.notEqual(socket.id, ids[i]));
        await Promise.all(all.map(fence));
        assert.deepEqual(await ask(nsps[0], 'open-sockets'), [5]);
        all.forEach((socket) => socket.disconnect());
        await again.stop();
      });
  });

describe('an orderly stop', { concurrency: 3 }, () => {
  it('closes WebSockets with 1001 or at least a close frame, not by cutting them', async () => {
    const server = await Server.start('interop_server');
    const sockets = await Promise.all(Array.from({ length: 5 }, () => Socket.open(server, '/socket.io/')));
    const ends = sockets.map((socket) => socket.end());
    await server.stop();
    for (const { code } of await Promise.all(ends)) assert.ok([1001, 1005, 1000].includes(code), String(code));
  });
  it('sends no DISCONNECT packet', async () => {
    const server = await Server.start('interop_server');
    const socket = await Socket.open(server, '/socket.io/');
    socket.send('40/bare,');
    assert.match(await socket.next(), /^40\/bare,/);
    await server.stop();
    await socket.end();
    assert.deepEqual(socket.packets.items.filter((packet) => String(packet).startsWith('41')), []);
  });
  it('does not wait for handlers that sleep', async () => {
    const server = await Server.start('interop_server');
    const socket = await connected(server);
    const asked = event(socket, 'question');
    socket.emit('ask', 60_000);
    await asked;
    const other = await connected(server);
    other.emit('slow', 60_000);
    await fence(await connected(server));
    await within(server.stop(), 'the server to stop');
  });
  for (const mode of ['polling', 'websocket', 'upgrade'])
    it(`is over in 2 s, with clients over ${mode} that are there, and some that have left`, async () => {
      const server = await Server.start('interop_server');
      const sockets = await Promise.all(Array.from({ length: 10 }, () => connected(server, mode)));
      await Promise.all(sockets.map(fence));
      sockets.slice(5).forEach((socket) => socket.disconnect());
      const start = Date.now();
      await server.stop();
      assert.ok(Date.now() - start <= 2000 * slow, `it took ${Date.now() - start} ms`);
    });
  // A sanitizer's own end takes so long that the second signal may find nobody to handle it.
  it('with nobody there, twice asked', { skip: sanitized }, async () => {
    const server = await Server.start('interop_server');
    server.child.kill('SIGTERM');
    server.child.kill('SIGTERM');
    const { code, signal } = await within(server.exited, 'the server to exit');
    // The second may find it when it has ended already, and handles signals no more.
    assert.ok(code === 0 || signal === 'SIGTERM', `${code ?? signal}: ${server.errors}`);
  });
});
