// The official client, over polling only, WebSocket only, and from one to the other: what an application uses every day.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ask, client, close_all, collect, connected, fence, joined, modes } from './lib/client.mjs';
import { request } from './lib/http.mjs';
import { Server } from './lib/server.mjs';
import { slow, Channel, event, within } from './lib/wait.mjs';

const kServerTypes = [null, true, false, 0, -1, 1.5, 1e21, 9007199254740991, '', 'h\u00e9llo \u4e16\u754c \u{1f642} \u2028 "\\ \u0001\u0000', [], {}, [1, [2, [3]]], { a: { b: [null] } }];
const kClientTypes = [...kServerTypes, -0.1, 5e-324, 1.7976931348623157e308, -9007199254740991, 4294967296, '\ud83d\ude42'.repeat(100), '</script>', '\u007f\u0080\ufeff\uffff', { '': { ' ': 1, '__proto__x': 2, é: 3 } }, Array.from({ length: 200 }, (_, i) => i)];
const B = (n) => Buffer.from(Array.from({ length: n }, (_, i) => i & 255));

/** A promise for the arguments of the next such event. */
const next = (socket, name) => event(socket, name);
const nested = (depth, leaf) => (depth ? [{ d: nested(depth - 1, leaf) }] : leaf);

let server;
before(async () => (server = await Server.start('interop_server')));
after(async () => {
  close_all();
  await server.stop();
});

for (const mode of Object.keys(modes)) {
  const other = (nsp) => connected(server, 'websocket', { nsp });
  const call_off = (...sockets) => sockets.forEach((socket) => socket.disconnect());

  describe(mode, { concurrency: 4 }, () => {
    it('connects and gets its auth payload back', async () => {
      const auth = { user: 'Ändy', deep: [{ n: 1.5, x: null }], token: '1' };
      const socket = client(server, mode, { auth });
      const hello = next(socket, 'hello');
      await joined(socket);
      assert.deepEqual(await hello, [{ auth }]);
      assert.equal(socket.id.length, 20);
      assert.notEqual(socket.id, socket.io.engine.id);
      call_off(socket);
    });
    it('gets an empty auth payload when there is none', async () => {
      const socket = client(server, mode);
      assert.deepEqual(await next(socket, 'hello'), [{ auth: {} }]);
      call_off(socket);
    });
    it('travels as it was told', async () => {
      const socket = await connected(server, mode);
      const name = mode === 'polling' ? 'polling' : 'websocket';
      assert.deepEqual(await ask(socket, 'where'), [name]);
      assert.equal(socket.io.engine.transport.name, name);
      call_off(socket);
    });
    it('is described truly by its handshake', async () => {
      const socket = await connected(server, mode, { auth: { a: 1 }, query: { room: 'é &=', __proto__x: '1' }, extraHeaders: { 'X-Token': 'abc' } });
      const [got] = await ask(socket, 'handshake');
      assert.equal(got.id, socket.id);
      assert.equal(got.nsp, '/');
      assert.deepEqual(got.auth, { a: 1 });
      assert.equal(got.query.room, 'é &=');
      assert.equal(got.query.__proto__x, '1');
      assert.equal(got.query.EIO, '4');
      assert.equal(got.query.transport, mode === 'websocket' ? 'websocket' : 'polling');
      assert.ok(got.url.startsWith('/socket.io/?'), got.url);
      assert.match(got.address, /127\.0\.0\.1$/);
      assert.deepEqual([got.secure, got.xdomain], [false, false]);
      assert.equal(got.headers['x-token'], 'abc');
      assert.equal(got.headers.host, server.host);
      call_off(socket);
    });

    describe('auth', { concurrency: 4 }, () => {
      it('lets the right token in', async () => {
        const socket = client(server, mode, { nsp: '/auth', auth: { token: 'secret', user: 'Andy' } });
        assert.deepEqual(await next(socket, 'welcome'), ['Andy']);
        assert.deepEqual(await ask(socket, 'rooms'), [['checked'], true]);
        call_off(socket);
      });
      for (const auth of [undefined, {}, { token: 'wrong' }, { token: 7 }, { token: null }, { token: ['secret'] }])
        it(`refuses ${JSON.stringify(auth)} with the middleware's message and data`, async () => {
          const socket = client(server, mode, { nsp: '/auth', auth });
          let in_it = false;
          socket.on('connect', () => (in_it = true));
          const [error] = await next(socket, 'connect_error');
          assert.equal(error.message, 'unauthorized');
          assert.deepEqual(error.data, { code: 'E_AUTH', token: auth?.token ?? null });
          assert.equal(in_it, false);
          call_off(socket);
        });
      it('may be repeated on the same connection', async () => {
        const main = await connected(server, mode);
        const socket = main.io.socket('/auth', { auth: { token: 'wrong' } });
        await next(socket, 'connect_error');
        socket.auth = { token: 'secret' };
        const welcome = next(socket, 'welcome');
        socket.connect();
        assert.deepEqual(await welcome, [null]);
        await fence(main);
        call_off(socket, main);
      });
      it('refuses a namespace that is not there; the others go on', async () => {
        const socket = await connected(server, mode);
        const lost = socket.io.socket('/nowhere');
        const error = next(lost, 'connect_error');
        lost.connect();
        assert.equal((await error)[0].message, 'Invalid namespace');
        await fence(socket);
        call_off(lost, socket);
      });
      it('of one client may take its time while others connect', async () => {
        const late = client(server, mode, { nsp: '/slow-auth', auth: { delay: 1500 } });
        const waiting = joined(late);
        const quick = await connected(server, mode);
        await fence(quick);
        assert.equal(late.connected, false);
        await waiting;
        await fence(late);
        call_off(late, quick);
      });
    });

    describe('values', { concurrency: 4 }, () => {
      it('of every JSON type arrive as the server made them', async () => {
        const socket = await connected(server, mode);
        const got = next(socket, 'types');
        socket.emit('types');
        const args = await got;
        assert.deepEqual(args.slice(0, -1), kServerTypes);
        assert.ok(Buffer.from([0, 1, 254, 255]).equals(args.at(-1)));
        assert.equal(Object.is(args[3], 0), true);
        call_off(socket);
      });
      it('of every JSON type come back as sent, one by one and all at once', async () => {
        const socket = await connected(server, mode);
        const answers = await Promise.all(kClientTypes.map((value) => ask(socket, 'echo', value)));
        answers.forEach((answer, i) => assert.deepEqual(answer, [kClientTypes[i]]));
        assert.deepEqual(await ask(socket, 'echo', ...kClientTypes), kClientTypes);
        const back = next(socket, 'echo');
        socket.emit('echo', ...kClientTypes);
        assert.deepEqual(await back, kClientTypes);
        assert.deepEqual(await ask(socket, 'echo'), []);
        call_off(socket);
      });
      it('that JSON does not know become what JSON makes of them', async () => {
        const socket = await connected(server, mode);
        const date = new Date(0);
        assert.deepEqual(await ask(socket, 'echo', undefined, NaN, date, { u: undefined }), [null, null, date.toISOString(), {}]);
        call_off(socket);
      });
      it('nested to a reasonable depth', async () => {
        const socket = await connected(server, mode);
        const deep = nested(100, 'x');
        assert.deepEqual(await ask(socket, 'echo', deep), [deep]);
        call_off(socket);
      });
      it('binary made by the server', async () => {
        const socket = await connected(server, mode);
        for (const n of [0, 1, 4, 1000, 70_000]) {
          const got = next(socket, 'binary');
          socket.emit('binary', n);
          const [value] = await got;
          assert.ok(B(n).equals(value.first), `${n} octets`);
          assert.deepEqual(value.list, ['x', B(3)]);
          assert.equal(value.deep.a.b.length, 0);
        }
        call_off(socket);
      });
      it('binary comes back, alone, nested, typed, empty, with text around it', async () => {
        const socket = await connected(server, mode);
        assert.deepEqual(await ask(socket, 'echo', B(256)), [B(256)]);
        const value = { a: [B(1), 'x', { b: B(0) }], c: B(300) };
        assert.deepEqual(await ask(socket, 'echo', value, 'é', B(2)), [value, 'é', B(2)]);
        assert.deepEqual(await ask(socket, 'echo', new Uint16Array([1, 258])), [Buffer.from([1, 0, 2, 1])]);
        assert.deepEqual(await ask(socket, 'echo', Uint8Array.from([9, 8]).buffer), [Buffer.from([9, 8])]);
        const back = next(socket, 'echo');
        socket.emit('echo', 1, [B(5)]);
        assert.deepEqual(await back, [1, [B(5)]]);
        call_off(socket);
      });
      it('that look like placeholders or packets are only values', async () => {
        const socket = await connected(server, mode);
        for (const value of [{ _placeholder: false, num: 0 }, { _placeholder: 'true', num: 0 }, '42["x"]', '\u001e', '2probe', 'b64'])
          assert.deepEqual(await ask(socket, 'echo', value), [value]);
        call_off(socket);
      });
      it('text and binary keep their order', async () => {
        const socket = await connected(server, mode);
        const got = collect(socket, 'echo', new Channel('echo'));
        for (let i = 0; i < 200; i++) socket.emit('echo', i, i % 3 ? `t${i}` : B(i));
        for (let i = 0; i < 200; i++) assert.deepEqual(await got.next(), [i, i % 3 ? `t${i}` : B(i)]);
        call_off(socket);
      });
      it('just under the limit of 1,000,000 octets pass', async () => {
        const socket = await connected(server, mode);
        const text = 'é'.repeat(499_900);
        assert.ok((await ask(socket, 'echo', text))[0] === text);
        const octets = Buffer.alloc(mode === 'polling' ? 740_000 : 999_000, 0xa5);
        assert.ok(octets.equals((await ask(socket, 'echo', octets))[0]));
        call_off(socket);
      });
      it('over the limit end the connection', async () => {
        const socket = await connected(server, mode);
        const end = next(socket, 'disconnect');
        socket.emit('echo', 'x'.repeat(1_000_000));
        const [reason, details] = await end;
        if (mode === 'polling') {
          assert.equal(reason, 'transport error');
          // The poll that was sent meanwhile may come behind the body, and find the session gone.
          assert.ok([413, 400].includes(details.description), String(details.description));
        } else {
          assert.equal(reason, 'transport close');
          assert.equal(details.context.code, 1009);
        }
      });
    });

    describe('acknowledgements', { concurrency: 4 }, () => {
      it('of many requests at once each find their own', async () => {
        const socket = await connected(server, mode);
        const answers = await Promise.all(Array.from({ length: 300 }, (_, i) => ask(socket, 'echo', i)));
        answers.forEach((answer, i) => assert.deepEqual(answer, [i]));
        call_off(socket);
      });
      it('asked for by the server come back to it with all arguments', async () => {
        const socket = await connected(server, mode);
        socket.on('question', (...args) => args.pop()(...args.reverse()));
        assert.deepEqual(await ask(socket, 'ask', 5000, 1, 'two', B(3), { é: [null] }), ['answer', { é: [null] }, B(3), 'two', 1]);
        assert.deepEqual(await ask(socket, 'ask', 5000), ['answer']);
        call_off(socket);
      });
      it('asked for by the server of everybody in a room', async () => {
        const room = `all-${mode}`;
        const sockets = [];
        for (let i = 0; i < 3; ++i) {
          const socket = await connected(server, mode);
          socket.on('question', (what, answer) => answer(what === room ? i : -1));
          await ask(socket, 'join', room);
          sockets.push(socket);
        }
        assert.deepEqual(await ask(sockets[0], 'ask-all', 5000, room), [[0, 1, 2], 0]);
        sockets[1].off('question');
        assert.deepEqual(await ask(sockets[0], 'ask-all', 1000 * slow, room), [[0, 2], 1]);
        sockets[1].on('question', () => sockets[1].disconnect());
        assert.deepEqual(await ask(sockets[0], 'ask-all', 5000, room), [[0, 2], 1]);
        sockets[2].on('question', () => {});
        sockets[2].off('question');
        sockets[2].on('question', (what, answer) => answer('no number'));
        assert.deepEqual(await ask(sockets[0], 'ask-all', 5000, room), [[0], 1]);
        assert.deepEqual(await ask(sockets[0], 'ask-all', 5000, 'nobody'), [[], 0]);
        call_off(...sockets);
      });
      it('of a handler for one event, and listeners for all', async () => {
        const socket = await connected(server, mode);
        const heard = [];
        socket.on('heard', (...what) => heard.push(what));
        await ask(socket, 'listen');
        assert.deepEqual(await ask(socket, 'rare', 41), [42]);
        assert.deepEqual(await ask(socket, 'rare', 41), ['none is left']);
        socket.emit('nobody listens', 1, B(3), 'x');
        assert.deepEqual(await ask(socket, 'echo', B(2), [1]), [B(2), [1]]);
        await ask(socket, 'unlisten');
        await ask(socket, 'rare');
        assert.deepEqual(heard, [['rare', 1], ['rare', 1], ['nobody listens', 3], ['echo', 2]]);
        call_off(socket);
      });
      it('asked for by the server many at once', async () => {
        const socket = await connected(server, mode);
        const waiting = [];
        socket.on('question', (i, answer) => {
          waiting.push(() => answer(i * i));
          if (waiting.length === 50) waiting.reverse().forEach((run) => run());
        });
        assert.deepEqual(await ask(socket, 'ask-many', 50), [Array.from({ length: 50 }, (_, i) => i * i)]);
        call_off(socket);
      });
      it('that do not come in time are a timeout, and a late one is ignored', async () => {
        const socket = await connected(server, mode);
        let late;
        socket.on('question', (answer) => (late = answer));
        assert.deepEqual(await ask(socket, 'ask', 60), ['timeout']);
        late('too late');
        await fence(socket);
        call_off(socket);
      });
      it('given later, twice, or by an event that returns nothing', async () => {
        const socket = await connected(server, mode);
        const later = ask(socket, 'ack-later', 50, 'a', B(1));
        await fence(socket);
        assert.deepEqual(await later, ['a', B(1)]);
        const twice = [];
        socket.emit('ack-twice', (n) => twice.push(n));
        await fence(socket);
        assert.deepEqual(twice, [1]);
        assert.deepEqual(await ask(socket, 'void', 1, 2), []);
        assert.deepEqual(await ask(socket, 'typed-tuple'), [1, 'two', [3, 4]]);
        call_off(socket);
      });
    });

    describe('rooms and namespaces', { concurrency: 4 }, () => {
      it('join and leave, one or several', async () => {
        const socket = await connected(server, mode);
        assert.deepEqual(await ask(socket, 'rooms'), [[], true]);
        assert.deepEqual(await ask(socket, 'join', 'b'), [true]);
        await ask(socket, 'join', ['a', 'c', 'b']);
        assert.deepEqual(await ask(socket, 'rooms'), [['a', 'b', 'c'], true]);
        await ask(socket, 'leave', 'b');
        await ask(socket, 'leave', 'never');
        assert.deepEqual(await ask(socket, 'rooms'), [['a', 'c'], true]);
        call_off(socket);
      });
      it('reach exactly whom they name', async () => {
        const nsp = '/admin';
        const [me, inside, both, outside] = [await connected(server, mode, { nsp }), await other(nsp), await connected(server, mode, { nsp }), await other(nsp)];
        const all = { me, inside, both, outside };
        const tag = `${mode} reach`;
        const got = Object.fromEntries(Object.keys(all).map((key) => [key, []]));
        for (const [key, socket] of Object.entries(all)) socket.on('cast', (which, what) => which === tag && got[key].push(what));
        const r1 = `${mode} 1`;
        const r2 = `${mode} 2 é`;
        await Promise.all([ask(me, 'join', r1), ask(inside, 'join', r1), ask(both, 'join', [r1, r2])]);
        const casts = [
          ['socket', [r1], [], 'from me to 1'],
          ['nsp', [r1], [], 'to 1'],
          ['nsp', [r1, r2], [], 'to 1 or 2, once each'],
          ['nsp', [r1], [r2], 'to 1 but not 2'],
          ['socket', [], [r1], 'to others not in 1'],
          ['nsp', [outside.id], [], 'to one socket'],
          ['nsp', ['nobody'], [], 'to nobody'],
          ['nsp', [], [inside.id, outside.id], 'to all but two'],
        ];
        for (const [how, rooms, except, what] of casts) assert.deepEqual(await ask(me, 'cast', how, rooms, except, tag, what), [true]);
        await Promise.all(Object.values(all).map(fence));
        assert.deepEqual(got, {
          me: ['to 1', 'to 1 or 2, once each', 'to 1 but not 2', 'to all but two'],
          inside: ['from me to 1', 'to 1', 'to 1 or 2, once each', 'to 1 but not 2'],
          both: ['from me to 1', 'to 1', 'to 1 or 2, once each', 'to all but two'],
          outside: ['to others not in 1', 'to one socket'],
        });
        call_off(...Object.values(all));
      });
      it('broadcast binary to everybody else', async () => {
        const nsp = '/bare';
        const [me, a, b] = [await connected(server, mode, { nsp }), await connected(server, mode, { nsp }), await other(nsp)];
        let mine = 0;
        me.on('broadcast', (which) => (mine += which === mode));
        const got = [a, b].map((socket) => within(new Promise((resolve) =>
          socket.on('broadcast', (which, ...args) => which === mode && resolve(args))), 'the broadcast'));
        await ask(me, 'broadcast', mode, { x: B(3) }, B(2));
        for (const args of await Promise.all(got)) assert.deepEqual(args, [{ x: B(3) }, B(2)]);
        await fence(me);
        assert.equal(mine, 0);
        call_off(me, a, b);
      });
      it('several namespaces share a connection and nothing else', async () => {
        const main = await connected(server, mode);
        const admin = main.io.socket('/admin');
        const auth = main.io.socket('/auth', { auth: { token: 'secret' } });
        await Promise.all([joined(admin), joined(auth)]);
        assert.equal(new Set([main.id, admin.id, auth.id]).size, 3);
        await ask(main, 'join', 'shared');
        assert.deepEqual(await ask(admin, 'rooms'), [[], true]);
        let heard = 0;
        main.on('cast', () => heard++);
        await ask(admin, 'cast', 'nsp', ['shared', main.id], [], 'x');
        await fence(main);
        assert.equal(heard, 0);
        const { id } = admin;
        admin.disconnect();
        assert.equal((await ask(main, 'wait-disconnect', id))[0].id, id);
        await fence(auth);
        assert.equal((await ask(auth, 'handshake'))[0].nsp, '/auth');
        call_off(auth, main);
      });
    });

    describe('the end', { concurrency: 4 }, () => {
      let witness;
      before(async () => (witness = await other()));
      const told = async (id) => (await ask(witness, 'wait-disconnect', id))[0];

      it('by the server, of a namespace', async () => {
        const socket = await connected(server, mode);
        const admin = await joined(socket.io.socket('/admin'));
        const { id } = socket;
        await ask(socket, 'join', ['x', 'y']);
        const end = next(socket, 'disconnect');
        socket.emit('kick');
        assert.equal((await end)[0], 'io server disconnect');
        assert.deepEqual(await told(id), { id, nsp: '/', reason: 'server namespace disconnect', rooms: ['x', 'y'] });
        await fence(admin);
        socket.connect();
        await joined(socket);
        assert.notEqual(socket.id, id);
        assert.deepEqual(await ask(socket, 'rooms'), [[], true]);
        call_off(socket, admin);
      });
      it('by the server, of everything', async () => {
        const socket = await connected(server, mode);
        const admin = await joined(socket.io.socket('/admin'));
        const ids = [socket.id, admin.id];
        const ends = [socket, admin].map((one) => next(one, 'disconnect'));
        socket.emit('kick-all');
        for (const [reason] of await Promise.all(ends)) assert.equal(reason, 'io server disconnect');
        for (const id of ids) assert.equal((await told(id)).reason, 'server namespace disconnect');
      });
      it('by the server, after what it said before', async () => {
        const socket = await connected(server, mode);
        const got = [];
        socket.on('bye', (n) => got.push(n));
        const end = next(socket, 'disconnect');
        socket.emit('bye-kick');
        assert.equal((await end)[0], 'io server disconnect');
        assert.deepEqual(got, [1, 2]);
      });
      it('by the client, of a namespace', async () => {
        const socket = await connected(server, mode);
        const admin = await joined(socket.io.socket('/admin'));
        const { id } = admin;
        await ask(admin, 'join', 'z');
        const end = next(admin, 'disconnect');
        admin.disconnect();
        assert.equal((await end)[0], 'io client disconnect');
        assert.deepEqual(await told(id), { id, nsp: '/admin', reason: 'client namespace disconnect', rooms: ['z'] });
        await fence(socket);
        admin.connect();
        await joined(admin);
        assert.deepEqual(await ask(admin, 'rooms'), [[], true]);
        call_off(admin, socket);
      });
      it('by the client, of everything', async () => {
        const socket = await connected(server, mode);
        const { id } = socket;
        socket.disconnect();
        assert.equal((await told(id)).reason, 'client namespace disconnect');
      });
      it('by the client, of the engine only', async () => {
        const socket = await connected(server, mode);
        const { id } = socket;
        await ask(socket, 'join', 'q');
        socket.io.engine.close();
        assert.deepEqual(await told(id), { id, nsp: '/', reason: 'transport close', rooms: ['q'] });
      });
      it('by a packet that nobody can parse', async () => {
        const socket = await connected(server, mode);
        const { id } = socket;
        const end = next(socket, 'disconnect');
        socket.io.engine.write('2{}');
        const [reason] = await end;
        assert.ok(['transport close', 'transport error'].includes(reason), reason);
        assert.equal((await told(id)).reason, 'forced close');
      });
      it('by a second CONNECT', async () => {
        const socket = await connected(server, mode);
        const { id } = socket;
        const end = next(socket, 'disconnect');
        socket.io.engine.write('0');
        await end;
        assert.match((await told(id)).reason, /^forced (server )?close$/);
      });
      if (mode !== 'polling')
        it('by the network', async () => {
          const socket = await connected(server, mode);
          const { id } = socket;
          const end = next(socket, 'disconnect');
          socket.io.engine.transport.ws._socket.destroy();
          await end;
          assert.ok(['transport close', 'transport error'].includes((await told(id)).reason));
        });
    });

    it('volatile emits are dropped when they cannot leave now, others never', async () => {
      const socket = await connected(server, mode);
      const got = [];
      socket.on('vol', (i) => got.push(i));
      const end = next(socket, 'vol-end');
      socket.emit('volatile', 5);
      assert.deepEqual(await end, [5]);
      assert.ok(got.length <= 1 && (got[0] ?? 0) === 0, `got ${got}`);
      call_off(socket);
    });
    it('keeps data with a socket', async () => {
      const [a, b] = [await connected(server, mode), await connected(server, mode)];
      await ask(a, 'set', { nick: 'é' });
      assert.deepEqual(await ask(a, 'get'), [{ nick: 'é' }]);
      assert.deepEqual(await ask(b, 'get'), [null]);
      call_off(a, b);
    });
  });
}

describe('the page beside the sockets', () => {
  it('is served on the same port', async () => {
    const { status, text } = await request(`${server.http}/health`);
    assert.deepEqual([status, text], [200, 'ok']);
    assert.equal((await request(`${server.http}/nothing`)).status, 404);
  });
});
