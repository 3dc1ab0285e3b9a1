// Peers that are slow in every way, against `limits_server` with short limits: each is gone in its time, and a healthy client is
// answered all along. `scripts/slow-peers` does it with the limits that a server has by default, and measures.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { request } from '../interop/lib/http.mjs';
import { Server, sanitized } from '../interop/lib/server.mjs';
import { kKinds, memory_of, percentile, slow_peers } from '../interop/lib/slow_peers.mjs';
import { slow } from '../interop/lib/wait.mjs';

const kLimit = 2_000;
let server;
before(async () => (server = await Server.start('limits_server', { limit: kLimit })));
after(() => server.stop());

it('2,000 peers that are slow in 20 ways are gone in their time', async () => {
  const count = sanitized ? 460 : 2_000;
  const ask = async (path) => (await request(`${server.http}${path}`)).text;
  const result = await slow_peers(server, { count, limit: kLimit, patience: 2_000 * slow, ask });
  assert.deepEqual(result.faults, []);
  assert.ok(result.held >= 0.9 * count, `only ${result.held} were there at once`);
  if (!sanitized) assert.ok(result.octets <= 8192, `each cost ${result.octets} octets`);
  // Bounds that only a server which waits for somebody would miss; the real ones are measured elsewhere.
  assert.ok(result.times.length > 100, `a healthy client was answered ${result.times.length} times`);
  assert.ok(percentile(result.times, 0.99) < 500 * slow, `a healthy client waited ${percentile(result.times, 0.99)} ms`);
});

// On average says little of one: each by its own bound. With so few, what the first ones of a kind cost is still seen.
const kNoise = 1_024;
for (const kind of sanitized ? [] : Object.keys(kKinds)) {
  it(`${kind}: costs no more than it may`, async () => {
    const alone = await Server.start('limits_server');
    const ask = async (path) => (await request(`${alone.http}${path}`)).text;
    const { octets, gone } = await memory_of(alone, kind, { count: 300, hold: 300, ask });
    await alone.kill();
    assert.equal(gone, 0);
    const most = (kKinds[kind].costs ?? 8_192) + kNoise;
    assert.ok(octets <= most, `each cost ${octets} octets, not ${most}`);
  });
}
