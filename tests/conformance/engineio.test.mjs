// Engine.IO 4, sentence by sentence, against `engineio_server`: it sends each message back, pings after 300 ms, waits 200 ms for
// the pong and takes payloads of 1,000,000 octets. Where the heartbeat is not the question a second one pings less often, so that
// a busy machine does not fail the test. Covers every case of the public suite (engine.io-protocol, v4) and the
// error answers, limits and upgrade rules that it leaves out.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Polling, Socket, base64, text_message } from '../interop/lib/engine.mjs';
import { request } from '../interop/lib/http.mjs';
import { Server, strict } from '../interop/lib/server.mjs';
import { thrice, until, within } from '../interop/lib/wait.mjs';

const kPath = '/engine.io/';
const kInterval = 300;
const kTimeout = 200;
const kLimit = 1_000_000;

let server;
let quick;
before(async () => {
  quick = await Server.start('engineio_server');
  server = await Server.start('engineio_server', { 'ping-interval': 25_000, 'ping-timeout': 20_000 });
});
after(async () => {
  await quick.stop();
  await server.stop();
});

const at = (query, host = server) => `${host.http}${kPath}${query}`;

const answers = async (query, options, status, code, message) => {
  const answer = await request(at(query), options);
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.deepEqual(answer.json(), { code, message });
};
const refuses = async (query, message, options) => {
  const { refusal } = await new Socket(server, kPath, { query, ...options }).end();
  assert.ok(refusal, 'the upgrade was not refused');
  assert.equal(refusal.status, 400);
  assert.equal(refusal.text, message);
  assert.equal(refusal.headers.connection?.toLowerCase(), 'close');
  assert.match(refusal.headers['content-type'], /^text\/html/);
};
const code_of = async (session) => {
  const { status, json } = await request(at(`?EIO=4&transport=websocket&sid=${session.sid}`, session.server));
  assert.equal(status, 400);
  return json().code;
};
/** Asks in a way that leaves the session alone: a wrong transport for a known session, else an unknown one. */
const alive = async (session) => (await code_of(session)) === 3;
const gone = (session) => until(async () => (await code_of(session)) === 1, 'the session to be gone');

const open_fields = (handshake, upgrades) => {
  assert.deepEqual(Object.keys(handshake).sort(), ['maxPayload', 'pingInterval', 'pingTimeout', 'sid', 'upgrades']);
  assert.equal(typeof handshake.sid, 'string');
  assert.deepEqual(handshake.upgrades, upgrades);
  assert.deepEqual([handshake.pingInterval, handshake.pingTimeout, handshake.maxPayload], [kInterval, kTimeout, kLimit]);
};
const opened = async (session) => {
  const socket = new Socket(server, kPath, { sid: session.sid });
  await within(socket.opened, 'the WebSocket to open');
  return socket;
};
/** Another WebSocket for a session that has no use for it is accepted, then closed: the public suite wants no HTTP error here. */
const turned_away = async (session) => {
  const { refusal } = await new Socket(server, kPath, { sid: session.sid }).end();
  assert.equal(refusal, undefined);
};
const echoes = async (peer, packet) => {
  await peer.send(packet);
  let got = await peer.next();
  while (got === '6') got = await peer.next();
  assert.equal(got, packet);
};

describe('handshake over polling', { concurrency: 8 }, () => {
  it('answers the open packet with exactly its five members', async () => {
    const { status, headers, text } = await request(at('?EIO=4&transport=polling', quick));
    assert.equal(status, 200);
    assert.match(headers['content-type'], /^text\/plain; ?charset=utf-8$/i);
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(text[0], '0');
    assert.ok(!text.includes('\x1e'));
    open_fields(JSON.parse(text.slice(1)), ['websocket']);
  });
  it('takes the parameters in any order and ignores those it does not know', async () => {
    for (const query of ['?transport=polling&EIO=4', '?t=abc123&EIO=4&b64=1&transport=polling&x=%20']) {
      const { status, text } = await request(at(query));
      assert.equal(status, 200);
      assert.equal(text[0], '0');
    }
  });
  it('gives every session an id of its own', async () => {
    const sessions = await Promise.all(Array.from({ length: 50 }, () => Polling.open(server, kPath)));
    assert.equal(new Set(sessions.map((session) => session.sid)).size, 50);
    sessions.forEach(({ sid }) => assert.match(sid, /^[\w-]+$/));
  });
  strict('makes ids of at least 128 bits', async () => {
    const { sid } = await Polling.open(server, kPath);
    assert.ok(sid.length >= 22, sid);
  });
  for (const version of ['', 'EIO=abc&', 'EIO=3&', 'EIO=5&', 'EIO=&', 'EIO=44&', 'EIO=4.0&'])
    it(`refuses version "${version}"`, () =>
      answers(`?${version}transport=polling`, {}, 400, 5, 'Unsupported protocol version'));
  for (const transport of ['', '&transport=', '&transport=abc', '&transport=Polling', '&transport=__proto__', '&transport=constructor', '&transport=webtransport'])
    it(`does not know the transport "${transport}"`, () => answers(`?EIO=4${transport}`, {}, 400, 0, 'Transport unknown'));
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'])
    it(`refuses a handshake by ${method}`, () =>
      answers('?EIO=4&transport=polling', { method }, 400, 2, 'Bad handshake method'));
  for (const sid of ['abc', '__proto__', 'constructor', 'toString', '%00', 'a'.repeat(4000)])
    it(`does not know the session "${sid.slice(0, 20)}"`, async () => {
      await answers(`?EIO=4&transport=polling&sid=${sid}`, {}, 400, 1, 'Session ID unknown');
      await answers(`?EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body: '4x' }, 400, 1, 'Session ID unknown');
    });
  it('refuses transport=websocket on a request that is no upgrade', () =>
    answers('?EIO=4&transport=websocket', {}, 400, 3, 'Bad request'));
  it("refuses a request whose version is not the session's", async () => {
    const { sid } = await Polling.open(server, kPath);
    await answers(`?EIO=3&transport=polling&sid=${sid}`, {}, 400, 3, 'Bad request');
  });
  it('refuses to poll a session that lives on a WebSocket', async () => {
    const socket = await Socket.open(server, kPath);
    await answers(`?EIO=4&transport=polling&sid=${socket.handshake.sid}`, {}, 400, 3, 'Bad request');
    await echoes(socket, '4still here');
    await socket.close();
  });
  it('accepts a path below its own', async () => {
    const { status } = await request(`${server.http}/engine.io/default/?EIO=4&transport=polling`);
    assert.equal(status, 200);
  });
});

describe('handshake over WebSocket', { concurrency: 8 }, () => {
  it('sends the open packet first', async () => {
    const socket = await Socket.open(quick, kPath);
    open_fields(socket.handshake, []);
    await socket.close();
  });
  for (const version of ['', 'EIO=abc&', 'EIO=3&'])
    it(`lets nobody in with version "${version}"`, async () => {
      const socket = new Socket(server, kPath, { query: `${version}transport=websocket` });
      await socket.end();
      await assert.rejects(socket.next());
    });
  for (const version of ['', 'EIO=abc&', 'EIO=3&'])
    strict(`refuses version "${version}" before the upgrade`, () =>
      refuses(`${version}transport=websocket`, 'Unsupported protocol version'));
  for (const transport of ['', '&transport=', '&transport=abc', '&transport=__proto__'])
    it(`does not know the transport "${transport}"`, () => refuses(`EIO=4${transport}`, 'Transport unknown'));
  it('does not know a made-up session', () => refuses('EIO=4&transport=websocket&sid=abc', 'Session ID unknown'));
  it('opens nothing for an upgrade that asks for polling', async () => {
    const socket = new Socket(server, kPath, { query: 'EIO=4&transport=polling' });
    await socket.end();
    await assert.rejects(socket.next());
  });
  it("refuses an upgrade whose version is not the session's", async () => {
    const { sid } = await Polling.open(server, kPath);
    await refuses('EIO=3&transport=websocket', 'Bad request', { sid });
  });
});

describe('messages over polling', { concurrency: 8 }, () => {
  const cases = {
    'one text packet': ['4hello'],
    'several text packets': ['4one', '4two', '4three'],
    'an empty message': ['4'],
    'text and binary': ['4hello', base64([1, 2, 3, 4])],
    'binary only': [base64(Array.from({ length: 256 }, (_, i) => i)), base64([0]), base64([0, 255])],
    'every width of UTF-8': ['4aé€\u{1f642}\u{10ffff}', '4日本語\u2028\u2029'],
    'digits, quotes and control characters': ['4"4\\\u0001\u007f\n\r\t', '44444'],
  };
  for (const [name, packets] of Object.entries(cases))
    it(`sends back ${name}`, async () => {
      const session = await Polling.open(server, kPath);
      const post = await session.post(packets.join('\x1e'));
      assert.deepEqual([post.status, post.text], [200, 'ok']);
      assert.match(post.headers['content-type'], /^text\/html/);
      assert.equal(post.headers['content-length'], '2');
      const poll = await session.get();
      assert.equal(poll.status, 200);
      assert.match(poll.headers['content-type'], /^text\/plain; ?charset=utf-8$/i);
      assert.equal(poll.text, packets.join('\x1e'));
    });
  it('answers a waiting poll as soon as there is a message', async () => {
    const session = await Polling.open(server, kPath);
    const poll = session.get();
    await session.send('4now');
    assert.equal((await poll).text, '4now');
  });
  it('keeps many messages in order over many polls', async () => {
    const session = await Polling.open(server, kPath);
    const wanted = Array.from({ length: 300 }, (_, i) => `4message ${i}`);
    const got = [];
    for (let i = 0; i < wanted.length; i += 10) {
      const sent = session.send(...wanted.slice(i, i + 10));
      while (got.length < i + 10) got.push(await session.next());
      await sent;
    }
    assert.deepEqual(got, wanted);
  });
  it('reads a body that comes in pieces, cut within a character', async () => {
    const session = await Polling.open(server, kPath);
    const octets = Buffer.from('4\u{1f642}é€');
    const { status } = await session.post(undefined, { chunks: Array.from(octets, (octet) => Buffer.from([octet])) });
    assert.equal(status, 200);
    assert.equal(await session.next(), '4\u{1f642}é€');
  });
  it('works on connections that close after each request', async () => {
    const session = await Polling.open(server, kPath);
    const headers = { Connection: 'close' };
    const { status, headers: got } = await session.post('4bye', { headers });
    assert.equal(status, 200);
    assert.equal(got.connection?.toLowerCase(), 'close');
    assert.equal((await session.get({ headers })).text, '4bye');
  });
  it('takes a body of exactly the limit', async () => {
    const session = await Polling.open(server, kPath);
    const body = `4${'x'.repeat(kLimit - 1)}`;
    const post = await session.post(body);
    assert.equal(post.status, 200);
    const got = await session.next();
    assert.equal(got.length, body.length);
    assert.ok(got === body);
  });
  it('counts octets, not characters, against the limit', async () => {
    const session = await Polling.open(server, kPath);
    assert.equal((await session.post(`4${'é'.repeat(kLimit / 2)}`)).status, 413);
  });
  it('refuses a longer body with 413', async () => {
    const session = await Polling.open(server, kPath);
    assert.equal((await session.post(`4${'x'.repeat(kLimit)}`)).status, 413);
  });
  strict('ends the session whose body was too long', async () => {
    const session = await Polling.open(server, kPath);
    assert.equal((await session.post(`4${'x'.repeat(kLimit)}`)).status, 413);
    await gone(session);
  });
  const broken = {
    'a packet without a type': 'abc',
    'a type that is none': '7',
    'a character behind 9': ':x',
    'an empty packet in a payload': '4a\x1e\x1e4b',
    'a control character': '\u00014',
  };
  for (const [name, body] of Object.entries(broken))
    it(`ends the session upon ${name}`, async () => {
      const session = await Polling.open(server, kPath);
      await session.post(body).catch(() => {});  // the answer may be lost with the connection
      await gone(session);
    });
  strict('answers 400 to the body that ends the session', async () => {
    const session = await Polling.open(server, kPath);
    assert.equal((await session.post('abc')).status, 400);
  });
  strict('ends the session upon an empty body', async () => {
    const session = await Polling.open(server, kPath);
    assert.equal((await session.post('')).status, 400);
    await gone(session);
  });
  strict('ends the session upon broken base64', async () => {
    for (const wrong of ['b=', 'bA', 'b####', 'bAA=A', 'bAAAA=', 'b AAA', 'bAAAA\n']) {
      const session = await Polling.open(server, kPath);
      assert.equal((await session.post(wrong)).status, 400, wrong);
      await gone(session);
    }
  });
  strict('ends the session upon text that is not UTF-8', async () => {
    for (const octets of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]]) {
      const session = await Polling.open(server, kPath);
      assert.equal((await session.post(Buffer.from([0x34, ...octets]))).status, 400);
      await gone(session);
    }
  });
  it('ends the session upon a binary body', async () => {
    const session = await Polling.open(server, kPath);
    const headers = { 'Content-Type': 'application/octet-stream' };
    assert.equal((await session.post('4x', { headers })).status, 400);
    await gone(session);
  });
  it('ends the session upon a ping from the client', async () => {
    const session = await Polling.open(server, kPath);
    await session.post('2');
    await gone(session);
  });
  it('refuses other methods within a session, which carries on', async () => {
    const session = await Polling.open(server, kPath);
    const { status } = await request(session.url, { method: 'PUT', body: '4x' });
    assert.ok([400, 405, 500].includes(status), String(status));
    await echoes(session, '4on');
  });
});

describe('overlapping and cut requests', { concurrency: 8 }, () => {
  /** A request whose body stops short; 100 Continue says that the server has begun to read it. */
  const half_a_post = async (session) => {
    const half = connect(server.port, '127.0.0.1');
    half.on('error', () => {});
    half.write(`POST ${kPath}?EIO=4&transport=polling&sid=${session.sid} HTTP/1.1\r\nHost: ${server.host}\r\nContent-Length: 50\r\nExpect: 100-continue\r\n\r\n`);
    const [part] = await within(new Promise((resolve) => half.once('data', (...args) => resolve(args))), '100 Continue');
    assert.match(String(part), /^HTTP\/1\.1 100 /);
    return half;
  };
  it('ends the session upon a second poll: one gets a close packet, the other 400', async () => {
    const session = await Polling.open(server, kPath);
    const done = await Promise.all([session.get(), session.get()]);
    const [kept, refused] = done[0].status === 200 ? done : done.reverse();
    assert.deepEqual([kept.status, kept.text], [200, '1']);
    assert.ok(refused.status === 400 || refused.status === 500, String(refused.status));
    await gone(session);
  });
  it('ends the session upon a second body while one is on its way', async () => {
    const session = await Polling.open(server, kPath);
    const half = await half_a_post(session);
    assert.equal((await session.post('4second')).status, 400);
    await gone(session);
    half.destroy();
  });
  it('ends the session whose poll was cut', async () => {
    const session = await Polling.open(server, kPath);
    const poll = session.get();
    await poll.sent;
    poll.abort();
    await gone(session);
  });
  it('ends the session whose body was cut', async () => {
    const session = await Polling.open(server, kPath);
    const half = await half_a_post(session);
    half.write('4abc', () => half.destroy());
    await gone(session);
  });
});

describe('messages over WebSocket', { concurrency: 8 }, () => {
  it('sends text back', async () => {
    const socket = await Socket.open(server, kPath);
    for (const data of ['hello', '', 'é€\u{1f642}\u2028', '"\\\u0000', '4'.repeat(70_000)]) await echoes(socket, text_message(data));
    await socket.close();
  });
  it('sends binary back, of each frame length form', async () => {
    const socket = await Socket.open(server, kPath);
    for (const length of [0, 1, 125, 126, 65535, 65536, 900_000]) {
      const data = Buffer.alloc(length, length & 255);
      socket.send(data);
      const got = await socket.next();
      assert.ok(Buffer.isBuffer(got) && got.equals(data), `${length} octets`);
    }
    await socket.close();
  });
  it('keeps the order of text and binary', async () => {
    const socket = await Socket.open(server, kPath);
    const wanted = Array.from({ length: 500 }, (_, i) => (i % 3 ? `4${i}` : Buffer.from([i & 255, i >> 8])));
    wanted.forEach((packet) => socket.send(packet));
    for (const packet of wanted) assert.deepEqual(await socket.next(), packet);
    await socket.close();
  });
  it('takes a message of exactly the limit', async () => {
    const socket = await Socket.open(server, kPath);
    const data = Buffer.alloc(kLimit, 7);
    socket.send(data);
    assert.ok(data.equals(await socket.next()));
    await socket.close();
  });
  it('closes upon a longer one with 1009', async () => {
    for (const data of [Buffer.alloc(kLimit + 1), `4${'x'.repeat(kLimit)}`]) {
      const socket = await Socket.open(server, kPath);
      socket.send(data);
      assert.equal((await socket.end()).code, 1009);
    }
  });
  for (const packet of ['abc', '7', '9x', '', '2', '2probe'])
    it(`closes upon "${packet}"`, async () => {
      const socket = await Socket.open(server, kPath);
      socket.send(packet);
      await socket.end();
    });
});

describe('heartbeat', { concurrency: 8 }, () => {
  it('pings a poller, who answers', () => thrice(async () => {
    const session = await Polling.open(quick, kPath);
    for (let i = 0; i < 3; i++) {
      assert.equal((await session.get()).text, '2');
      await session.send('3');
    }
  }));
  it('drops a poller who does not poll, not before its time', async () => {
    const start = Date.now();
    const session = await Polling.open(quick, kPath);
    assert.ok(await alive(session));
    await gone(session);
    assert.ok(Date.now() - start >= kInterval + kTimeout - 20, `after ${Date.now() - start} ms`);
  });
  it('drops a poller who got the ping and does not answer', async () => {
    const session = await Polling.open(quick, kPath);
    assert.equal((await session.get()).text, '2');
    await session.get();
    await gone(session);
  });
  it('pings a WebSocket, which answers', () => thrice(async () => {
    const socket = await Socket.open(quick, kPath, { pong: false });
    for (let i = 0; i < 4; i++) {
      assert.equal(await socket.next(), '2');
      socket.send('3');
    }
    await socket.close();
  }));
  it('drops a WebSocket that does not answer, not before its time', async () => {
    const start = Date.now();
    const socket = await Socket.open(quick, kPath, { pong: false });
    assert.equal(await socket.next(), '2');
    await socket.end();
    assert.ok(Date.now() - start >= kInterval + kTimeout - 20, `after ${Date.now() - start} ms`);
  });
  it('keeps quiet clients as long as they answer', () => thrice(async () => {
    const socket = await Socket.open(quick, kPath);
    const session = await Polling.open(quick, kPath);
    for (let i = 0; i < 4; i++) {
      assert.equal((await session.get()).text, '2');
      await session.send('3');
    }
    await echoes(session, '4there');
    await echoes(socket, '4there');
    await socket.close();
  }));
  it('goes on over an upgrade', () => thrice(async () => {
    const session = await Polling.open(quick, kPath);
    const socket = new Socket(quick, kPath, { sid: session.sid, pong: false });
    await within(socket.opened, 'the WebSocket to open');
    socket.send('2probe');
    assert.equal(await socket.next(), '3probe');
    socket.send('5');
    for (let i = 0; i < 3; i++) {
      assert.equal(await socket.next(), '2');
      socket.send('3');
    }
    assert.equal(await socket.next(), '2');
    await socket.end();
  }));
});

describe('close', { concurrency: 8 }, () => {
  it('by a poller: its waiting poll gets a noop, then the session is unknown', async () => {
    const session = await Polling.open(server, kPath);
    const poll = session.get();
    await poll.sent;
    // Nobody promises which of two connections the server reads first: a poll that came second finds the session gone.
    assert.equal((await session.post('1')).text, 'ok');
    const answer = await poll;
    assert.ok((answer.status === 200 && answer.text === '6') || answer.json().code === 1, answer.text);
    await gone(session);
  });
  it('by a poller without a waiting poll', async () => {
    const session = await Polling.open(server, kPath);
    assert.equal((await session.post('1')).text, 'ok');
    const { status, json } = await session.get();
    assert.equal(status, 400);
    assert.equal(json().code, 1);
  });
  it('leaves out what comes behind it in the payload', async () => {
    const session = await Polling.open(server, kPath);
    assert.equal((await session.post('1\x1e4late')).status, 200);
    await gone(session);
  });
  it('by a close packet on a WebSocket', async () => {
    const socket = await Socket.open(quick, kPath, { pong: false });
    socket.send('1');
    await socket.end();
  });
  strict('by a close packet on a WebSocket, before any ping', async () => {
    const socket = await Socket.open(server, kPath, { pong: false });
    socket.send('1');
    await socket.end();
    assert.equal(socket.packets.items.length, 0);
  });
  it('by a close frame, answered with the same code', async () => {
    for (const code of [1000, 1001, 3000, 4999]) {
      const socket = await Socket.open(server, kPath);
      socket.ws.close(code, 'see you');
      assert.equal((await socket.end()).code, code);
    }
  });
});

describe('upgrade', { concurrency: 8 }, () => {
  it('answers the probe, ends the waiting poll with a noop, then talks over the WebSocket', async () => {
    const session = await Polling.open(server, kPath);
    const socket = await Socket.probe(server, session, kPath);
    const poll = await session.get();
    assert.deepEqual([poll.status, poll.text], [200, '6']);
    socket.send('5');
    await echoes(socket, '4hello');
    await socket.close();
  });
  it('goes on with polling between the probe and its completion', async () => {
    const session = await Polling.open(server, kPath);
    const socket = await Socket.probe(server, session, kPath);
    await echoes(session, '4a');
    await echoes(session, '4b');
    socket.send('5');
    await echoes(socket, '4c');
    await socket.close();
  });
  it('sends what was waiting over the WebSocket, in order', async () => {
    const session = await Polling.open(server, kPath);
    const socket = await Socket.probe(server, session, kPath);
    await session.send('41', '42', base64([9]), '43');
    socket.send('5');
    socket.send('44');
    for (const wanted of ['41', '42', Buffer.from([9]), '43', '44']) assert.deepEqual(await socket.next(), wanted);
    await socket.close();
  });
  it('refuses requests of the session afterwards, and carries on', async () => {
    const session = await Polling.open(server, kPath);
    const socket = await Socket.probe(server, session, kPath);
    socket.send('5');
    await echoes(socket, '4in');
    for (const answer of [await session.get(), await session.post('4late')]) {
      assert.equal(answer.status, 400);
      assert.equal(answer.json().code, 3);
    }
    await echoes(socket, '4on');
    await socket.close();
  });
  it('refuses another WebSocket afterwards, and carries on', async () => {
    const session = await Polling.open(server, kPath);
    const socket = await Socket.probe(server, session, kPath);
    socket.send('5');
    await echoes(socket, '4in');
    await turned_away(session);
    await echoes(socket, '4on');
    await socket.close();
  });
  it('refuses another WebSocket meanwhile, and carries on', async () => {
    const session = await Polling.open(server, kPath);
    const socket = await Socket.probe(server, session, kPath);
    await turned_away(session);
    socket.send('5');
    await echoes(socket, '4on');
    await socket.close();
  });
  it('refuses another WebSocket for a session that began on one, and carries on', async () => {
    const socket = await Socket.open(server, kPath);
    await turned_away(socket.handshake);
    await echoes(socket, '4on');
    await socket.close();
  });
  for (const first of ['2', '2prob', '2probe2', '4hello', '3probe', '6', '1', 'abc', Buffer.from('2probe')])
    it(`gives up on a WebSocket that begins with ${Buffer.isBuffer(first) ? 'binary' : `"${first}"`}: polling goes on`, async () => {
      const session = await Polling.open(server, kPath);
      const socket = await opened(session);
      socket.send(first);
      await socket.end();
      await echoes(session, '4on');
      const again = await Socket.probe(server, session, kPath);
      again.send('5');
      await echoes(again, '4up');
      await again.close();
    });
  it('gives up on a WebSocket that is cut after the probe: polling goes on', async () => {
    const session = await Polling.open(server, kPath);
    const socket = await Socket.probe(server, session, kPath);
    socket.cut();
    await socket.end();
    await echoes(session, '4on');
  });
  strict('takes "5" only behind a probe', async () => {
    const session = await Polling.open(server, kPath);
    const socket = await opened(session);
    socket.send('5');
    await socket.end();
    await echoes(session, '4on');
  });
  it('answers a second probe, or gives up on that WebSocket: polling goes on', async () => {
    const session = await Polling.open(server, kPath);
    const socket = await Socket.probe(server, session, kPath);
    socket.send('2probe');
    const answer = await socket.next().catch(() => 'closed');
    assert.ok(answer === '3probe' || answer === 'closed', answer);
    await echoes(session, '4on');
    socket.cut();
  });
  it('ends with the session', async () => {
    const session = await Polling.open(server, kPath);
    const socket = await Socket.probe(server, session, kPath);
    await session.send('1');
    await socket.end();
    await gone(session);
  });
  it('ends with the session when its poll is cut', async () => {
    const session = await Polling.open(server, kPath);
    const socket = await opened(session);
    const poll = session.get();
    await poll.sent;
    poll.abort();
    await socket.end();
    await gone(session);
  });
});
