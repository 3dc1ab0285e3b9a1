#!/usr/bin/env node
// What a slow peer of each kind costs a server with its default limits, in resident octets: a fresh server for each kind. Prints
// Markdown; exit status 1 if a kind costs more than 8 KB (or what its rule says), or all together more than that on average.
//
//   node tests/soak/slow_peer_memory.mjs BUILD [PEERS [KIND...]]
import { request } from '../interop/lib/http.mjs';
import { Server } from '../interop/lib/server.mjs';
import { kKinds, memory_of } from '../interop/lib/slow_peers.mjs';

const kMost = 8192;
const kNoise = 512;  // two runs differ by as much
const kHold = 2_000;  // ms, well below all limits

const [build, count = 2000, ...only] = process.argv.slice(2);
process.env.VERDIN_BUILD = build;
console.log('| peer | octets |\n| --- | --- |');
let status = 0, sum = 0, kinds = 0;
for (const kind of only.length ? only : Object.keys(kKinds)) {
  const server = await Server.start('limits_server');
  const ask = async (path) => (await request(`${server.http}${path}`)).text;
  const { octets, gone } = await memory_of(server, kind, { count: Number(count), hold: kHold, ask });
  await server.kill();
  console.log(`| ${kind} | ${Math.round(octets)}${gone ? ` (${gone} were gone)` : ''} |`);
  if (gone || octets > (kKinds[kind].costs ?? kMost) + kNoise) status = 1;
  sum += octets;
  ++kinds;
}
console.log(`| on average | ${Math.round(sum / kinds)} |`);
if (sum > kinds * kMost) status = 1;
process.exit(status);
