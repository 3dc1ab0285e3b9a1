// Octets that are nearly right, thrown at the servers and at the chat over many connections at once, cut anywhere and often reset.
// What must hold: a canary on the same server does not notice, the server lives and ends well, and when all have gone it owns as
// many descriptors and as much memory as before.
//
//   VERDIN_RANDOM_SECONDS  for each server (1.5), all at once; a longer run is for the sanitizers' builds and for a patient person
//   VERDIN_RANDOM_SEED     other input; the seed is printed
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Canary } from '../interop/lib/canary.mjs';
import { Dice, frames, mutated, packet, perhaps_mutated } from '../interop/lib/random.mjs';
import { Raw, kKey } from '../interop/lib/raw.mjs';
import { Server, oracle, sanitized } from '../interop/lib/server.mjs';
import { pause, slow, until } from '../interop/lib/wait.mjs';

const kSeconds = Number(process.env.VERDIN_RANDOM_SECONDS || 1.5);
const kSeed = Number(process.env.VERDIN_RANDOM_SEED || 20261121);
const kPeers = 12;  // at once
const kGrowth = 6 << 20;              // octets of private memory; a leak of a kilobyte a connection is more than that in a longer run

const scratch = mkdtempSync(join(tmpdir(), 'verdin-random-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

// An abandoned polling session is gone within these seconds, so that memory can be compared.
const kTimes = { 'ping-interval': 400, 'ping-timeout': 1_000 * slow };

const targets = [
  {
    name: 'engineio_server', options: kTimes, path: '/engine.io/', nsps: ['/'], events: ['x'], settles: true,
    join: [], call: (id) => `4tweet ${id}`, reply: (id) => `4tweet ${id}`,
  },
  {
    name: 'socketio_server', options: kTimes, path: '/socket.io/', nsps: ['/', '/custom'], events: ['message', 'message-with-ack', 'join', 'room'], settles: true,
    join: ['40'], call: (id) => `42${id}["message-with-ack","tweet"]`, reply: (id) => `43${id}["tweet"]`,
  },
  {
    name: 'interop_server', options: kTimes, path: '/socket.io/', nsps: ['/', '/bare', '/auth', '/slow-auth'], settles: true,
    events: ['echo', 'void', 'types', 'binary', 'ask', 'ask-all', 'listen', 'kick', 'kick-all', 'join', 'leave', 'rooms', 'cast', 'broadcast', 'volatile', 'throw', 'ack-later', 'ack-twice', 'typed', 'typed-user', 'typed-binary', 'typed-map', 'handshake', 'set', 'get', 'number'],
    join: ['40/admin,'], call: (id) => `42/admin,${id}["echo","tweet"]`, reply: (id) => `43/admin,${id}["tweet"]`,
  },
  {
    // Its heartbeat is the library's: abandoned sessions, and pollers who sent more behind a poll that waits and then vanished,
    // stay for up to 45 seconds. Only a longer run has the patience.
    name: 'verdin-chat', options: { database: join(scratch, 'chat.db') }, path: '/socket.io/', nsps: ['/chat', '/rooms'], events: ['join', 'nickname', 'user message', 'history'], settles: false,
    join: ['40/chat,'], call: (id) => `42/chat,${id}["join","lobby"]`, reply: (id) => `43/chat,${id}[true,{`,
    paths: ['/', '/rooms/lobby', '/rooms/%F0%9F%92%A5', '/api/rooms', '/static/room.js', '/static/../main.cpp', '/static/%2e%2e/x'],
    posts: ['{"name":"Lobby"}', '{"name":7}', '{"name":"']
  },
];

/** One peer after another, each with a fate of its own, until the time is up. */
class Peer {
  constructor(server, target, seed) {
    Object.assign(this, { server, target, dice: new Dice(seed), count: 0 });
  }
  async run(end) {
    while (Date.now() < end && this.server.alive) {
      this.count++;
      await this.dice.of([this.requests, this.polling, this.websocket, this.websocket, this.upgrade]).call(this);
    }
  }

  // — what is sent

  /** `first` and headers as they should be. */
  head(first, ...lines) {
    return [first, `Host: ${this.server.host}`, ...lines, '', ''].join('\r\n');
  }
  query(sid) {
    const { dice } = this;
    return `${this.target.path}?EIO=${dice.chance(95) ? 4 : dice.below(9)}&transport=${dice.chance(95) ? 'polling' : 'websocket'}${sid ? `&sid=${sid}` : ''}`;
  }
  packet() {
    const text = packet(this.dice, this.target.nsps, this.target.events);
    return this.dice.chance(60) ? Buffer.from(text) : mutated(this.dice, Buffer.from(text));
  }
  payload() {
    const parts = Array.from({ length: this.dice.below(3) + 1 }, () => this.packet());
    return Buffer.concat(parts.flatMap((part, i) => (i ? [Buffer.from('\x1e'), part] : [part])));
  }
  post(path, body, type = 'text/plain;charset=UTF-8') {
    const { dice } = this;
    if (dice.chance(70)) return Buffer.concat([Buffer.from(this.head(`POST ${path} HTTP/1.1`, `Content-Type: ${type}`, `Content-Length: ${body.length}`)), body]);
    const middle = dice.below(body.length) + 1;
    const chunks = [body.subarray(0, middle), body.subarray(middle)].filter((part) => part.length);
    const framed = chunks.flatMap((part) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]);
    return Buffer.concat([Buffer.from(this.head(`POST ${path} HTTP/1.1`, 'Transfer-Encoding: chunked')), ...framed, Buffer.from('0\r\n\r\n')]);
  }
  request(sid) {
    const { dice, target } = this;
    const { paths = ['/health', '/'], posts } = target;
    switch (dice.below(7)) {
      case 0: return this.head(`${dice.of(['GET', 'HEAD', 'OPTIONS', 'PUT', 'BREW'])} ${this.query(sid)} HTTP/1.1`, 'Origin: http://elsewhere.example');
      case 1: return this.head(`GET ${dice.of(paths)} HTTP/1.${dice.below(2)}`, `Connection: ${dice.of(['keep-alive', 'close', 'Upgrade'])}`);
      case 2: return this.head(`GET ${target.path}socket.io.min.js HTTP/1.1`, `If-None-Match: "${dice.below(9)}"`, 'Range: bytes=5-9', 'Accept-Encoding: gzip;q=0, *');
      case 3: return this.post(this.query(sid), this.payload());
      case 4: return posts ? this.post('/rooms', Buffer.from(dice.of(posts)), 'application/json') : this.head(`GET ${this.query(sid)} HTTP/1.1`);
      default: return this.head(`GET ${this.query(sid)} HTTP/1.1`);
    }
  }
  handshake(sid) {
    return this.head(`GET ${this.target.path}?EIO=4&transport=websocket${sid ? `&sid=${sid}` : ''} HTTP/1.1`, 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Key: ${kKey}`, 'Sec-WebSocket-Version: 13');
  }

  // — how it is sent

  /** In pieces that end anywhere; what the server does meanwhile is its business. */
  async deliver(raw, octets) {
    const { dice } = this;
    if (dice.chance(1)) octets = Buffer.concat([octets, Buffer.alloc(dice.size(1_200_000), dice.below(256))]);
    for (let at = 0, end; at < octets.length && !raw.over; at = end) {
      end = dice.chance(50) ? octets.length : at + dice.size(octets.length - at);
      await Promise.race([raw.send(octets.subarray(at, end)), raw.closed]);
      if (dice.chance(20)) await pause(dice.below(4));
    }
  }
  async leave(raw) {
    const { dice } = this;
    if (dice.chance(40)) await Promise.race([raw.closed, pause(dice.below(30))]);
    if (dice.chance(10)) {
      raw.socket.end();
      await Promise.race([raw.closed, pause(20)]);
      raw.drop();  // no reset: Node 20 would never get rid of a socket that was ended and then reset
    } else {
      dice.chance(50) ? raw.reset() : raw.drop();
    }
  }
  async open() {
    const raw = await Raw.open(this.server);
    raw.socket.setNoDelay(true);
    if (this.dice.chance(3)) raw.deafen();
    return raw;
  }

  // — fates

  async requests() {
    const raw = await this.open();
    const all = Array.from({ length: this.dice.size(8) }, () => perhaps_mutated(this.dice, Buffer.from(this.request())));
    await this.deliver(raw, Buffer.concat(all));
    await this.leave(raw);
  }
  async websocket(sid, first = []) {
    const { dice, target } = this;
    const raw = await this.open();
    const hello = Buffer.from(this.handshake(sid));
    const joins = dice.chance(80) ? target.nsps.map((nsp) => frames(dice, nsp === '/' ? '40' : `40${nsp},`)) : [];
    const talk = Buffer.concat([...first, ...joins, ...Array.from({ length: dice.size(30) }, () => frames(dice, this.packet()))]);
    await this.deliver(raw, dice.chance(10) ? mutated(dice, hello) : hello);
    await this.deliver(raw, dice.chance(30) ? mutated(dice, talk) : talk);
    await this.leave(raw);
  }
  /** A session over polling; null if there was none. */
  async session() {
    const raw = await this.open();
    await raw.send(this.head(`GET ${this.target.path}?EIO=4&transport=polling HTTP/1.1`));
    const sid = await raw.until(({ text }) => /"sid":"([^"]+)"/.exec(text)?.[1], 'a session', 500).catch(() => null);  // or it is deaf
    return { raw, sid };
  }
  async polling() {
    const { raw, sid } = await this.session();
    if (sid && this.target.join.length) await this.deliver(raw, this.post(`${this.target.path}?EIO=4&transport=polling&sid=${sid}`, Buffer.from(this.target.nsps.map((nsp) => (nsp === '/' ? '40' : `40${nsp},`)).join('\x1e'))));
    const other = await this.open();
    const some = () => Buffer.concat(Array.from({ length: this.dice.size(5) }, () => perhaps_mutated(this.dice, Buffer.from(this.request(sid)))));
    await Promise.all([this.deliver(raw, some()), this.deliver(other, some())]);
    await Promise.all([this.leave(raw), this.leave(other)]);
  }
  async upgrade() {
    const { raw, sid } = await this.session();
    const { dice } = this;
    const probe = ['2probe', ...(dice.chance(80) ? ['5'] : [])].map((text) => frames(dice, text));
    const poll = dice.chance(70) ? this.deliver(raw, Buffer.from(this.head(`GET ${this.query(sid)} HTTP/1.1`))) : undefined;
    await Promise.all([poll, this.websocket(sid, probe)]);
    await this.leave(raw);
  }
}

const kLong = kSeconds >= 10;
const descriptors = (server) => readdirSync(`/proc/${server.pid}/fd`).length;

// All servers at once: what takes time is to wait until the abandoned sessions have gone.
describe('random octets', { concurrency: true, skip: oracle && 'not against the official server' }, () => {
  for (const target of targets) it(`at ${target.name} do no harm (seed ${kSeed}, ${kSeconds} s)`, (test) => play(test, target));
});

async function attack(server, target, seed, seconds) {
  const end = Date.now() + 1000 * seconds;
  const peers = Array.from({ length: kPeers }, (_, i) => new Peer(server, target, seed + i));
  const ends = await Promise.allSettled(peers.map((peer) => peer.run(end)));
  if (!server.alive) throw new Error(`the server died: ${JSON.stringify(server.over)}\n${server.errors}`);
  for (const { reason } of ends) if (reason) throw reason;
  return peers.reduce((sum, { count }) => sum + count, 0);
}

async function play(test, target) {
  const server = await Server.start(target.name, target.options);
  test.after(() => server.alive && server.stop());
  const canary = await Canary.watch(server, target);
  const settled = target.settles || kLong;
  const weighed = settled && !sanitized;
  const patience = target.settles ? 20_000 : 60_000;
  await canary.sings();
  const open = descriptors(server);
  if (weighed) {
    await attack(server, target, kSeed ^ 0x5eed, kSeconds / 4);  // pools are warm, code has been touched
    await until(() => descriptors(server) <= open, 'the descriptors of those who warmed it up to be closed', patience);
  }
  const memory = server.rss();
  const peers = await attack(server, target, kSeed, kSeconds);
  test.diagnostic(`${target.name}: ${peers} peers, the canary waited ${canary.worst} ms at most`);
  await canary.sings();
  assert.ok(peers >= kPeers);
  if (settled) await until(() => descriptors(server) <= open, 'the descriptors of those who have gone to be closed', patience);
  if (weighed) await until(() => server.rss() <= memory + kGrowth, `memory to be as before (${memory}, now ${server.rss()})`, patience);
  await canary.stop();
  await server.stop();
}
