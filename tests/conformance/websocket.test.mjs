// permessage-deflate against Node's `ws` as the client (zlib on both sides, but another hand that drives it): every
// parameter, takeover and window; and what a client may not do. RFC 7692.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { deflateRawSync, constants } from 'node:zlib';
import { WebSocket, WebSocketServer } from '../interop/lib/packages.mjs';
import { Server, run_program, sanitized } from '../interop/lib/server.mjs';
import { within } from '../interop/lib/wait.mjs';

const kLimit = 1 << 20;

let server;
before(async () => { server = await Server.start('websocket_echo', { 'max-payload': kLimit }); });
after(() => server.stop());

async function open(deflate, path = '/') {
  const socket = new WebSocket(server.ws + path, { perMessageDeflate: deflate, maxPayload: 8 * kLimit });
  socket.inbox = [];
  socket.on('upgrade', (answer) => (socket.agreed = answer.headers['sec-websocket-extensions'] ?? ''));
  socket.on('message', (data, binary) => {
    socket.inbox.push({ data, binary });
    socket.emit('arrived');
  });
  socket.over = new Promise((resolve) => socket.on('close', (code) => resolve(code)));
  socket.on('error', () => {});
  await within(new Promise((resolve, reject) => { socket.on('open', resolve); socket.on('error', reject); }), 'open');
  return socket;
}

async function echo(socket, data) {
  socket.send(data);
  if (!socket.inbox.length) await within(new Promise((resolve) => socket.once('arrived', resolve)), 'the echo');
  const back = socket.inbox.shift();
  assert.equal(back.binary, typeof data !== 'string');
  assert.ok(back.data.equals(Buffer.from(data)), `another message came back (${back.data.length} octets)`);
}

const words = (count) => Array.from({ length: count }, (_, i) => `word ${(i * 7919) % 1009}`).join(' ');
const messages = ['', 'a', 'Grüße, κόσμε 🐦', words(50), words(20_000), Buffer.alloc(0), randomBytes(70_000), Buffer.alloc(500_000, 'x'), words(50)];

describe('permessage-deflate with each set of parameters', () => {
  const bits = [undefined, 9, 12, 15];
  for (const serverNoContextTakeover of [false, true]) {
    for (const clientNoContextTakeover of [false, true]) {
      for (const serverMaxWindowBits of bits) {
        for (const clientMaxWindowBits of [true, 9, 15]) {
          const options = { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits, threshold: 0 };
          it(JSON.stringify(options), async () => {
            const socket = await open(options);
            assert.match(socket.agreed, /^permessage-deflate/);
            for (const message of messages) await echo(socket, message);
            socket.close(1000);
            assert.equal(await within(socket.over, 'the end'), 1000);
          });
        }
      }
    }
  }
  it('and without', async () => {
    const socket = await open(false);
    assert.equal(socket.agreed, '');
    for (const message of messages) await echo(socket, message);
    socket.terminate();
  });
});

it('says what it agrees to', async () => {
  const socket = await open({ serverMaxWindowBits: 10, clientMaxWindowBits: 11, serverNoContextTakeover: true });
  assert.equal(socket.agreed, 'permessage-deflate; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits=11');
  socket.terminate();
});

/** By hand: the handshake, `frames` as [first octet, payload], then the code of the close frame that comes back. */
function refused(frames, by = server) {
  const octets = frames.map(([first, payload]) => {
    const head = payload.length < 126 ? [first, 0x80 | payload.length]
      : payload.length < 65_536 ? [first, 0xfe, payload.length >> 8, payload.length & 255]
        : [first, 0xff, 0, 0, 0, 0, payload.length >>> 24, (payload.length >> 16) & 255, (payload.length >> 8) & 255, payload.length & 255];
    return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]);
  });
  return within(new Promise((resolve, reject) => {
    const socket = connect(by.port, '127.0.0.1');
    let got = Buffer.alloc(0);
    socket.on('error', reject);
    socket.on('data', (data) => (got = Buffer.concat([got, data])));
    socket.on('close', () => {
      const body = got.subarray(got.indexOf('\r\n\r\n') + 4);
      assert.match(got.toString('latin1'), /^HTTP\/1\.1 101 .*Sec-WebSocket-Extensions: permessage-deflate\r\n/s);
      assert.equal(body[0], 0x88, 'no close frame first');
      resolve(body.readUInt16BE(2));
    });
    socket.write(`GET / HTTP/1.1\r\nHost: ${by.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n');
    socket.write(Buffer.concat(octets));
  }), 'a close frame');
}

const packed = (data) => deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);

describe('what a client may not do', () => {
  it('a control frame that is compressed', async () => assert.equal(await refused([[0xc9, Buffer.from('x')]]), 1002));
  it('a continuation that is compressed', async () =>
    assert.equal(await refused([[0x41, packed('one')], [0xc0, packed('two')]]), 1002));
  it('another reserved bit', async () => assert.equal(await refused([[0xa1, Buffer.from('x')]]), 1002));
  it('octets that are no deflate stream', async () => assert.equal(await refused([[0xc1, Buffer.from([0xff, 0xff, 0xff])]]), 1007));
  it('text that is not UTF-8', async () => assert.equal(await refused([[0xc1, packed(Buffer.from([0xc3, 0x28]))]]), 1007));
  it('a small message that becomes a large one', async () =>
    assert.equal(await refused([[0xc2, packed(Buffer.alloc(64 << 20))]]), 1009));
});

// A message of 1 MB that stands for 960 of them: what lies behind the limit is neither kept nor restored. A server of its own, as
// memory is looked at from its beginning, and processor time instead of a clock, so that others on this machine make no difference.
describe('a bomb of 960 MiB, where 1 MiB is allowed', () => {
  const once = deflateRawSync(Buffer.alloc(16 << 20), { finishFlush: constants.Z_FULL_FLUSH, level: 9 });  // refers to nothing before
  const bomb = Buffer.concat([...Array(60).fill(once), packed(Buffer.alloc(1))]);
  const half = bomb.length >> 1;
  for (const [how, frames] of Object.entries({
    'in one frame': [[0xc2, bomb]],
    'in two': [[0x42, bomb.subarray(0, half)], [0x80, bomb.subarray(half)]],
  })) {
    it(how, async () => {
      assert.ok(bomb.length <= kLimit, `${bomb.length} octets are refused as such`);
      const alone = await Server.start('websocket_echo', { 'max-payload': kLimit });
      const before = { peak: alone.peak(), cpu: alone.cpu() };
      assert.equal(await refused(frames, alone), 1009);
      const cost = { octets: alone.peak() - before.peak, cpu: alone.cpu() - before.cpu };
      await alone.stop();
      if (sanitized) return;
      assert.ok(cost.octets <= 2 * kLimit + (4 << 20), `${cost.octets} octets`);
      assert.ok(cost.cpu < 300, `${cost.cpu} ms of CPU`);  // 5 here; all of it takes 1,000 at least
    });
  }
});

/** How many frames of messages arrive from now on, and the octets of their payloads. */
function count_frames(socket) {
  const frames = { octets: 0, count: 0 };
  const receiver = socket._receiver;
  const { getData } = receiver;  // called whenever there is more of a frame whose header is read
  receiver.getData = function (done) {
    if (this._opcode < 8 && this._bufferedBytes >= this._payloadLength) {
      frames.octets += this._payloadLength;
      ++frames.count;
    }
    return getData.call(this, done);
  };
  return frames;
}

describe('messages in parts', () => {
  const large = words(20_000);
  const sets = [false, true].flatMap((alone) => [9, 15].map((bits) => ({ alone, bits })));
  for (const { alone, bits } of sets) {
    const options = { serverNoContextTakeover: alone, clientNoContextTakeover: alone, serverMaxWindowBits: bits, clientMaxWindowBits: bits, threshold: 0 };
    it(`of the server: ${JSON.stringify({ alone, bits })}`, async () => {
      const socket = await open(options, '/parts');
      const frames = count_frames(socket);
      for (const message of messages) await echo(socket, message);
      Object.assign(frames, { octets: 0, count: 0 });
      await echo(socket, large);
      assert.ok(frames.count >= large.length / 1000, `${frames.count} frames`);
      assert.ok(frames.octets < (alone ? 0.6 : 0.4) * large.length, `${large.length} octets were ${frames.octets}`);
      socket.close(1000);
      assert.equal(await within(socket.over, 'the end'), 1000);
    });
    it(`of the client: ${JSON.stringify({ alone, bits })}`, async (test) => {
      const site = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: 8 * kLimit, perMessageDeflate: options });
      test.after(() => site.close());
      const opened = new Promise((resolve) => site.once('connection', resolve));
      await within(new Promise((resolve) => site.once('listening', resolve)), 'the server to listen');
      const client = run_program('websocket_client_echo', { echo: `ws://127.0.0.1:${site.address().port}/`, part: 1000, 'take-over': alone ? 0 : 1 });
      const socket = await within(opened, 'the client');
      assert.match(socket.extensions, /permessage-deflate/);
      socket.inbox = [];
      socket.on('message', (data, binary) => { socket.inbox.push({ data, binary }); socket.emit('arrived'); });
      const frames = count_frames(socket);
      for (const message of messages) await echo(socket, message);
      Object.assign(frames, { octets: 0, count: 0 });
      await echo(socket, large);
      assert.ok(frames.count >= large.length / 1000, `${frames.count} frames`);
      assert.ok(frames.octets < (alone ? 0.6 : 0.4) * large.length, `${large.length} octets were ${frames.octets}`);
      socket.close(1000);
      await within(client, 'the client to end');
    });
  }
});

it('serves the others all the same', async () => {
  const socket = await open({ threshold: 0 });
  await echo(socket, words(100));
  socket.close();
  await within(socket.over, 'the end');
});
