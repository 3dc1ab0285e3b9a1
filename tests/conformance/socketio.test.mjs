// Socket.IO 5, sentence by sentence, against `socketio_server`: namespaces `/` and `/custom`; `auth` is emitted upon connection with
// the handshake's auth; `message` comes back as `message-back`, `message-with-ack` acks its arguments, `join` and `room` do rooms. Covers
// every case of the public suite (socket.io-protocol, v5) and the rules that it leaves out. Bare packets throughout; the
// official client has its turn in tests/interop. As in engineio.test.mjs there is a second server with a patient heartbeat.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Polling, Socket, base64 } from '../interop/lib/engine.mjs';
import { request } from '../interop/lib/http.mjs';
import { Server, strict } from '../interop/lib/server.mjs';
import { thrice, until, within } from '../interop/lib/wait.mjs';

const kPath = '/socket.io/';
const kInterval = 300;
const kTimeout = 200;
const kConnectTimeout = 1000;

let server;
let quick;
before(async () => {
  quick = await Server.start('socketio_server');
  server = await Server.start('socketio_server', { 'ping-interval': 25_000, 'ping-timeout': 20_000 });
});
after(async () => {
  await quick.stop();
  await server.stop();
});

const at = (query, host = server) => `${host.http}${kPath}${query}`;
const P = (num) => `{"_placeholder":true,"num":${num}}`;

const sid_of = (packet, prefix) => {
  assert.ok(packet.startsWith(prefix), packet);
  const handshake = JSON.parse(packet.slice(prefix.length));
  assert.deepEqual(Object.keys(handshake), ['sid']);
  assert.equal(typeof handshake.sid, 'string');
  return handshake.sid;
};
/** A WebSocket session that has joined the namespace and read its `auth`. */
const joined = async (nsp = '', options = {}) => {
  const socket = await Socket.open(options.host ?? server, kPath, options);
  await join(socket, nsp);
  return socket;
};
const join = async (socket, nsp = '') => {
  const where = nsp ? `${nsp},` : '';
  socket.send(`40${where}`);
  const sid = sid_of(await socket.next(), `40${where}`);
  assert.equal(await socket.next(), `42${where}["auth",{}]`);
  return sid;
};
const works = async (socket, nsp = '') => {
  const where = nsp ? `${nsp},` : '';
  socket.send(`42${where}["message","still"]`);
  assert.equal(await socket.next(), `42${where}["message-back","still"]`);
};
/** Sends packets (strings and octets) on a fresh connection that has joined `/`; the server must end it without a word. */
const ends = async (...packets) => {
  const socket = await joined();
  packets.forEach((packet) => socket.send(packet));
  await socket.end();
  assert.deepEqual(socket.packets.items.filter((item) => item !== '1'), []);
};
const gone = (session) =>
  until(async () => {
    const { json } = await request(at(`?EIO=4&transport=websocket&sid=${session.sid}`, session.server));
    return json().code === 1;
  }, 'the session to be gone');

describe('the engine below it', { concurrency: 8 }, () => {
  const fields = (handshake, upgrades) => {
    const { sid, ...rest } = handshake;
    assert.equal(typeof sid, 'string');
    assert.deepEqual(rest, { upgrades, pingInterval: kInterval, pingTimeout: kTimeout, maxPayload: 1_000_000 });
  };
  it('opens over polling', async () => fields((await Polling.open(quick, kPath)).handshake, ['websocket']));
  it('opens over WebSocket', async () => {
    const socket = await Socket.open(quick, kPath);
    fields(socket.handshake, []);
    await socket.close();
  });
  const refusals = [
    ['no version', '?transport=polling', 'GET', 5],
    ['a wrong version', '?EIO=abc&transport=polling', 'GET', 5],
    ['no transport', '?EIO=4', 'GET', 0],
    ['an unknown transport', '?EIO=4&transport=abc', 'GET', 0],
    ['POST', '?EIO=4&transport=polling', 'POST', 2],
    ['PUT', '?EIO=4&transport=polling', 'PUT', 2],
    ['an unknown session', '?EIO=4&transport=polling&sid=abc', 'GET', 1],
  ];
  for (const [name, query, method, code] of refusals)
    it(`refuses a handshake with ${name}`, async () => {
      const { status, json } = await request(at(query), { method });
      assert.equal(status, 400);
      assert.equal(json().code, code);
    });
  for (const query of ['transport=websocket', 'EIO=abc&transport=websocket', 'EIO=4', 'EIO=4&transport=abc'])
    it(`lets no WebSocket in with ${query}`, async () => {
      const socket = new Socket(server, kPath, { query });
      await socket.end();
      await assert.rejects(socket.next());
    });
  it('pings over polling', () => thrice(async () => {
    const session = await Polling.open(quick, kPath);
    await session.send('40');
    sid_of(await session.next(), '40');
    assert.equal(await session.next(), '42["auth",{}]');
    for (let i = 0; i < 3; i++) {
      assert.equal((await session.get()).text, '2');
      await session.send('3');
    }
  }));
  it('pings over WebSocket', () => thrice(async () => {
    const socket = await joined('', { host: quick, pong: false });
    for (let i = 0; i < 3; i++) {
      assert.equal(await socket.next(), '2');
      socket.send('3');
    }
    await socket.close();
  }));
  it('drops a poller without pongs', async () => gone(await Polling.open(quick, kPath)));
  it('drops a WebSocket without pongs', async () => {
    const socket = await joined('', { host: quick, pong: false });
    await socket.end();
  });
  it('is closed by a packet, over polling', async () => {
    const session = await Polling.open(server, kPath);
    assert.equal((await session.post('1')).text, 'ok');
    await gone(session);
  });
  it('is closed by a packet, over WebSocket', async () => {
    const socket = await Socket.open(quick, kPath, { pong: false });
    socket.send('1');
    await socket.end();
  });
  it('upgrades in the middle of a conversation', async () => {
    const session = await Polling.open(server, kPath);
    await session.send('40');
    const sid = sid_of(await session.next(), '40');
    assert.notEqual(sid, session.sid);
    assert.equal(await session.next(), '42["auth",{}]');
    const socket = await Socket.probe(server, session, kPath);
    await session.send('42["message",1]', `451-["message",${P(0)}]`, base64([1, 2]), '427["message-with-ack",2]');
    socket.send('5');
    for (const wanted of ['42["message-back",1]', `451-["message-back",${P(0)}]`, Buffer.from([1, 2]), '437[2]'])
      assert.deepEqual(await socket.next(), wanted);
    assert.equal((await session.get()).status, 400);
    assert.equal((await new Socket(server, kPath, { sid: session.sid }).end()).refusal, undefined);
    await works(socket);
    await socket.close();
  });
});

describe('CONNECT', { concurrency: 8 }, () => {
  for (const [nsp, name] of [['', 'the main namespace'], ['/custom', 'another namespace']]) {
    const where = nsp ? `${nsp},` : '';
    it(`joins ${name}`, async () => {
      const socket = await Socket.open(server, kPath);
      socket.send(`40${where}`);
      const sid = sid_of(await socket.next(), `40${where}`);
      assert.equal(sid.length, 20);
      assert.match(sid, /^[\w-]+$/);
      assert.notEqual(sid, socket.handshake.sid);
      assert.equal(await socket.next(), `42${where}["auth",{}]`);
      await socket.close();
    });
    it(`joins ${name} with a payload`, async () => {
      const socket = await Socket.open(server, kPath);
      const auth = '{"token":"123","deep":[{"é":null}],"__proto__":1}';
      socket.send(`40${where}${auth}`);
      sid_of(await socket.next(), `40${where}`);
      assert.equal(await socket.next(), `42${where}["auth",${auth}]`);
      await socket.close();
    });
  }
  it('joins without the comma that the last field may leave out', async () => {
    const socket = await Socket.open(server, kPath);
    socket.send('40/custom');
    sid_of(await socket.next(), '40/custom,');
    assert.equal(await socket.next(), '42/custom,["auth",{}]');
    await socket.close();
  });
  it('joins over polling', async () => {
    const session = await Polling.open(server, kPath);
    await session.send('40{"a":1}', '40/custom,');
    const heard = [];
    while (heard.length < 4) heard.push(await session.next());
    // Each namespace has its order; which of the two is first is open.
    const [custom, main] = [true, false].map((of) => heard.filter((packet) => packet.includes('/custom,') === of));
    sid_of(main[0], '40');
    assert.equal(main[1], '42["auth",{"a":1}]');
    sid_of(custom[0], '40/custom,');
    assert.equal(custom[1], '42/custom,["auth",{}]');
  });
  it('gives each namespace an id of its own', async () => {
    const socket = await Socket.open(server, kPath);
    assert.notEqual(await join(socket), await join(socket, '/custom'));
    await socket.close();
  });
  for (const nsp of ['/random', '/Custom', '/custom/', '/__proto__', '//', '/é'])
    it(`refuses the unknown namespace ${nsp}, and carries on`, async () => {
      const socket = await joined();
      socket.send(`40${nsp},`);
      assert.equal(await socket.next(), `44${nsp},{"message":"Invalid namespace"}`);
      await works(socket);
      await socket.close();
    });
  it('refuses an unknown namespace as the first one', async () => {
    const socket = await Socket.open(server, kPath);
    socket.send('40/random');
    assert.equal(await socket.next(), '44/random,{"message":"Invalid namespace"}');
    await socket.close();
  });
  for (const first of ['4abc', '4', '47', '42["message",1]', '42/custom,["message",1]', '43[1]', '41', '44{"message":"x"}', '450-["message"]', Buffer.from([1]), '40[]', '40"x"', '40null', '40{', '40{}x', '40/custom,[]'])
    it(`closes upon ${Buffer.isBuffer(first) ? 'binary' : `"${first}"`} as the first packet`, async () => {
      const socket = await Socket.open(server, kPath);
      socket.send(first);
      await socket.end();
      assert.deepEqual(socket.packets.items.filter((item) => item !== '1'), []);
    });
  it('closes upon joining a namespace twice', () => ends('40'));
  it('may be repeated after leaving', async () => {
    const socket = await joined();
    await join(socket, '/custom');
    socket.send('41');
    await works(socket, '/custom');
    await join(socket);
    await works(socket);
    await socket.close();
  });
  strict('may be repeated right behind leaving', async () => {
    const socket = await joined();
    socket.send('41');
    await join(socket);
    await works(socket);
    await socket.close();
  });
  it('is waited for so long and no longer', async () => {
    const start = Date.now();
    const socket = await Socket.open(server, kPath);
    await socket.end();
    assert.ok(Date.now() - start >= kConnectTimeout - 20, `after ${Date.now() - start} ms`);
  });
  it('is waited for over polling too', async () => {
    const session = await Polling.open(server, kPath);
    const reading = (async () => { for (;;) await session.next(); })().catch(() => {});
    await gone(session);
    await within(reading, 'the polls to end');
  });
  it('once done, there is no more waiting', () => thrice(async () => {
    const socket = await joined('', { host: quick });
    let pings = 0;
    socket.ws.on('message', (data) => (pings += String(data) === '2'));
    await until(() => pings * kInterval > kConnectTimeout + kInterval, 'pings beyond the connect timeout');
    await works(socket);
    await socket.close();
  }));
});

describe('DISCONNECT', { concurrency: 8 }, () => {
  it('leaves the main namespace; the connection stays', () => thrice(async () => {
    const socket = await joined('', { host: quick, pong: false });
    socket.send('41');
    assert.equal(await socket.next(), '2');
    socket.send('3');
    assert.equal(await socket.next(), '2');
    await socket.close();
  }));
  it('leaves one namespace; the other stays', async () => {
    const socket = await joined();
    await join(socket, '/custom');
    socket.send('41/custom');
    await works(socket);
    socket.send('40/custom,');
    sid_of(await socket.next(), '40/custom,');
    assert.equal(await socket.next(), '42/custom,["auth",{}]');
    socket.send('41');
    await works(socket, '/custom');
    await socket.close();
  });
  it('ends the right to send events', async () => {
    const socket = await joined();
    await join(socket, '/custom');
    socket.send('41');
    await works(socket, '/custom');
    socket.send('42["message",1]');
    await socket.end();
  });
  strict('ends the right to send events at once', () => ends('41', '42["message",1]'));
  it('has no payload', () => ends('41{}'));
  it('is not for namespaces that were not joined', () => ends('41/custom,'));
});

describe('EVENT and ACK', { concurrency: 8 }, () => {
  const texts = ['1,"2",{"3":[true]}', '', 'null', '[],{},[[]],""', '-1,0.5,1e300,9007199254740991', '"é€\u{1f642}\u2028\\u0000\\"\\\\/"', '{"__proto__":{"a":1},"constructor":2,"":3}', '{"_placeholder":false,"num":0}', '"2","3probe","40"'];
  for (const args of texts)
    it(`comes back: ${args || 'nothing'}`, async () => {
      const socket = await joined();
      const sent = args ? `,${args}` : '';
      const ask = (got) => JSON.parse(got.replace(/^\d+/, ''));
      socket.send(`42["message"${sent}]`);
      assert.deepEqual(ask(await socket.next()), ['message-back', ...JSON.parse(`[${args}]`)]);
      socket.send(`42456["message-with-ack"${sent}]`);
      const ack = await socket.next();
      assert.ok(ack.startsWith('43456['), ack);
      assert.deepEqual(ask(ack), JSON.parse(`[${args}]`));
      await socket.close();
    });
  it('is answered octet by octet as the public suite wants it', async () => {
    const socket = await joined();
    socket.send('42["message",1,"2",{"3":[true]}]');
    assert.equal(await socket.next(), '42["message-back",1,"2",{"3":[true]}]');
    socket.send('42456["message-with-ack",1,"2",{"3":[false]}]');
    assert.equal(await socket.next(), '43456[1,"2",{"3":[false]}]');
    await socket.close();
  });
  it('may have blanks in its JSON', async () => {
    const socket = await joined();
    socket.send('42[ "message" ,\n1\t]\r ');
    assert.equal(await socket.next(), '42["message-back",1]');
    await socket.close();
  });
  it('in another namespace is answered there', async () => {
    const socket = await joined('/custom');
    socket.send('42/custom,7["message-with-ack","x"]');
    assert.equal(await socket.next(), '43/custom,7["x"]');
    await works(socket, '/custom');
    await socket.close();
  });
  it('with what would be a placeholder in a binary one: plain data', async () => {
    const socket = await joined();
    socket.send(`42["message",${P(0)}]`);
    assert.equal(await socket.next(), `42["message-back",${P(0)}]`);
    await socket.close();
  });
  it('without a handler is ignored', async () => {
    const socket = await joined();
    for (const name of ['"nobody"', '1', '""', '"__proto__"', '"error"', '"\\u0000"']) socket.send(`42[${name},1]`);
    await works(socket);
    await socket.close();
  });
  it('with the id 0, and with a large one', async () => {
    const socket = await joined();
    for (const id of ['0', '9007199254740991']) {
      socket.send(`42${id}["message-with-ack"]`);
      assert.equal(await socket.next(), `43${id}[]`);
    }
    await socket.close();
  });
  it('an unasked ack is ignored', async () => {
    const socket = await joined();
    for (const ack of ['430[]', '4399["x"]', '439007199254740991[]']) socket.send(ack);
    socket.send(`461-5[${P(0)}]`);
    socket.send(Buffer.from([1]));
    await works(socket);
    await socket.close();
  });
  it('many in one payload are answered in order', async () => {
    const session = await Polling.open(server, kPath);
    await session.send('40');
    sid_of(await session.next(), '40');
    assert.equal(await session.next(), '42["auth",{}]');
    await session.send(...Array.from({ length: 100 }, (_, i) => `42${i}["message-with-ack",${i}]`));
    for (let i = 0; i < 100; i++) assert.equal(await session.next(), `43${i}[${i}]`);
  });
  it('many in one go are answered in order', async () => {
    const socket = await joined();
    for (let i = 0; i < 1000; i++) socket.send(i % 2 ? `42["message",${i}]` : `42${i}["message-with-ack",${i}]`);
    for (let i = 0; i < 1000; i++) assert.equal(await socket.next(), i % 2 ? `42["message-back",${i}]` : `43${i}[${i}]`);
    await socket.close();
  });
});

describe('BINARY_EVENT and BINARY_ACK', { concurrency: 8 }, () => {
  const octets = [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])];
  it('come back with their attachments', async () => {
    const socket = await joined();
    for (const packet of [`452-["message",${P(0)},${P(1)}]`, ...octets]) socket.send(packet);
    for (const wanted of [`452-["message-back",${P(0)},${P(1)}]`, ...octets]) assert.deepEqual(await socket.next(), wanted);
    for (const packet of [`452-789["message-with-ack",${P(0)},${P(1)}]`, ...octets]) socket.send(packet);
    for (const wanted of [`462-789[${P(0)},${P(1)}]`, ...octets]) assert.deepEqual(await socket.next(), wanted);
    await socket.close();
  });
  it('in another namespace', async () => {
    const socket = await joined('/custom');
    for (const packet of [`451-/custom,8["message-with-ack",{"a":[${P(0)}]}]`, octets[0]]) socket.send(packet);
    for (const wanted of [`461-/custom,8[{"a":[${P(0)}]}]`, octets[0]]) assert.deepEqual(await socket.next(), wanted);
    await socket.close();
  });
  it('over polling', async () => {
    const session = await Polling.open(server, kPath);
    await session.send('40');
    sid_of(await session.next(), '40');
    assert.equal(await session.next(), '42["auth",{}]');
    await session.send(`452-["message",${P(1)},"x",${P(0)}]`, base64([1]), base64([]), '42["message",2]');
    assert.equal(await session.next(), `452-["message-back",${P(0)},"x",${P(1)}]`);
    assert.deepEqual([await session.next(), await session.next()], [base64([]), base64([1])]);
    assert.equal(await session.next(), '42["message-back",2]');
  });
  it('pings may come between the parts', () => thrice(async () => {
    const socket = await joined('', { host: quick, pong: false });
    socket.send(`451-["message",${P(0)}]`);
    assert.equal(await socket.next(), '2');
    socket.send('3');
    socket.send(octets[0]);
    for (const wanted of [`451-["message-back",${P(0)}]`, octets[0]]) assert.deepEqual(await socket.next(), wanted);
    await socket.close();
  }));
  it('with ten attachments, the most there may be', async () => {
    const socket = await joined();
    socket.send(`4510-["message",[${Array.from({ length: 10 }, (_, i) => P(i))}]]`);
    for (let i = 0; i < 10; i++) socket.send(Buffer.alloc(i, i));
    assert.equal(await socket.next(), `4510-["message-back",[${Array.from({ length: 10 }, (_, i) => P(i))}]]`);
    for (let i = 0; i < 10; i++) assert.deepEqual(await socket.next(), Buffer.alloc(i, i));
    await socket.close();
  });
});

describe('packets that end the connection', { concurrency: 8 }, () => {
  const bad = {
    'an unknown type': ['4abc'],
    'a type beyond the last': ['47["message"]'],
    'no type': ['4'],
    'an event that is an object': ['42{}'],
    'an event that is a string': ['42"message"'],
    'an event without a name': ['42[]'],
    'a name that is an object': ['42[{"toString":"x"}]'],
    'a name that is null': ['42[null]'],
    'a name that is an array': ['42[["message"]]'],
    'a name that is true': ['42[true]'],
    'broken JSON': ['42["message",]'],
    'JSON that stops': ['42["message"'],
    'JSON with something behind': ['42["message"]x'],
    'an ack id that is none': ['42abc["message-with-ack",1]'],
    'a negative ack id': ['42-1["message-with-ack",1]'],
    'an ack that is an object': ['431{}'],
    'an event for a namespace not joined': ['42/custom,["message",1]'],
    'an event for a namespace that is unknown': ['42/random,["message",1]'],
    'an ack for a namespace not joined': ['43/custom,1[]'],
    'a connect error from the client': ['44{"message":"x"}'],
    'binary that was not announced': [Buffer.from([1])],
    'text where an attachment is due': [`451-["message",${P(0)}]`, '42["message",1]'],
    'a second packet where an attachment is due': [`452-["message",${P(0)},${P(1)}]`, Buffer.from([1]), `451-["message",${P(0)}]`],
    'no attachment count': ['45["message"]'],
    'an attachment count without a dash': ['451["message"]'],
    'an attachment count that is none': ['45x-["message"]'],
    'an attachment count of zero': ['450-["message"]'],
    'a fractional attachment count': [`451.5-["message",${P(0)}]`],
    'eleven attachments': [`4511-["message",[${Array.from({ length: 11 }, (_, i) => P(i))}]]`],
    'a placeholder beyond the attachments': [`451-["message",${P(1)}]`, Buffer.from([1])],
    'a negative placeholder': [`451-["message",${P(-1)}]`, Buffer.from([1])],
    'a placeholder that is a string': [`451-["message",${P('"0"')}]`, Buffer.from([1])],
    'a placeholder without a number': ['451-["message",{"_placeholder":true}]', Buffer.from([1])],
  };
  for (const name of ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'])
    bad[`the reserved name ${name}`] = [`42["${name}"]`];
  for (const [name, packets] of Object.entries(bad)) it(name, () => ends(...packets));

  const stricter = {
    'an event without JSON': ['42'],
    'an ack without JSON': ['431'],
    'a fractional placeholder': [`452-["message",${P(0.5)},${P(1)}]`, Buffer.from([1]), Buffer.from([2])],
    'a placeholder used twice': [`451-["message",${P(0)},${P(0)}]`, Buffer.from([1])],
    'an attachment that is never used': ['451-["message",1]', Buffer.from([1])],
    'an ack id beyond 64 bits': ['4218446744073709551616["message-with-ack"]'],
    'a namespace of 300 octets': [`40/${'n'.repeat(300)},`],
  };
  for (const [name, packets] of Object.entries(stricter)) strict(name, () => ends(...packets));

  it('over polling: the session is gone', async () => {
    const session = await Polling.open(server, kPath);
    await session.send('40');
    sid_of(await session.next(), '40');
    await session.post('42{}');
    await session.get();  // the close packet, if the server kept it for us
    await gone(session);
  });
  it('of one connection: others carry on', async () => {
    const other = await joined();
    await ends('42{}');
    await works(other);
    await other.close();
  });
});

describe('rooms', { concurrency: 8 }, () => {
  it('reach their members of that namespace only, as long as they are in', async () => {
    const room = `r${process.pid}`;
    const [a, b, outside, elsewhere] = await Promise.all([joined(), joined(), joined(), joined('/custom')]);
    for (const [socket, where] of [[a, ''], [b, ''], [elsewhere, '/custom,']]) {
      socket.send(`42${where}1["join","${room}"]`);
      assert.ok((await socket.next()).startsWith(`43${where}1[`));
    }
    outside.send(`42["room","${room}",1,{"a":"é"}]`);
    for (const socket of [a, b]) assert.equal(await socket.next(), '42["room",1,{"a":"é"}]');
    await works(outside);
    await works(elsewhere, '/custom');
    await join(b, '/custom');
    b.send('41');
    await works(b, '/custom');
    await join(b);
    a.send(`42["room","${room}",2]`);
    assert.equal(await a.next(), '42["room",2]');
    await works(b);
    for (const socket of [a, b, outside, elsewhere]) await socket.close();
  });
  it('take binary', async () => {
    const socket = await joined();
    socket.send('421["join","b"]');
    assert.ok((await socket.next()).startsWith('431['));
    socket.send(`451-["room","b",${P(0)}]`);
    socket.send(Buffer.from([7, 8]));
    assert.equal(await socket.next(), `451-["room",${P(0)}]`);
    assert.deepEqual(await socket.next(), Buffer.from([7, 8]));
    await socket.close();
  });
});

describe('foreign origins', { concurrency: 8 }, () => {
  const kFriend = 'https://friend.example';
  const kEvil = 'https://evil.example';
  let open;
  before(async () => (open = await Server.start('socketio_server', { 'allow-origin': kFriend })));
  after(() => open.stop());
  const ask = (host, origin, options = {}, query = '?EIO=4&transport=polling') =>
    request(`${host.http}${kPath}${query}`, { ...options, headers: { Origin: origin, ...options.headers } });

  it('the allowed one may read answers', async () => {
    const { status, headers } = await ask(open, kFriend);
    assert.equal(status, 200);
    assert.equal(headers['access-control-allow-origin'], kFriend);
    assert.match(headers.vary ?? '', /\bOrigin\b/i);
  });
  it('the allowed one may read error answers', async () => {
    const { status, headers, json } = await ask(open, kFriend, {}, '?EIO=4&transport=polling&sid=abc');
    assert.equal(status, 400);
    assert.equal(json().code, 1);
    assert.equal(headers['access-control-allow-origin'], kFriend);
  });
  it('the allowed one may read the answer to a body', async () => {
    const { text } = await ask(open, kFriend);
    const { sid } = JSON.parse(text.slice(1));
    const { status, headers } = await ask(open, kFriend, { method: 'POST', body: '40' }, `?EIO=4&transport=polling&sid=${sid}`);
    assert.equal(status, 200);
    assert.equal(headers['access-control-allow-origin'], kFriend);
  });
  it('a preflight is answered with 204', async () => {
    const { status, headers, text } = await ask(open, kFriend, {
      method: 'OPTIONS',
      headers: { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type,x-token' },
    });
    assert.equal(status, 204);
    assert.equal(text, '');
    assert.equal(headers['access-control-allow-origin'], kFriend);
    assert.match(headers['access-control-allow-methods'], /\bPOST\b/);
    assert.match(headers['access-control-allow-headers'], /\bx-token\b/);
  });
  it('the allowed one may open a WebSocket', async () => {
    const socket = await Socket.open(open, kPath, { headers: { Origin: kFriend } });
    await socket.close();
  });
  it("nobody is told that they may read another origin's answers", async () => {
    const { headers } = await ask(open, kEvil);
    assert.notEqual(headers['access-control-allow-origin'], kEvil);
    assert.notEqual(headers['access-control-allow-origin'], '*');
    assert.equal((await ask(server, kEvil)).headers['access-control-allow-origin'], undefined);
  });
  it("the server's own origin and no origin get in", async () => {
    for (const host of [server, open])
      for (const headers of [{}, { Origin: host.http }]) {
        assert.equal((await request(`${host.http}${kPath}?EIO=4&transport=polling`, { headers })).status, 200);
        await (await Socket.open(host, kPath, { headers })).close();
      }
  });
  const strangers = [kEvil, 'null', `${kFriend}.evil.example`, 'https://friend.example:444', 'http://friend.example', 'https://x.friend.example', 'https://friend.example@evil.example', 'https://friend.exampl', 'HTTPS://evil.example', '*', 'friend.example'];
  for (const origin of strangers)
    strict(`403 for ${origin}, polling and WebSocket alike`, async () => {
      for (const host of [open, server]) {
        const answer = await ask(host, origin);
        assert.equal(answer.status, 403);
        assert.deepEqual(answer.json(), { code: 4, message: 'Forbidden' });
        const { refusal } = await new Socket(host, kPath, { headers: { Origin: origin } }).end();
        assert.ok(refusal, 'the upgrade was not refused');
        assert.ok([400, 403].includes(refusal.status), String(refusal.status));
      }
    });
});
