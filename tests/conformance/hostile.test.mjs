// Peers that are broken, hostile or merely slow, against `interop_server`: each gets the answer that its protocol names, the
// server's memory stays bounded, and a canary on the same server must not notice. Cases marked strict are those that the official
// server fails.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Canary } from '../interop/lib/canary.mjs';
import { Polling, Socket } from '../interop/lib/engine.mjs';
import { request } from '../interop/lib/http.mjs';
import { Raw, RawSocket, close_frame, frame, kKey, kOpcode, upgrade_request } from '../interop/lib/raw.mjs';
import { Server, oracle, sanitized, strict } from '../interop/lib/server.mjs';
import { pause, slow, until, within } from '../interop/lib/wait.mjs';

const kPath = '/socket.io/';
const kLimit = 1_000_000;
const P = (num) => `{"_placeholder":true,"num":${num}}`;

const kSong = { path: kPath, join: ['40/bare,'], call: (id) => `42/bare,${id}["echo","tweet"]`, reply: (id) => `43/bare,${id}["tweet"]`, alone: true };

/** A server with a canary for the cases of one group. */
function scene(options = {}) {
  const here = {};
  before(async () => {
    here.server = await Server.start('interop_server', options);
    here.canary = await Canary.watch(here.server, kSong);
  });
  after(async () => {
    await here.canary.sings();
    await here.canary.stop();
    await here.server.stop();
  });
  return here;
}

/** A WebSocket guest of `/bare`. */
async function guest(server) {
  const socket = await Socket.open(server, kPath);
  socket.send('40/bare,');
  const answer = await socket.next();
  assert.match(answer, /^40\/bare,\{"sid":/);
  return socket;
}
const gone = (server, sid) =>
  until(async () => (await request(`${server.http}${kPath}?EIO=4&transport=websocket&sid=${sid}`)).json().code === 1, 'the session to be gone');

describe('HTTP requests', { concurrency: 6 }, () => {
  const here = scene();
  /** Sends octets; exactly one response, of one of these statuses (0: none is fine too), then the connection ends. */
  const refused = async (octets, ...statuses) => {
    const raw = await Raw.open(here.server);
    raw.send(octets);
    await raw.end();
    const got = raw.statuses;
    assert.ok(got.length <= 1, `answers: ${got}`);
    assert.ok(statuses.includes(got[0] ?? 0), `answer: ${got[0] ?? 'none'}`);
    assert.ok(!raw.text.includes('\r\n\r\nok'), 'a handler ran');
  };
  const post = (lines, body = '') => `POST /health HTTP/1.1\r\nHost: ${here.server.host}\r\n${lines}\r\n\r\n${body}`;
  const get = (lines, first = 'GET /health HTTP/1.1', host = `Host: ${here.server.host}\r\n`) => `${first}\r\n${host}${lines}\r\n`;
  const kChunked = 'Transfer-Encoding: chunked';

  // name: [octets (a function, the port is not known yet), statuses…]; a name that begins with ! is strict
  const cases = {
    'Content-Length and Transfer-Encoding': [() => post(`Content-Length: 6\r\n${kChunked}`, '0\r\n\r\nX'), 400],
    'Transfer-Encoding and Content-Length': [() => post(`${kChunked}\r\nContent-Length: 6`, '0\r\n\r\nX'), 400],
    'two different lengths': [() => post('Content-Length: 1\r\nContent-Length: 2', 'ab'), 400],
    '!a list of lengths': [() => post('Content-Length: 1, 1', 'a'), 400],
    'a trailer that is a request': [() => post(kChunked, '0\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n'), 400],
    'an obsolete fold': [() => get('X: a\r\n b\r\n'), 400],
    'a line without a colon': [() => get('novalue\r\n'), 400],
    'an empty name': [() => get(': x\r\n'), 400],
    'a blank before the colon': [() => get('X : a\r\n'), 400],
    'a name with brackets': [() => get('X[]: a\r\n'), 400],
    'a NUL in a value': [() => get('X: a\0b\r\n'), 400],
    'a BEL in a value': [() => get('X: a\x07b\r\n'), 400],
    'a DEL in a value': [() => get('X: a\x7fb\r\n'), 400],
    'a bare CR in a value': [() => get('X: a\rb\r\n'), 400],
    'no Host': [() => get('', undefined, ''), 400],
    '!two Hosts': [() => get('Host: other\r\n'), 400],
    '!a Host with a path': [() => get('', undefined, 'Host: a/b\r\n'), 400],
    '!a Host with a user': [() => get('', undefined, 'Host: u@h\r\n'), 400],
    'a version in lower case': [() => get('', 'GET /health http/1.1'), 400],
    'version 1.10': [() => get('', 'GET /health HTTP/1.10'), 400, 505],
    '!version 2.0': [() => get('', 'GET /health HTTP/2.0'), 400, 505],
    '!no version': [() => get('', 'GET /health'), 400],
    'a control character in the target': [() => get('', 'GET /he\x01alth HTTP/1.1'), 400],
    '!two blanks in the request line': [() => get('', 'GET  /health HTTP/1.1'), 400],
    'a target of 1 MiB': [() => get('', `GET /${'a'.repeat(1 << 20)} HTTP/1.1`), 0, 414, 431],
    'a method of 1 MiB': [() => get('', `${'A'.repeat(1 << 20)} /health HTTP/1.1`), 0, 400, 414, 431, 501],
    'a header of 1 MiB': [() => get(`X: ${'a'.repeat(1 << 20)}\r\n`), 0, 431],
    '10,000 headers': [() => get('X: a\r\n'.repeat(10_000)), 0, 431],
    'a line without an end': [() => 'x'.repeat(1 << 20), 0, 400, 414, 431],
    'TLS on a plain port': [() => Buffer.from('16030100c8010000c40303', 'hex').toString('latin1').padEnd(200, '\0'), 0, 400],
    '!an unknown expectation': [() => post('Expect: miracles\r\nContent-Length: 1', 'a'), 400, 417],
  };
  for (const length of ['+5', '-5', '0x5', '5,6', '5_0', '5.0', '5 5', 'five']) cases[`Content-Length "${length}"`] = [() => post(`Content-Length: ${length}`, 'hello'), 400];
  for (const length of ['9223372036854775808', '18446744073709551616', '18446744073709551621']) cases[`!Content-Length ${length}`] = [() => post(`Content-Length: ${length}`, 'hello'), 400, 413];
  cases['!an empty Content-Length'] = [() => post('Content-Length: ', 'hello'), 400];
  for (const coding of ['xchunked', 'identity', 'chunked, identity', '\x0bchunked', 'chunked, chunked', '"chunked"'])
    cases[`!Transfer-Encoding ${JSON.stringify(coding)}`] = [() => post(`Transfer-Encoding: ${coding}`, '5\r\nhello\r\n0\r\n\r\n'), 400, 501];
  cases['Transfer-Encoding with a blank before the colon'] = [() => post('Transfer-Encoding : chunked', '0\r\n\r\n'), 400];
  cases['!Transfer-Encoding twice'] = [() => post(`${kChunked}\r\n${kChunked}`, '0\r\n\r\n'), 400];
  cases['!Transfer-Encoding in HTTP/1.0'] = [() => `POST /health HTTP/1.0\r\nHost: x\r\n${kChunked}\r\n\r\n0\r\n\r\n`, 400];
  for (const size of ['0x5', '-5', ' 5', '5 5', 'g', '', '10000000000000005', '+5']) cases[`chunk size "${size}"`] = [() => post(kChunked, `${size}\r\nhello\r\n0\r\n\r\n`), 400, 413];
  cases['!a chunk size of 100,000 digits'] = [() => post(kChunked, `${'0'.repeat(100_000)}5\r\nhello\r\n0\r\n\r\n`), 0, 400];
  cases['a bare LF in a chunk extension'] = [() => post(kChunked, '5;a\nhello\r\n0\r\n\r\n'), 400];
  cases['a chunk longer than it says'] = [() => post(kChunked, '5\r\nhello!\r\n0\r\n\r\n'), 400];
  cases['a chunk extension of 1 MiB'] = [() => post(kChunked, `5;${'a'.repeat(1 << 20)}\r\nhello\r\n0\r\n\r\n`), 0, 400, 413];
  cases['!20,000 chunks with extensions'] = [() => post(kChunked, `${`1;${'a'.repeat(100)}\r\nx\r\n`.repeat(20_000)}0\r\n\r\n`), 0, 400, 413];
  for (const [name, [octets, ...statuses]] of Object.entries(cases))
    (name[0] === '!' ? strict : it)(name.replace(/^!/, ''), () => refused(octets(), ...statuses));

  it('whose body is a request, announced by an expectation: one answer', async () => {
    const raw = await Raw.open(here.server);
    const body = `GET /health HTTP/1.1\r\nHost: x\r\n\r\n`;
    await raw.send(post(`Expect: 100-continue\r\nContent-Length: ${body.length}`, body));
    await raw.until(({ statuses }) => statuses.length, 'an answer');
    await raw.send(get('Connection: close\r\n'));
    await raw.end();
    assert.ok(raw.statuses.length <= 2, `answers: ${raw.statuses}`);
    assert.notEqual(raw.statuses[0], 200);
  });
  it('in a row are answered in a row', async () => {
    const raw = await Raw.open(here.server);
    await raw.send(get('').repeat(50) + get('', 'GET /nothing HTTP/1.1') + get('Connection: close\r\n'));
    await raw.end();
    assert.deepEqual(raw.statuses, [...Array(50).fill(200), 404, 200]);
  });
  it('octet by octet', async () => {
    const raw = await Raw.open(here.server);
    raw.socket.setNoDelay(true);
    for (const octet of get('X: y\r\nConnection: close\r\n')) await raw.send(octet);
    await raw.end();
    assert.deepEqual(raw.statuses, [200]);
  });
  it('of version 1.0 close unless told otherwise; HEAD has no body', async () => {
    const raw = await Raw.open(here.server);
    await raw.send(get('Connection: keep-alive\r\n', 'GET /health HTTP/1.0'));
    await raw.until(({ statuses }) => statuses.length === 1, 'the first answer');
    await raw.send(get('', 'HEAD /health HTTP/1.0'));
    await raw.end();
    assert.deepEqual(raw.statuses, [200, 200]);
    assert.match(raw.text, /connection: keep-alive/i);
    assert.ok(raw.text.endsWith('\r\n\r\n'));
  });
  it('to polling, cut by a reset 100 times', async () => {
    const all = Array.from({ length: 100 }, async (_, i) => {
      const raw = await Raw.open(here.server);
      await raw.send(`GET ${kPath}?EIO=4&transport=${i % 2 ? 'polling' : 'websocket'}${i % 3 ? '' : '&sid=x'} HTTP/1.1\r\nHost: x\r\n${i % 5 ? 'Upgrade: websocket\r\nConnection: Upgrade\r\n' : ''}\r\n`);
      raw.reset();
    });
    await Promise.all(all);
    await here.canary.sings();
  });
});

describe('WebSocket handshakes', { concurrency: 6 }, () => {
  const here = scene();
  const answer = async (change, query) => {
    const raw = await Raw.open(here.server);
    await raw.send(upgrade_request(here.server, change, query));
    await raw.until(({ text }) => text.includes('\r\n\r\n'), 'an answer');
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(raw.text)?.[1] ?? 0);
    raw.drop();
    return { status, text: raw.text };
  };
  const without = (name) => (lines) => lines.filter((line) => !line.startsWith(name));
  const instead = (name, value) => (lines) => lines.map((line) => (line.startsWith(name) ? `${name}: ${value}` : line));

  for (const version of ['12', '0', '', '13, 13', '256', 'x'])
    it(`version "${version}"`, async () => {
      const { status, text } = await answer(instead('Sec-WebSocket-Version', version));
      assert.ok([400, 426].includes(status), String(status));
      if (status === 426) assert.match(text, /^sec-websocket-version: 13/im);
    });
  strict('version 12 is told which one is spoken', async () => {
    const { status, text } = await answer(instead('Sec-WebSocket-Version', '12'));
    assert.equal(status, 426);
    assert.match(text, /^sec-websocket-version: ?13\r$/im);
  });
  const bad = {
    'no version': without('Sec-WebSocket-Version'),
    'no Upgrade': without('Upgrade'),
    'no Connection': without('Connection'),
    'another protocol': instead('Upgrade', 'h2c'),
    'no key': without('Sec-WebSocket-Key'),
    'an empty key': instead('Sec-WebSocket-Key', ''),
    'a key of 15 octets': instead('Sec-WebSocket-Key', Buffer.alloc(15, 1).toString('base64')),
    'a key that is no base64': instead('Sec-WebSocket-Key', '!!!!!!!!!!!!!!!!!!!!!!=='),
    'two keys': (lines) => [...lines, `Sec-WebSocket-Key: ${kKey}`],
    'POST': (lines) => [lines[0].replace('GET', 'POST'), ...lines.slice(1), 'Content-Length: 0'],
    '!HTTP/1.0': (lines) => [lines[0].replace('1.1', '1.0'), ...lines.slice(1)],
    '!malformed extensions': (lines) => [...lines, 'Sec-WebSocket-Extensions: ;;;a b=,"'],
  };
  for (const [name, change] of Object.entries(bad))
    (name[0] === '!' ? strict : it)(name.replace(/^!/, ''), async () => {
      const { status } = await answer(change);
      assert.ok([400, 405, 426, 505].includes(status), String(status));
    });
  it('unknown extensions and protocols are declined', async () => {
    const { status, text } = await answer((lines) => [...lines, 'Sec-WebSocket-Extensions: __proto__; constructor=1, x-nothing', 'Sec-WebSocket-Protocol: a, b']);
    assert.equal(status, 101);
    assert.doesNotMatch(text, /__proto__|x-nothing/);
  });
  it('8 KB of blanks where names are due', async () => {
    const start = Date.now();
    const { status } = await answer((lines) => [...lines, `Sec-WebSocket-Protocol: a${' '.repeat(8000)}b`]);
    assert.ok([101, 400].includes(status), String(status));
    assert.ok(Date.now() - start < 2000 * slow);
  });
  strict('2,000 headers', async () => {
    const { status } = await answer((lines) => [...lines, ...Array.from({ length: 2000 }, (_, i) => `X-${i}: y`)]);
    assert.ok([0, 431].includes(status), String(status));
  });
  for (const query of ['', 'transport=websocket&EIO=4&EIO=3', 'EIO[]=4&transport=websocket', 'EIO=4&transport[]=websocket', 'EIO=4&transport=__proto__', 'EIO=__proto__&transport=websocket', '%', 'EIO=4&transport=%ff', '&&&===', `x=${'a'.repeat(6000)}`])
    (/EIO=3|EIO\[|__proto__/.test(query) ? strict : it)(`query "${query.slice(0, 40)}"`, async () => {
      const { status, text } = await answer(undefined, query);
      assert.equal(status, 400, text.slice(0, 300));
    });
  strict('with frames in the same packet are served', async () => {
    const socket = await RawSocket.open(here.server, Buffer.concat([frame(kOpcode.text, '40/bare,'), frame(kOpcode.ping, 'hi')]));
    await socket.until((frames) => frames.some(({ data }) => String(data).startsWith('40/bare,')), 'the answer to CONNECT');
    await socket.until((frames) => frames.some(({ opcode, data }) => opcode === kOpcode.pong && String(data) === 'hi'), 'a pong');
    socket.raw.drop();
  });
});

describe('WebSocket frames', { concurrency: 6 }, () => {
  const here = scene();
  const { text, binary, continuation, ping, pong, close } = kOpcode;
  const part = { fin: false };
  /** The server must close with one of these codes, and say nothing afterwards. */
  const closes = async (octets, ...codes) => {
    const socket = await RawSocket.open(here.server);
    socket.send(octets);
    const { code, after: later } = await socket.end();
    assert.ok(codes.includes(code), `close code ${code}`);
    assert.deepEqual(later, []);
  };
  const many = (...frames) => Buffer.concat(frames);
  const cases = {
    'unmasked text': [frame(text, '40', { mask: false }), 1002],
    'an unmasked ping': [frame(ping, '', { mask: false }), 1002],
    'reserved bit 1': [frame(text, '40', { rsv: 4 }), 1002],
    'reserved bit 2': [frame(text, '40', { rsv: 2 }), 1002],
    'reserved bit 3 on a ping': [frame(ping, '', { rsv: 1 }), 1002],
    'a control opcode that is none': [frame(11, ''), 1002],
    'a data opcode that is none': [frame(3, 'x'), 1002],
    'opcode 15 in pieces': [frame(15, 'x', part), 1002],
    'a ping in pieces': [frame(ping, 'x', part), 1002],
    'a ping of 126 octets': [frame(ping, 'x'.repeat(126)), 1002],
    'a close of 126 octets': [frame(close, `\u0003\u00e8${'x'.repeat(124)}`), 1002],
    'a continuation of nothing': [frame(continuation, 'x'), 1002],
    'a new message within a message': [many(frame(text, '4', part), frame(text, '40')), 1002],
    'a length with the top bit set': [frame(text, '', { claim: 1n << 63n, form: 64 }), 1002, 1009],
    'a length of 2^63-1': [frame(binary, '', { claim: (1n << 63n) - 1n, form: 64 }), 1009],
    'a length of 2^32+5': [frame(text, 'hello', { claim: (1n << 32n) + 5n, form: 64 }), 1009],
    'a length of limit + 1, from the header alone': [frame(text, '', { claim: BigInt(kLimit + 1), form: 64 }), 1009],
    'pieces that add up to more than the limit': [many(frame(text, `4${'x'.repeat(600_000)}`, part), frame(continuation, 'x'.repeat(600_000))), 1009],
    'an octet that is not UTF-8': [frame(text, [0x34, 0xff]), 1007],
    'an overlong form': [frame(text, [0x34, 0xc0, 0xaf]), 1007],
    'a surrogate': [frame(text, [0x34, 0xed, 0xa0, 0x80]), 1007],
    'beyond U+10FFFF': [frame(text, [0x34, 0xf4, 0x90, 0x80, 0x80]), 1007],
    'a character that stops': [frame(text, [0x34, 0xe2, 0x82]), 1007],
    'bad UTF-8 in a later piece': [many(frame(text, '4', part), frame(continuation, [0xff])), 1007],
    'a close of one octet': [frame(close, 'x'), 1002],
    'a close reason that is not UTF-8': [frame(close, [0x03, 0xe8, 0xff]), 1007],
    '!a length longer than its value needs, 16 bits': [frame(text, '40', { form: 16 }), 1002],
    '!a length longer than its value needs, 64 bits': [frame(text, '40', { form: 64 }), 1002],
    '!bad UTF-8 before the message is complete': [frame(text, [0x34, 0xff], part), 1007],
  };
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535]) cases[`${code === 1016 ? '!' : ''}close code ${code}`] = [close_frame(code), 1002];
  for (const code of [1000, 1001, 1003, 1011, 3000, 4999]) cases[`close code ${code}, echoed`] = [close_frame(code, 'é'), code];
  cases['a close without a code'] = [frame(close), 1005, 1000];
  cases['frames behind a close'] = [many(close_frame(1000), frame(text, '40'), frame(ping, 'x')), 1000];
  for (const [name, [octets, ...codes]] of Object.entries(cases)) (name[0] === '!' ? strict : it)(name.replace(/^!/, ''), () => closes(octets, ...codes));

  it('in every chopping mean the same', async () => {
    const socket = await RawSocket.open(here.server);
    socket.raw.socket.setNoDelay(true);
    const chopped = async (...frames) => {
      for (const octet of many(...frames)) await socket.send(Buffer.from([octet]));
    };
    await chopped(frame(text, '40/ba', part), frame(ping, 'p'), frame(continuation, 're,'));
    await socket.until((frames) => frames.some(({ data }) => String(data).startsWith('40/bare,')), 'the answer to CONNECT');
    await chopped(frame(pong, 'unasked'), frame(text, '42/bare,7["ec', part), frame(continuation, [0x68, 0x6f, 0x22, 0x2c, 0x22, 0xc3], part), frame(continuation, [0xa9, 0x22, 0x5d]));
    await socket.until((frames) => frames.some(({ data }) => String(data) === '43/bare,7["é"]'), 'the echo');
    assert.ok(socket.frames.some(({ opcode, data }) => opcode === pong && String(data) === 'p'));
    socket.raw.drop();
  });
  it('10,000 pings are answered or the peer is dropped', async () => {
    const socket = await RawSocket.open(here.server);
    for (let i = 0; i < 10; i++) await socket.send(Buffer.concat(Array.from({ length: 1000 }, (_, k) => frame(ping, `${i} ${k}`))));
    await socket.until((frames) => frames.at(-1).opcode === pong && String(frames.at(-1).data) === '9 999', 'the last pong');
    await here.canary.sings();
    socket.raw.drop();
  });
  it('of one octet each, a message of 20,000', async () => {
    const socket = await RawSocket.open(here.server, frame(text, '40/bare,'));
    const message = `42/bare,1["echo","${'x'.repeat(20_000)}"]`;
    const pieces = [...message].map((letter, i) => frame(i ? continuation : text, letter, { fin: i === message.length - 1 }));
    await socket.send(many(...pieces));
    await socket.until((frames) => frames.some(({ data }) => data.length > 20_000), 'the echo');
    socket.raw.drop();
  });
});

describe('Engine.IO and Socket.IO packets', { concurrency: 6 }, () => {
  const here = scene();
  const closes = async (...packets) => {
    const socket = await guest(here.server);
    packets.forEach((packet) => socket.send(packet));
    await socket.end();
  };
  /** Delivered or closed, as it likes; but the server lives and the connection is not stuck. */
  const survives = async (...packets) => {
    const socket = await guest(here.server);
    packets.forEach((packet) => socket.send(packet));
    socket.send('42/bare,77["void"]');
    await within(Promise.race([socket.closed, (async () => { while ((await socket.next()) !== '43/bare,77[]'); })().catch(() => {})]), 'an answer or the end');
    socket.cut();
    await here.canary.sings();
  };
  const E = (args) => `42/bare,["echo",${args}]`;

  const bad = {
    'an attachment count of twenty digits': ['4599999999999999999999-["echo"]'],
    'an attachment count of a billion': ['451000000000-/bare,["echo"]'],
    'a million digits of attachments': [`45${'9'.repeat(900_000)}-["echo"]`],
    'eleven attachments': [`4511-/bare,["echo",${Array.from({ length: 11 }, (_, i) => P(i))}]`],
    '!a placeholder used 200 times': [`451-/bare,["echo",${Array(200).fill(P(0))}]`, Buffer.alloc(1000)],
    '!ten attachments that together exceed the limit': [`4510-/bare,["echo",${Array.from({ length: 10 }, (_, i) => P(i))}]`, ...Array(10).fill(Buffer.alloc(400_000))],
    'an event with the id 12x': ['42/bare,12x["echo"]'],
    '!an id beyond 64 bits': ['42/bare,18446744073709551616["echo"]'],
    '!an id of 400 digits': [`42/bare,${'9'.repeat(400)}["echo"]`],
    '!a namespace of 64 KB': [`40/${'n'.repeat(65_000)},`],
    '!JSON 513 deep': [E(`${'['.repeat(520)}${']'.repeat(520)}`)],
    '!JSON 100,000 deep': [E(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)],
    '!objects 100,000 deep': [E(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`)],
    '!900,000 brackets, never closed': [E('['.repeat(900_000))],
    'broken escapes': [E('"\\x"')],
    'half a surrogate escape at the end': [E('"\\ud8')],
    'a raw line feed in a string': [E('"a\nb"')],
    'a number with a leading zero': [E('01')],
    'NaN': [E('NaN')],
    'a comment': [E('/**/1')],
    'a lone minus': [E('-')],
    'two values': ['42/bare,["echo"]["echo"]'],
    'a ping from the client': ['2'],
    '!an open packet from the client': ['0{"sid":"x"}'],
    'a noop with data is no way in': ['7x'],
  };
  for (const [name, packets] of Object.entries(bad)) (name[0] === '!' ? strict : it)(name.replace(/^!/, ''), () => closes(...packets));

  strict('deep JSON as the auth payload', async () => {
    const socket = await Socket.open(here.server, kPath);
    socket.send(`40/bare,{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`);
    await socket.end();
  });
  it('JSON 400 deep comes back', async () => {
    const socket = await guest(here.server);
    const deep = `${'['.repeat(400)}${']'.repeat(400)}`;
    socket.send(`42/bare,5["echo",${deep}]`);
    assert.equal(await socket.next(), `43/bare,5[${deep}]`);
    socket.cut();
  });
  strict('450,000 arguments', () => survives(`42/bare,["void",${'1,'.repeat(449_999)}1]`));
  it('200,000 keys', () => survives(E(`{${Array.from({ length: 80_000 }, (_, i) => `"k${i}":1`)}}`)));
  it('one key 100,000 times', () => survives(E(`{${'"k":1,'.repeat(99_999)}"k":1}`)));
  it('a string of a million octets', () => survives(E(`"${'x'.repeat(kLimit - 50)}"`)));
  it('a number of 10,000 digits', () => survives(E('9'.repeat(10_000))));
  it('numbers at the edges', () => survives(E('1e999,-1e999,1e-999,18446744073709551616,-9223372036854775809,0.1e+00001')));
  it('numbers beyond the range of a double are infinite, which is written as null', async () => {
    const socket = await guest(here.server);
    socket.send(`42/bare,5["echo",1e400,[-1e400],${'9'.repeat(400)},1e-400]`);
    assert.equal(await socket.next(), '43/bare,5[null,[null],null,0]');
    socket.cut();
  });
  it('names that are numbers, prototypes, or 100 KB long', () => survives('42/bare,[1]', '42/bare,["__proto__"]', '42/bare,["constructor",{}]', `42/bare,["${'n'.repeat(100_000)}"]`));
  it('events that are acknowledged without having asked', () => survives('42/bare,["echo"]', '42/bare,["ack-later",1,2]', '42/bare,["ack-twice"]', '42/bare,["join"]', '42/bare,["cast"]', '42/bare,["typed"]'));
  it('an upgrade packet where nothing is to be upgraded', () => survives('5'));
  it('acknowledgements of nothing', () => survives('43/bare,0[]', '43/bare,1["x"]', '43/bare,18446744073709551615[]'));
  it('10,000 empty messages of every kind that is allowed', () => survives(...Array.from({ length: 10_000 }, (_, i) => (i % 2 ? '6' : '42/bare,["void"]'))));
  it('prototype-like names are plain data', async () => {
    const socket = await guest(here.server);
    const value = '{"__proto__":{"x":1},"constructor":{"prototype":2},"toString":"a"}';
    socket.send(`42/bare,9["echo",${value}]`);
    assert.equal(await socket.next(), `43/bare,9[${value}]`);
    for (const nsp of ['/__proto__', '/constructor', '/hasOwnProperty']) {
      socket.send(`40${nsp},`);
      assert.equal(await socket.next(), `44${nsp},{"message":"Invalid namespace"}`);
    }
    socket.cut();
  });
  strict('ids up to 64 bits come back exactly', async () => {
    const socket = await guest(here.server);
    for (const id of ['9007199254740993', '18446744073709551615']) {
      socket.send(`42/bare,${id}["echo"]`);
      assert.equal(await socket.next(), `43/bare,${id}[]`);
    }
    socket.cut();
  });
  it('5,000 namespaces that do not exist are refused one by one, or the peer is', async () => {
    const socket = await guest(here.server);
    for (let i = 0; i < 5000; i++) socket.send(`40/n${i},`);
    for (let i = 0; i < 5000; i++) {
      const answer = await socket.next().catch(() => null);
      if (answer === null) break;
      assert.equal(answer, `44/n${i},{"message":"Invalid namespace"}`);
    }
    socket.cut();
    await here.canary.sings();
  });
  // Too many to look through all of them for each: 20 ms of work, not seconds of it.
  strict('100,000 rooms, joined one by one, twice over', async () => {
    const socket = await guest(here.server);
    for (let part = 0; part < 20; part++) {
      const rooms = Array.from({ length: 10_000 }, (_, i) => `r${(part % 10) * 10_000 + i}`);
      socket.send(`42/bare,${part}${JSON.stringify(['join', rooms])}`);
      assert.match(await socket.next(), new RegExp(`^43/bare,${part}\\[`));
    }
    socket.cut();
    await here.canary.sings();
  });
  it('3,000 times in and out of a namespace', async () => {
    const socket = await guest(here.server);
    for (let i = 0; i < 3000; i++) {
      socket.send('40/admin,');
      assert.match(await socket.next(), /^40\/admin,\{"sid"/);
      assert.match(await socket.next(), /^42\/admin,\["hello"/);
      socket.send('41/admin,');
      socket.send('42/bare,1["echo"]');
      assert.equal(await socket.next(), '43/bare,1[]');
    }
    socket.cut();
  });
  it('no JSONP', async () => {
    const { headers, text, status } = await request(`${here.server.http}${kPath}?EIO=4&transport=polling&j=0;alert(1)`);
    assert.ok(!text.includes('alert'), text);
    if (!oracle) assert.ok(status === 400 || text[0] === '0');
    assert.doesNotMatch(headers['content-type'] ?? '', /text\/html/);
  });
  it('session ids cannot be guessed from one another', async () => {
    const sids = await Promise.all(Array.from({ length: 200 }, async () => (await Polling.open(here.server, kPath)).sid));
    assert.equal(new Set(sids).size, 200);
    for (let at = 0; at < 8; at++) assert.ok(new Set(sids.map((sid) => sid[at])).size > 20, `position ${at} hardly varies`);
  });
  it('a body over the limit, told or not told: 413', async () => {
    for (const options of [{ body: 'x'.repeat(kLimit + 1) }, { chunks: Array(12).fill('x'.repeat(100_000)) }]) {
      const session = await Polling.open(here.server, kPath);
      const answer = await session.post(options.body, options).catch((error) => error);
      // The server may close while the body is still being sent; then the answer may be lost to a reset.
      assert.ok(answer.status === 413 || ['ECONNRESET', 'EPIPE'].includes(answer.code), String(answer.status ?? answer));
    }
  });
  strict('a body over the limit is refused from its header alone', async () => {
    const session = await Polling.open(here.server, kPath);
    const raw = await Raw.open(here.server);
    await raw.send(`POST ${kPath}?EIO=4&transport=polling&sid=${session.sid} HTTP/1.1\r\nHost: ${here.server.host}\r\nContent-Length: ${kLimit + 1}\r\n\r\n`);
    await raw.end();
    assert.deepEqual(raw.statuses, [413]);
    await gone(here.server, session.sid);
  });
  it('an upgrade that is abandoned 50 times leaves polling alone', async () => {
    const session = await Polling.open(here.server, kPath);
    for (let i = 0; i < 50; i++) {
      const socket = new Socket(here.server, kPath, { sid: session.sid });
      // The server may not yet have noticed that the one before is gone, and turn this one away.
      if (await within(socket.opened, 'the WebSocket to open').then(() => i % 2, () => false)) socket.send('2probe');
      socket.cut();
      await socket.end();
    }
    await session.send('40/bare,');
    let packet = await session.next();
    while (packet === '6') packet = await session.next();
    assert.match(packet, /^40\/bare,/);
  });
});

describe('slow peers', { concurrency: 12 }, () => {
  // Everything as short as a test needs; each of these peers would stay for ever if it could.
  const here = scene({ 'header-timeout': 1000, 'body-timeout': 1000, 'keep-alive-timeout': 1000, 'write-timeout': 1000, 'upgrade-timeout': 1000, 'connect-timeout': 1000, 'ping-interval': 700, 'ping-timeout': 700 });
  const kSoon = 8_000;
  /** Sends one octet every 100 ms until the server has had enough. */
  const trickle = async (raw, first, octets) => {
    await raw.send(first);
    for (let i = 0; !raw.over; i++) {
      await Promise.race([pause(100), raw.closed]);
      raw.send(octets[i % octets.length]);
      if (i > (kSoon * slow) / 100) assert.fail('still connected');
    }
  };
  const post = (sid, more = '') => `POST ${kPath}?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: x\r\n${more}`;

  strict('a request line, octet by octet', async () => {
    const raw = await Raw.open(here.server);
    await trickle(raw, 'GET /', 'a');
    assert.ok([0, 408].includes(raw.statuses[0] ?? 0));
  });
  strict('headers, octet by octet', async () => {
    const raw = await Raw.open(here.server);
    await trickle(raw, 'GET / HTTP/1.1\r\nHost: x\r\n', 'X: y\r\n');
    assert.ok([0, 408].includes(raw.statuses[0] ?? 0));
  });
  strict('a body, octet by octet', async () => {
    const { sid } = await Polling.open(here.server, kPath);
    const raw = await Raw.open(here.server);
    await trickle(raw, post(sid, 'Content-Length: 100000\r\n\r\n'), '4');
    await gone(here.server, sid);
  });
  strict('chunks, octet by octet', async () => {
    const { sid } = await Polling.open(here.server, kPath);
    const raw = await Raw.open(here.server);
    await trickle(raw, post(sid, 'Transfer-Encoding: chunked\r\n\r\n'), '1\r\n4\r\n');
  });
  strict('a connection without a word', async () => {
    const raw = await Raw.open(here.server);
    await raw.end(kSoon);
  });
  it('a connection that stays idle after an answer', async () => {
    const raw = await Raw.open(here.server);
    await raw.send('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    await raw.end(kSoon);
    assert.deepEqual(raw.statuses, [200]);
  });
  strict('half a WebSocket handshake', async () => {
    const raw = await Raw.open(here.server);
    await raw.send(upgrade_request(here.server).slice(0, -4));
    await raw.end(kSoon);
  });
  it('a session that never joins', async () => {
    const socket = await Socket.open(here.server, kPath);
    await socket.end(kSoon);
    const session = await Polling.open(here.server, kPath);
    await gone(here.server, session.sid);
  });
  it('an upgrade that is never finished', async () => {
    const session = await Polling.open(here.server, kPath);
    await session.send('40/bare,');
    assert.match(await session.next(), /^40\/bare,/);
    const socket = await Socket.probe(here.server, session, kPath);
    const polling = (async () => { for (;;) await session.next(); })().catch(() => {});
    await socket.end(kSoon);
    await session.send('42/bare,1["echo"]');
    session.stop = polling;
  });
  strict('half a frame, for ever: the heartbeat ends it', async () => {
    const socket = await RawSocket.guest(here.server);
    await socket.send(frame(kOpcode.text, '42/bare', { claim: 1000n }));
    await socket.raw.end(kSoon);
  });
  strict('a peer that answers no ping is gone, its connection too', async () => {
    const socket = await RawSocket.guest(here.server);
    await socket.raw.end(kSoon);
  });
  strict('a close frame that is never answered', async () => {
    const socket = await RawSocket.open(here.server);
    await socket.send(frame(kOpcode.text, 'abc'));
    await socket.raw.end(kSoon);
  });
  strict('a peer that sends requests and reads no answers', async () => {
    const raw = await Raw.open(here.server);
    raw.deafen();
    const ask = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2000);
    const end = Date.now() + 4 * kSoon * slow;
    while (await Promise.race([raw.send(ask), raw.closed.then(() => false)])) if (Date.now() > end) assert.fail('still connected');
    raw.drop();
  });
  strict('a peer that asks for echoes and reads none', async () => {
    const socket = await RawSocket.guest(here.server, { deaf: true });
    const ask = Buffer.concat(Array(20).fill(frame(kOpcode.text, `42/bare,["echo","${'x'.repeat(50_000)}"]`)));
    const end = Date.now() + 4 * kSoon * slow;
    while (await Promise.race([socket.send(ask), socket.raw.closed.then(() => false)])) if (Date.now() > end) assert.fail('still connected');
    socket.raw.drop();
  });
});

describe('the time that a packet of a megabyte takes', { skip: sanitized && 'a sanitizer has its own time' }, () => {
  const here = scene();
  const many = (part) => Array(Math.floor((kLimit - 50) / (part.length + 1))).fill(part).join(',');
  /** Milliseconds of CPU, the least of some rounds: other work on the machine only adds to it. */
  const cost = async (part) => {
    const socket = await Socket.open(here.server, kPath);
    socket.send('40/bare,');
    await socket.next();
    const packet = `42/bare,["echo",${many(part)}]`;
    let least = Infinity;
    for (let round = 0; round < 5; round++) {
      const before = here.server.cpu();
      socket.send(packet);
      assert.match(await socket.next(), /^42\/bare,\["echo",/);
      least = Math.min(least, here.server.cpu() - before);
    }
    await socket.close();
    return least;
  };
  // Most are at 1 or 2, nested arrays at 4. These were at 14 and numbers of 22 digits at 33 before something was done for them.
  const kBound = 9;
  const parts = {
    'arrays in arrays': '['.repeat(240) + ']'.repeat(240),
    'objects in objects': '{"":{"":0}}',
    'numbers of 22 digits': '2.074913952899210013473e-290',
    'numbers of 800 digits': `0.${'0'.repeat(300)}${'123456789'.repeat(88)}`,
    'integers beyond 64 bits': '99999999999999999999999',
    'numbers beyond a double': '1e400',
    'lone surrogates': '"\\ud800"',
    'empty strings': '""',
  };
  for (const [name, part] of Object.entries(parts))
    strict(name, async (test) => {
      const ordinary = await cost('"The quick brown fox",1.25,{"x":true}');
      const taken = await cost(part);
      test.diagnostic(`${taken.toFixed(1)} ms, ordinary arguments ${ordinary.toFixed(1)} ms`);
      assert.ok(taken <= kBound * ordinary, `${taken} ms, and ${ordinary} for ordinary arguments`);
    });
});

describe('memory', { skip: sanitized && 'a sanitizer has its own memory' }, () => {
  const here = scene({ 'write-timeout': 3000 });
  const kBound = 4 << 20;
  before(async () => {
    // What every server has once it has been used: warm pools, and code that has been touched.
    for (let i = 0; i < 20; i++) {
      const socket = await guest(here.server);
      socket.send(`42/bare,1["echo","${'x'.repeat(100_000)}"]`);
      await socket.next();
      await socket.close();
      await (await Polling.open(here.server, kPath)).send('1');
    }
  });
  /** The server's own memory must not grow by more than 4 MB at any moment of the attack. */
  const bounded = (name, attack) =>
    strict(name, async (test) => {
      const { server, canary } = here;
      const start = server.rss();
      let top = start;
      const timer = setInterval(() => (top = Math.max(top, server.rss())), 10);
      try {
        await attack(server);
        await canary.sings();
      } finally {
        clearInterval(timer);
      }
      top = Math.max(top, server.rss());
      const growth = `grew by ${((top - start) / 1048576).toFixed(1)} MB`;
      test.diagnostic(growth);
      assert.ok(top - start <= kBound, growth);
    });

  /** Sends `data` again and again until that many octets are through, or nothing moves for a second, or it is thrown out. */
  const stuff = async (raw, data, total) => {
    for (let sent = 0; sent < total; sent += data.length) {
      const moved = await Promise.race([raw.send(data), raw.closed.then(() => false), pause(1000).then(() => false)]);
      if (!moved) break;
    }
  };
  bounded('of a peer that has 100 MB echoed and reads nothing', async (server) => {
    const socket = await RawSocket.guest(server, { deaf: true });
    await stuff(socket.raw, Buffer.concat(Array(20).fill(frame(kOpcode.text, `42/bare,["echo","${'x'.repeat(50_000)}"]`))), 100e6);
    socket.raw.drop();
  });
  bounded('of a peer that has millions of small echoes sent and reads nothing', async (server) => {
    const socket = await RawSocket.guest(server, { deaf: true });
    await stuff(socket.raw, Buffer.concat(Array(20_000).fill(frame(kOpcode.text, '42/bare,["echo",1]'))), 20e6);
    socket.raw.drop();
  });
  bounded('of a peer that pings and reads nothing', async (server) => {
    const socket = await RawSocket.guest(server, { deaf: true });
    await stuff(socket.raw, Buffer.concat(Array(5000).fill(frame(kOpcode.ping, 'x'.repeat(125)))), 30e6);
    socket.raw.drop();
  });
  bounded('of 50 posts that are never polled', async (server) => {
    const session = await Polling.open(server, kPath);
    await session.send('40/bare,');
    await session.next();
    for (let i = 0; i < 50; i++) {
      const post = session.post(`42/bare,["echo","${'x'.repeat(500_000)}"]`).catch(() => ({ status: 0 }));
      const { status } = await Promise.race([post, pause(1000).then(() => ({ status: 'held back' }))]);
      if (status !== 200) break;
    }
  });
  bounded('of a peer that sends requests in a row and reads no answer', async (server) => {
    const raw = await Raw.open(server);
    raw.deafen();
    await stuff(raw, Buffer.from('GET /health HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2000)), 30e6);
    raw.drop();
  });
  bounded('of handlers that are kept busy: 100,000 events for one that sleeps', async (server) => {
    const socket = await RawSocket.guest(server, { deaf: true });
    await socket.send(frame(kOpcode.text, '42/bare,["slow",3000]'));
    await stuff(socket.raw, Buffer.concat(Array(5000).fill(frame(kOpcode.text, `42/bare,["void","${'x'.repeat(300)}"]`))), 30e6);
    socket.raw.drop();
  });
  const auths = {
    'numbers': `{"a":[${Array(50_000).fill('1').join(',')}]}`,
    'arrays in arrays': `{"a":[${Array(200).fill('['.repeat(240) + ']'.repeat(240)).join(',')}]}`,
  };
  for (const [name, auth] of Object.entries(auths))
    bounded(`of ${auth.length} octets of ${name} as auth, for each of four namespaces on each of five connections`, async (server) => {
      const sockets = [];
      for (let i = 0; i < 5; i++) {
        const socket = await Socket.open(server, kPath);
        sockets.push(socket);
        for (const nsp of ['', '/admin,', '/slow-auth,', '/bare,']) {
          socket.send(`40${nsp}${auth}`);
          assert.match(await socket.next(), /^4[024]/);
        }
      }
      for (const socket of sockets) socket.cut();
    });
  bounded('of lengths that are only claimed', async (server) => {
    const sockets = [];
    for (let i = 0; i < 50; i++) {
      const socket = await RawSocket.open(server);
      await socket.send(frame(kOpcode.binary, 'x', { claim: BigInt(kLimit), form: 64 }));
      sockets.push(socket);
    }
    sockets.forEach((socket) => socket.raw.drop());
  });
  bounded('of bodies that are only claimed', async (server) => {
    const peers = [];
    for (let i = 0; i < 50; i++) {
      const { sid } = await Polling.open(server, kPath);
      const raw = await Raw.open(server);
      await raw.send(`POST ${kPath}?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: x\r\nContent-Length: ${kLimit}\r\n\r\n4`);
      peers.push(raw);
    }
    peers.forEach((raw) => raw.drop());
  });
  bounded('of attachments that are only announced', async (server) => {
    const sockets = await Promise.all(Array.from({ length: 50 }, () => guest(server)));
    for (const socket of sockets) socket.send(`4510-/bare,["echo",${Array.from({ length: 10 }, (_, i) => P(i))}]`);
    for (const socket of sockets) socket.cut();
  });
  bounded('of a message in 131,000 pieces', async (server) => {
    const socket = await RawSocket.open(server);
    const pieces = [frame(kOpcode.binary, 'x', { fin: false })];
    for (let i = 0; i < 131_000; i++) pieces.push(frame(kOpcode.continuation, i % 4 ? 'x' : '', { fin: false }));
    await socket.send(Buffer.concat(pieces));
    socket.raw.drop();
  });
  bounded('of 20,000 header lines on one connection', async (server) => {
    const raw = await Raw.open(server);
    await stuff(raw, Buffer.from(`GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(2000)}`), 2e6);
    raw.drop();
  });
  bounded('of 500 sessions that are opened and left', async (server) => {
    const raw = await Raw.open(server);
    for (let i = 0; i < 10; i++) {
      await raw.send(`GET ${kPath}?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(50));
      await raw.until(({ statuses }) => statuses.length >= (i + 1) * 50, 'the answers');
    }
    raw.drop();
  });
  bounded('of rooms and namespaces with names that never repeat', async (server) => {
    const socket = await guest(server);
    for (let i = 0; i < 2000; i++) {
      socket.send(`42/bare,1["join","room ${i} ${'n'.repeat(200)}"]`);
      socket.send(`42/bare,2["leave","room ${i} ${'n'.repeat(200)}"]`);
      socket.send(`40/nowhere${i},`);
      for (let k = 0; k < 3; k++) await socket.next();
    }
    await socket.close();
  });
});
