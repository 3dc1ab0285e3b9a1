// The framing of RFC 6455, case by case: what is sent, and all that has to come back, in order, to the end of the connection. Each
// case is sent in one piece, a frame at a time, and (if it is small) octet by octet: the answer is the same.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Raw, close_frame, frame, kKey, kOpcode } from '../interop/lib/raw.mjs';
import { Server } from '../interop/lib/server.mjs';

const { continuation, text, binary, close, ping, pong } = kOpcode;
const kName = { [text]: 'text', [binary]: 'binary', [close]: 'close', [ping]: 'ping', [pong]: 'pong' };
const kLargest = 4 << 20;

let server;
before(async () => { server = await Server.start('websocket_echo', { 'max-payload': kLargest }); });
after(() => server.stop());

const shown = (opcode, data) => {
  if (opcode === close) return data.length ? `close ${data.readUInt16BE(0)}` : 'close';
  return `${kName[opcode] ?? opcode} ${data.length > 200 ? `${data.length} octets` : data.toString('latin1')}`;
};

/** The server's frames, as far as they are there. */
function frames_of(octets) {
  const found = [];
  for (let at = 0; at + 2 <= octets.length;) {
    assert.equal(octets[at] & 0x70, 0, 'a reserved bit');
    assert.equal(octets[at] & 0x80, 0x80, 'a fragment');
    assert.equal(octets[at + 1] & 0x80, 0, 'a mask');
    let size = octets[at + 1];
    let head = 2;
    if (size === 126) [size, head] = [octets.readUInt16BE(at + 2), 4];
    else if (size === 127) [size, head] = [Number(octets.readBigUInt64BE(at + 2)), 10];
    if (at + head + size > octets.length) break;
    found.push([octets[at] & 15, octets.subarray(at + head, at + head + size)]);
    at += head + size;
  }
  return found;
}

async function conversation(pieces) {
  const raw = await Raw.open(server);
  raw.socket.setNoDelay(true);
  await raw.send(`GET / HTTP/1.1\r\nHost: ${server.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${kKey}\r\n\r\n`);
  await raw.until(({ octets }) => octets.indexOf('\r\n\r\n') > 0, 'the answer to the handshake');
  const skip = raw.octets.indexOf('\r\n\r\n') + 4;
  for (const piece of pieces) await raw.send(piece);
  const has_ended = await raw.end().then((how) => how, () => 'not at all');
  assert.equal(has_ended, 'end');
  return frames_of(raw.octets.subarray(skip)).map(([opcode, data]) => shown(opcode, data));
}

/** `sent` are frames; a close frame (1000) is sent behind those that do not end the connection. */
function expect(name, sent, answers, code) {
  it(name, async () => {
    const all = code === undefined ? [...sent, close_frame(1000)] : sent;
    const wanted = [...answers, code === '' ? 'close' : `close ${code ?? 1000}`];
    const octets = Buffer.concat(all);
    assert.deepEqual(await conversation([octets]), wanted, 'in one piece');
    assert.deepEqual(await conversation(all), wanted, 'a frame at a time');
    if (octets.length > 300) return;
    assert.deepEqual(await conversation([...octets].map((octet) => Buffer.from([octet]))), wanted, 'octet by octet');
  });
}

const hello = frame(text, 'hello');

describe('messages of each size', () => {
  for (const opcode of [text, binary]) {
    for (const size of [0, 1, 125, 126, 127, 128, 65_535, 65_536, 1 << 20, kLargest]) {
      const data = Buffer.alloc(size, opcode === text ? '*' : 0xfe);
      expect(`${kName[opcode]} of ${size}`, [frame(opcode, data)], [shown(opcode, data)]);
    }
  }
  expect('one octet above the limit', [frame(binary, Buffer.alloc(kLargest + 1))], [], 1009);
  expect('a header alone that says more', [frame(binary, '', { form: 64, claim: 1n << 62n })], [], 1009);
});

describe('pings and pongs', () => {
  for (const data of ['', 'hello', '\x00\xff\xfe'.repeat(40), 'x'.repeat(125)]) {
    const payload = Buffer.from(data, 'latin1').subarray(0, 125);
    expect(`a ping of ${payload.length}`, [frame(ping, payload)], [shown(pong, payload)]);
  }
  expect('a ping of 126', [frame(ping, 'x'.repeat(126))], [], 1002);
  expect('a pong that nobody asked for', [frame(pong, 'what?'), frame(ping, 'x')], ['pong x']);
  expect('ten pings', Array.from({ length: 10 }, (_, i) => frame(ping, `${i}`)), Array.from({ length: 10 }, (_, i) => `pong ${i}`));
});

describe('reserved bits and opcodes', () => {
  for (let rsv = 1; rsv < 8; rsv++) {
    expect(`bits ${rsv} behind a message`, [hello, frame(text, 'x', { rsv }), frame(ping)], ['text hello'], 1002);
    expect(`bits ${rsv} of a ping`, [frame(ping, 'x', { rsv })], [], 1002);
    expect(`bits ${rsv} of a close frame`, [frame(close, '', { rsv })], [], 1002);
  }
  for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
    expect(`opcode ${opcode}`, [frame(opcode, 'x')], [], 1002);
    expect(`opcode ${opcode} behind a message`, [hello, frame(opcode), frame(ping)], ['text hello'], 1002);
  }
});

describe('fragments', () => {
  const first = (data, opcode = text) => frame(opcode, data, { fin: false });
  const more = (data) => frame(continuation, data, { fin: false });
  const last = (data) => frame(continuation, data);
  expect('two', [first('one '), last('two')], ['text one two']);
  expect('empty ones', [first(''), more(''), more('x'), last('')], ['text x']);
  expect('a ping between', [first('one '), frame(ping, '?'), last('two')], ['pong ?', 'text one two']);
  expect('many pings between', [first('1'), frame(ping, 'a'), more('2'), frame(ping, 'b'), more('3'), frame(ping, 'c'), last('4')],
    ['pong a', 'pong b', 'pong c', 'text 1234']);
  expect('of binary', [first('one ', binary), last('two')], ['binary one two']);
  expect('a ping in fragments', [frame(ping, 'x', { fin: false }), last('y')], [], 1002);
  expect('a pong in fragments', [frame(pong, 'x', { fin: false }), last('y')], [], 1002);
  expect('a continuation of nothing', [last('x'), hello], [], 1002);
  expect('a continuation of nothing, and not the last', [more('x'), hello], [], 1002);
  expect('a continuation of what is complete', [first('one '), last('two'), more('three'), frame(text, 'four')], ['text one two'], 1002);
  expect('a message within a message', [first('one'), hello], [], 1002);
  expect('many of one octet', [first('x'), ...Array.from({ length: 2000 }, () => more('y')), last('z')], ['text 2002 octets']);
});

describe('UTF-8', () => {
  const good = ['κόσμε', '\u{7f}\u{80}', '\u{7ff}\u{800}', '\u{d7ff}\u{e000}\u{ffff}', '\u{10000}\u{10ffff}', '\u{0}', '\u{fffe}', '\u{1ffff}', '🐦'];
  for (const data of good) {
    const octets = Buffer.from(data);
    expect(JSON.stringify(data), [frame(text, octets)], [`text ${octets.toString('latin1')}`]);
    const pieces = [...octets].map((octet, i) => frame(i === 0 ? text : continuation, Buffer.from([octet]), { fin: i === octets.length - 1 }));
    expect(`${JSON.stringify(data)}, an octet a fragment`, pieces, [`text ${octets.toString('latin1')}`]);
  }
  const bad = {
    'continuations alone': '80 bf', 'first octets alone': 'c3 20', 'cut short': 'e2 82', 'cut short, of four': 'f0 9f 90', 'overlong of two': 'c0 af',
    'overlong of three': 'e0 80 af', 'overlong of four': 'f0 80 80 af', 'overlong NUL': 'c1 bf', 'a surrogate': 'ed a0 80', 'a pair of them': 'ed a0 81 ed b0 80',
    'above U+10FFFF': 'f4 90 80 80', 'of five': 'f8 88 80 80 80', 'of six': 'fc 84 80 80 80 80', 'fe': 'fe', 'ff': 'ff',
  };
  for (const [name, hex] of Object.entries(bad)) {
    const octets = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    expect(name, [frame(text, Buffer.concat([Buffer.from('ok'), octets]))], [], 1007);
    expect(`${name}, as binary`, [frame(binary, octets)], [`binary ${octets.toString('latin1')}`]);
    expect(`${name}, in a later fragment`, [frame(text, 'fine', { fin: false }), frame(continuation, octets)], [], 1007);
  }
  it('is refused at the octet that makes it so', async () => {
    // The frame is not complete, and never will be.
    const begun = frame(text, Buffer.concat([Buffer.from('κόσμε'), Buffer.from([0xf4, 0x90]), Buffer.alloc(100, 'x')])).subarray(0, 6 + 10 + 2);
    assert.deepEqual(await conversation([begun]), ['close 1007']);
    assert.deepEqual(await conversation([frame(text, Buffer.from([0xce]), { fin: false }), frame(continuation, Buffer.from([0x28]), { fin: false })]), ['close 1007']);
  });
});

describe('close frames', () => {
  const with_reason = (code, reason) => {
    const data = Buffer.alloc(2);
    data.writeUInt16BE(code);
    return frame(close, Buffer.concat([data, Buffer.from(reason)]));
  };
  expect('empty', [frame(close)], [], '');
  expect('of one octet', [frame(close, 'x')], [], 1002);
  expect('of 125', [with_reason(1000, 'x'.repeat(123))], [], 1000);
  expect('of 126', [with_reason(1000, 'x'.repeat(124))], [], 1002);
  expect('with a reason that is not UTF-8', [with_reason(1000, Buffer.from([0xce, 0x28]))], [], 1007);
  expect('behind a message', [hello, close_frame(1000)], ['text hello'], 1000);
  expect('before a message', [close_frame(1000), hello, frame(ping)], [], 1000);
  expect('twice', [close_frame(1000), close_frame(1001)], [], 1000);
  expect('within a message', [frame(text, 'x', { fin: false }), close_frame(1000)], [], 1000);
  for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]) {
    expect(`${code}`, [close_frame(code)], [], code);
  }
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) {
    expect(`${code}, which may not be sent`, [close_frame(code)], [], 1002);
  }
});

describe('masks and lengths', () => {
  expect('a frame without a mask', [frame(text, 'x', { mask: false })], [], 1002);
  expect('a ping without a mask', [hello, frame(ping, '', { mask: false })], ['text hello'], 1002);
  expect('125 in two octets', [frame(text, 'x'.repeat(125), { form: 16 })], [], 1002);
  expect('65535 in eight octets', [frame(text, 'x'.repeat(65_535), { form: 64 })], [], 1002);
  expect('the top bit of a length', [frame(binary, '', { form: 64, claim: 1n << 63n })], [], 1002);
});

describe('large messages in pieces of any size', () => {
  for (const size of [64, 1024, 65_536]) {
    const data = Buffer.alloc(1 << 20, '*');
    const pieces = [];
    for (let at = 0; at < data.length; at += size) {
      pieces.push(frame(at === 0 ? text : continuation, data.subarray(at, at + size), { fin: at + size >= data.length }));
    }
    it(`1 MB in fragments of ${size}`, async () => {
      assert.deepEqual(await conversation([Buffer.concat([...pieces, close_frame(1000)])]), [shown(text, data), 'close 1000']);
    });
  }
});
