#!/usr/bin/env node
// scripts/slow-peers: what tests/conformance/slow_peers.test.mjs tests, with the limits that a server has by default and with a
// bound on what a healthy client waits. Prints Markdown; exit status 1 if anything is late or early.
//
//   node tests/soak/slow_peers.mjs BUILD [PEERS [LIMIT]]
import { request } from '../interop/lib/http.mjs';
import { Server } from '../interop/lib/server.mjs';
import { percentile, slow_peers } from '../interop/lib/slow_peers.mjs';

const kLongestWait = 20;  // ms, for 99 of 100 answers

const [build, count = 2000, limit = 0] = process.argv.slice(2);
process.env.VERDIN_BUILD = build;
const server = await Server.start('limits_server', Number(limit) ? { limit } : {});
const ask = async (path) => (await request(`${server.http}${path}`)).text;
const result = await slow_peers(server, { count: Number(count), limit: Number(limit), patience: 1_000, ask });
await server.stop();

const seconds = (ms) => (ms / 1000).toFixed(1);
console.log('| peers | limit, s | gone after, s |\n| --- | --- | --- |');
for (const [name, { count, least, most, earliest, latest }] of Object.entries(result.kinds)) {
  const bound = least === most ? seconds(most) : `${seconds(least)} to ${seconds(most)}`;
  console.log(`| ${count}: ${name} | ${bound} | ${seconds(earliest)} to ${seconds(latest)} |`);
}
const wait = (share) => `${percentile(result.times, share).toFixed(1)} ms`;
console.log(`\n${result.held} at once, ${Math.round(result.octets)} octets each; the server's hub was busy ${(100 * result.cpu).toFixed(1)} % of the time.`);
console.log(`A healthy client waited ${wait(0.5)} (median), ${wait(0.99)} (99 of 100), ${wait(1)} (the longest of ${result.times.length}).`);
if (percentile(result.times, 0.99) >= kLongestWait) result.faults.push(`a healthy client waited ${wait(0.99)}`);
for (const fault of result.faults) console.log(`FAILED: ${fault}`);
process.exit(result.faults.length ? 1 : 0);
