// Peers that send as much as they can and mean nothing by it, or read nothing, over WebSocket: a healthy client of the same server
// is answered all along, and what they cost is bounded.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { after, afterEach, before, beforeEach, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { frame, kKey, kOpcode } from '../interop/lib/raw.mjs';
import { Server, sanitized } from '../interop/lib/server.mjs';
import { slow, until, within } from '../interop/lib/wait.mjs';

const kLimit = 2_000;  // ms that a peer may take nothing
const kBounded = 4 << 20;  // octets over idle that a hostile peer may cost
const few = (count) => (sanitized ? Math.ceil(count / 10) : count);

let server, idle;
before(async () => (server = await Server.start('limits_server', { limit: kLimit })));
after(() => server.stop());
const descriptors = () => readdirSync(`/proc/${server.pid}/fd`).length;

// Whoever floods, another client goes on asking, over HTTP and over WebSocket.
let healthy, verdict;
beforeEach(async () => {
  idle = { rss: server.rss(), descriptors: descriptors() };
  healthy = new Worker(fileURLToPath(new URL('../interop/lib/healthy.mjs', import.meta.url)), { workerData: { port: server.port } });
  verdict = new Promise((resolve, reject) => healthy.once('message', resolve).once('error', reject));
});
afterEach(async () => {
  healthy.postMessage('enough');
  const { times, error } = await within(verdict, 'the healthy client');
  assert.equal(error, undefined);
  assert.ok(times.length >= 2, `a healthy client was answered ${times.length} times`);
  await until(() => descriptors() <= idle.descriptors + 2, 'the server to let go of all');
});

/** A WebSocket that is open; it reads on only if told. */
async function open(path) {
  const socket = connect({ port: server.port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  socket.over = new Promise((resolve) => socket.once('close', resolve));
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${kKey}\r\nSec-WebSocket-Version: 13\r\n\r\n`);
  const head = await within(new Promise((resolve) => socket.once('data', resolve)), 'the handshake');
  assert.match(head.toString('latin1'), /^HTTP\/1\.1 101 /);
  socket.pause();
  return socket;
}
const all = (count, work) => Promise.all(Array.from({ length: count }, work));
/** Resolves when the kernel has taken all, to true; or to false when the server takes nothing more, or has closed. */
const push = (socket, octets, patience = kLimit / 2) =>
  new Promise((resolve) => {
    const stuck = setTimeout(() => resolve(false), patience);
    const settle = (done) => (clearTimeout(stuck), resolve(done));
    socket.once('close', () => settle(false));
    socket.write(octets, (error) => settle(!error));
  });
const repeated = (octets, size) => Buffer.concat(Array.from({ length: Math.ceil(size / octets.length) }, () => octets));

it('floods of pings from peers that do not read', async () => {
  const pings = repeated(frame(kOpcode.ping, 'p'.repeat(125)), 1 << 20);
  const peers = await all(20, () => open('/echo'));
  const most = sanitized ? 30 : 100;  // MB of each; the kernel alone takes up to 10
  const sent = await Promise.all(peers.map(async (peer) => {
    for (let i = 0; i < most; i++) if (!(await push(peer, pings))) return i;
    return most;
  }));
  assert.ok(sent.every((size) => size < most), `the server took ${sent} MB, and nobody reads its answers`);
  if (!sanitized) assert.ok(server.rss() - idle.rss < peers.length * kBounded, `${server.rss() - idle.rss} octets for ${peers.length} of them`);
  peers.forEach((peer) => peer.resume());  // now that it has nothing to say, it sees the end
  await within(Promise.all(peers.map((peer) => peer.over)), 'all to be dropped');
});

it('floods of pings from peers that read', async () => {
  const pings = repeated(frame(kOpcode.ping, 'p'), 1 << 20);
  const peers = await all(10, () => open('/echo'));
  let read = 0;
  peers.forEach((peer) => peer.on('data', (part) => (read += part.length)).resume());
  await Promise.all(peers.map(async (peer) => {
    for (let i = 0; i < few(10); i++) assert.ok(await push(peer, pings, 10_000 * slow), 'it was closed');
  }));
  const answers = few(10) * peers.length * (pings.length / 7) * 3;
  await until(() => read >= answers, 'a pong for each ping');
  peers.forEach((peer) => peer.destroy());
});

it('messages in fragments of an octet, and of none', async () => {
  const size = few(900_000);
  const piece = frame(kOpcode.continuation, 'x', { fin: false });
  const nothing = frame(kOpcode.continuation, '', { fin: false });
  const peers = await all(10, () => open('/echo'));
  const octets = [frame(kOpcode.binary, '', { fin: false }), repeated(piece, size * piece.length), repeated(nothing, size * nothing.length), frame(kOpcode.continuation)];
  await Promise.all(peers.map(async (peer) => {
    let read = 0;
    peer.on('data', (part) => (read += part.length)).resume();
    peer.write(Buffer.concat(octets));
    await until(() => read >= size + (size > 65_535 ? 10 : 4), 'the message, whole', 60_000);
  }));
  if (!sanitized) assert.ok(server.rss() - idle.rss < peers.length * kBounded, `${server.rss() - idle.rss} octets for ${peers.length} of them`);
  peers.forEach((peer) => peer.destroy());
});

it('messages of nothing', async () => {
  const octets = repeated(frame(kOpcode.text), 1 << 20);
  const count = octets.length / 6;
  const peers = await all(10, () => open('/echo'));
  let read = 0;
  peers.forEach((peer) => peer.on('data', (part) => (read += part.length)).resume());
  peers.forEach((peer) => peer.write(octets));
  await until(() => read >= peers.length * count * 2, 'all of them to come back', 60_000);
  peers.forEach((peer) => peer.destroy());
});

it('1,000 connections that never read what is sent without end', async (test) => {
  const count = few(1000);
  const began = performance.now();
  const peers = [];
  while (peers.length < count) peers.push(...(await all(Math.min(50, count - peers.length), () => open('/feed'))));
  const held = descriptors() - idle.descriptors;
  const opened_in = performance.now() - began;
  if (opened_in < kLimit) assert.ok(held >= count, `all are there, not ${held}`);
  else test.diagnostic(`opening them took ${opened_in} ms, in which the first ones are dropped by right: ${held} are there`);
  if (!sanitized) assert.ok(server.rss() - idle.rss < count * 64 * 1024, `${server.rss() - idle.rss} octets for ${count} of them`);
  // They take nothing for too long: the server lets go of them, though they have not.
  await until(() => descriptors() <= idle.descriptors + 5, 'all to be dropped');
  peers.forEach((peer) => peer.destroy());
});
