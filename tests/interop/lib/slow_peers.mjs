// Peers that hold a connection of `limits_server` and give it next to nothing: of many kinds, hundreds of each, all at once.
// Each must be gone when its limit is over, and not before; a healthy client meanwhile asks and is answered.
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connect_tls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { frame, kKey, kOpcode } from './raw.mjs';
import { until, within } from './wait.mjs';

/** The server's limits in ms: by default, or as --limit sets them. */
export const limits_of = (limit) =>
  limit ? { head: limit, body: limit, idle: limit, write: limit, tls: limit, ping: limit / 2, close: limit }
        : { head: 10_000, body: 10_000, idle: 10_000, write: 10_000, tls: 10_000, ping: 25_000, close: 5_000 };

const kOpening = 'Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n';
const kUpgrade = (path) => `GET ${path} HTTP/1.1\r\n${kOpening}Sec-WebSocket-Key: ${kKey}\r\n\r\n`;
const kHello = Buffer.concat([Buffer.from('16030100c8010000c40303', 'hex'), Buffer.alloc(190, 7)]);  // less than it says
const kWholeHello = await new Promise((resolve) => {  // of Node's own client
  const wire = new Duplex({ read() {}, write: (octets, _, done) => (resolve(octets), done()) });
  connect_tls({ socket: wire, rejectUnauthorized: false }).on('error', () => {});
});
const post = (line) => `POST /x HTTP/1.1\r\nHost: x\r\n${line}\r\n\r\n`;

// opening: sent at once; answered: the clock runs from when that has come; drip: then an octet of it now and then, round and round;
// deaf: reads nothing from then on; limit: [not before, not after] of the limits; costs: octets, if that may be more than 8 KB.
export const kKinds = {
  'silence': { limit: (of) => [of.head, of.head] },
  'request line, octet by octet': { opening: 'GET /', drip: 'x', limit: (of) => [of.head, of.head] },
  'header, octet by octet': { opening: 'GET / HTTP/1.1\r\nHost: x\r\nX: ', drip: 'y', limit: (of) => [of.head, of.head] },
  'headers, octet by octet': { opening: 'GET / HTTP/1.1\r\nHost: x\r\n', drip: 'X: y\r\n', limit: (of) => [of.head, of.head] },
  'body, octet by octet': { opening: post('Content-Length: 1000'), drip: 'b', limit: (of) => [of.body, of.body] },
  'body for a handler that reads it, octet by octet':
    { opening: 'POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n', drip: 'b', limit: (of) => [of.body, of.body] },
  'chunk, octet by octet': { opening: `${post('Transfer-Encoding: chunked')}400\r\n`, drip: 'c', limit: (of) => [of.body, of.body] },
  'chunks of an octet, octet by octet': { opening: post('Transfer-Encoding: chunked'), drip: '1\r\nc\r\n', limit: (of) => [of.body, of.body] },
  'trailer, octet by octet': { opening: `${post('Transfer-Encoding: chunked')}0\r\n`, drip: 'X: y\r\n', limit: (of) => [of.body, of.body] },
  'idle behind an answer': { opening: post('Content-Length: 0'), answered: 'HTTP/1.1 200 ', limit: (of) => [of.idle, of.idle] },
  'reads nothing of a large answer':
    { opening: 'GET /large HTTP/1.1\r\nHost: x\r\n\r\n', deaf: true, drip: 'GET ', limit: (of) => [of.write, 2 * of.write] },
  'reads nothing of an answer in pieces':
    { opening: 'GET /pieces HTTP/1.1\r\nHost: x\r\n\r\n', costs: 16 * 1024, deaf: true, drip: 'GET ', limit: (of) => [of.write, 2 * of.write] },
  'half a TLS handshake': { secure: true, opening: kHello, limit: (of) => [of.tls, of.tls] },
  'TLS handshake, octet by octet': { secure: true, opening: kHello.subarray(0, 20), drip: '\x07', limit: (of) => [of.tls, of.tls] },
  'a whole TLS hello, then silence': { secure: true, opening: kWholeHello, costs: 64 * 1024, limit: (of) => [of.tls, of.tls] },
  'half a WebSocket handshake': { opening: `GET /echo HTTP/1.1\r\n${kOpening}`, limit: (of) => [of.head, of.head] },
  'half a WebSocket frame':
    { opening: kUpgrade('/echo'), answered: 'HTTP/1.1 101 ', then: frame(kOpcode.binary, 'x'.repeat(1000)).subarray(0, 300), limit: (of) => [of.ping, 2 * of.ping] },
  'WebSocket frame, octet by octet':
    { opening: kUpgrade('/echo'), answered: 'HTTP/1.1 101 ', then: frame(kOpcode.binary, 'x'.repeat(1000)).subarray(0, 300), drip: 'x', limit: (of) => [of.ping, 2 * of.ping] },
  'answers no ping': { opening: kUpgrade('/echo'), answered: 'HTTP/1.1 101 ', limit: (of) => [of.ping, 2 * of.ping] },
  'answers no close frame': { opening: kUpgrade('/farewell'), answered: 'HTTP/1.1 101 ', limit: (of) => [of.close, of.close] },
};

const kUnevenness = 150;  // ms by which a timer of the server's or ours may be early: both are rounded
const kFarewell = 5_000;  // a connection that was closed politely waits so long for the peer's FIN
const octets = (text) => (typeof text === 'string' ? Buffer.from(text, 'latin1') : text);

class Peer {
  constructor(kind, ports) {
    Object.assign(this, { kind, at: 0, rule: kKinds[kind] });
    this.drip = this.rule.drip && octets(this.rule.drip);
    // Never closed by us, not even when the server has.
    this.socket = connect({ port: this.rule.secure ? ports.secure : ports.plain, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.gone = new Promise((resolve) => {
      const over = () => {
        this.ended ??= performance.now();
        resolve();
      };
      this.socket.on('error', () => {}).on('end', over).on('close', over);
    });
    this.open = new Promise((resolve) => {
      this.socket.once('connect', () => {
        if (this.rule.opening) this.socket.write(octets(this.rule.opening));
        if (this.rule.deaf) this.socket.pause();
        else if (!this.rule.answered) this.socket.resume();
        if (!this.rule.answered) resolve();
      });
      if (this.rule.answered)
        this.socket.once('data', (part) => {
          if (!part.toString('latin1').startsWith(this.rule.answered)) this.fault = `it was answered ${part.toString('latin1', 0, 40)}`;
          if (this.rule.then) this.socket.write(this.rule.then);
          this.socket.resume();
          resolve();
        });
    }).then(() => (this.began = performance.now()));
  }
  /** Its next octet. */
  give() {
    if (!this.drip || !this.began || this.ended || !this.socket.writable) return;
    this.socket.write(this.drip.subarray(this.at, this.at + 1));
    this.at = (this.at + 1) % this.drip.length;
  }
}

/** What `count` peers of one kind cost a server of their own, each, in resident octets, once they have dripped for `hold` ms. */
export async function memory_of(server, kind, { count, hold, ask }) {
  const ports = { plain: server.port, secure: Number(await ask('/secure-port')) };
  const open = async (many) => {
    const peers = [];
    for (let i = 0; i < many; i++) {
      peers.push(new Peer(kind, ports));
      if (i % 50 === 49) await Promise.all(peers.slice(-50).map((peer) => within(peer.open, `${kind}: to begin`)));
    }
    await Promise.all(peers.map((peer) => within(peer.open, `${kind}: to begin`)));
    return peers;
  };
  const peers = await open(Math.ceil(count / 20));  // what the first ones of a kind cost is not theirs
  const before = server.rss();
  const first = peers.length;
  peers.push(...(await open(count)));
  const until_then = performance.now() + hold;
  for (; performance.now() < until_then; await new Promise((resolve) => setTimeout(resolve, hold / 4))) peers.forEach((peer) => peer.give());
  const gone = peers.filter((peer) => peer.ended).length;
  const octets = (server.rss() - before) / (peers.length - first);
  peers.forEach((peer) => peer.socket.destroy());
  return { octets, gone };
}

const descriptors = (server) => readdirSync(`/proc/${server.pid}/fd`).length;

/**
 * `count` peers of all kinds. Resolves to {kinds: {name: {count, least, most, earliest, latest}}, times, faults, cpu, rss}: when they were
 * gone in ms, what is wrong with that (late by more than `patience` ms), the healthy client's times, CPU and memory of the server.
 */
export async function slow_peers(server, { count, limit, patience, ask }) {
  const limits = limits_of(limit);
  const drip_pause = limit ? limit / 8 : 1000;  // ms: more often than a ping in both
  const ports = { plain: server.port, secure: Number(await ask('/secure-port')) };
  const healthy = new Worker(fileURLToPath(new URL('healthy.mjs', import.meta.url)), { workerData: { port: server.port } });
  const verdict = new Promise((resolve, reject) => healthy.once('message', resolve).once('error', reject));
  await until(() => descriptors(server) > 0, 'the server to be there');
  const before = { descriptors: descriptors(server), rss: server.rss(), cpu: server.cpu(), time: performance.now() };

  const names = Object.keys(kKinds);
  const peers = [];
  const dripping = setInterval(() => peers.forEach((peer) => peer.give()), drip_pause);
  for (let i = 0; i < count; i++) {
    peers.push(new Peer(names[i % names.length], ports));
    if (i % 50 === 49) await Promise.all(peers.slice(-50).map((peer) => within(peer.open, `${peer.kind}: to begin`)));
  }
  await Promise.all(peers.map((peer) => within(peer.open, `${peer.kind}: to begin`)));
  const held = { descriptors: descriptors(server), rss: server.rss() };

  const faults = [];
  const longest = Math.max(...names.map((name) => kKinds[name].limit(limits)[1]));
  await within(Promise.all(peers.map((peer) => peer.gone)), 'all to be gone', longest + patience + 2 * drip_pause + kFarewell).catch(() => {
    for (const name of names) {
      const left = peers.filter((peer) => peer.kind === name && !peer.ended).length;
      if (left) faults.push(`${name}: ${left} are still there`);
    }
  });
  clearInterval(dripping);
  const kinds = {};
  for (const name of names) {
    const rule = kKinds[name];
    const [least, most] = rule.limit(limits);
    const all = peers.filter((peer) => peer.kind === name);
    const took = all.filter((peer) => peer.ended).map((peer) => peer.ended - peer.began);
    const [earliest, latest] = [Math.min(...took), Math.max(...took)];
    kinds[name] = { count: all.length, least, most, earliest, latest };
    faults.push(...new Set(all.map((peer) => peer.fault).filter(Boolean).map((fault) => `${name}: ${fault}`)));
    if (earliest < least - kUnevenness) faults.push(`${name}: gone after ${earliest} ms already`);
    // Who is deaf sees it when it next sends.
    if (latest > most + patience + (rule.deaf ? drip_pause : 0)) faults.push(`${name}: gone after ${latest} ms only`);
  }
  // And the server has let go of them, though none of them has closed.
  await until(() => descriptors(server) <= before.descriptors + 2, 'the server to close its sockets', 2 * kFarewell + patience)
    .catch(() => faults.push(`${descriptors(server) - before.descriptors} descriptors are left`));
  const wall = performance.now() - before.time;
  const cpu = (server.cpu() - before.cpu) / wall;
  healthy.postMessage('enough');
  const { times, error } = await within(verdict, 'the healthy client');
  if (error) faults.push(error);
  peers.forEach((peer) => peer.socket.destroy());
  times.sort((a, b) => a - b);
  return { kinds, faults, times, cpu, held: held.descriptors - before.descriptors, octets: (held.rss - before.rss) / count };
}

export const percentile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
