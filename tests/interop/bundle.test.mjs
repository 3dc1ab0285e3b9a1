// The official client's files, served below the Socket.IO path as the official server does.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createContext, runInContext } from 'node:vm';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import http from 'node:http';
import { request } from './lib/http.mjs';
import { client_bundles } from './lib/packages.mjs';
import { Server } from './lib/server.mjs';
import { within } from './lib/wait.mjs';

const kFiles = ['socket.io.js', 'socket.io.min.js', 'socket.io.esm.min.js', 'socket.io.msgpack.min.js'];

let server;
before(async () => (server = await Server.start('interop_server', { 'client-dir': client_bundles })));
after(() => server.stop());

const get = (name, headers) => request(`${server.http}/socket.io/${name}`, { headers });

describe('client files', { concurrency: 4 }, () => {
  for (const name of [...kFiles, ...kFiles.map((file) => `${file}.map`)])
    it(`${name} is served whole, with its type and an entity tag`, async () => {
      const { status, headers, text } = await get(name);
      assert.equal(status, 200);
      assert.match(headers['content-type'], name.endsWith('.map') ? /^application\/json/ : /^application\/javascript/);
      assert.match(headers.etag, /^"[^"]+"$/);
      assert.match(headers['cache-control'], /max-age=0/);
      assert.ok(text === readFileSync(join(client_bundles, name), 'utf8'));
    });
  it('are not sent again to whom has them', async () => {
    const { headers } = await get(kFiles[0]);
    for (const tag of [headers.etag, `W/${headers.etag}`]) {
      const again = await get(kFiles[0], { 'If-None-Match': tag });
      assert.deepEqual([again.status, again.text], [304, '']);
    }
    assert.equal((await get(kFiles[0], { 'If-None-Match': '"other"' })).status, 200);
  });
  it('may be asked for with a query', async () => assert.equal((await get(`${kFiles[1]}?v=1`)).status, 200));
  it('run: the bundle defines io', async () => {
    const { text } = await get(kFiles[0]);
    const world = { setTimeout, clearTimeout, console };
    world.window = world.self = world.globalThis = world;
    createContext(world);
    runInContext(text, world);
    assert.equal(typeof world.io, 'function');
  });
  it('point to their source maps', async () => {
    const { text } = await get(kFiles[1]);
    assert.match(text, /sourceMappingURL=socket\.io\.min\.js\.map/);
    assert.equal(JSON.parse((await get(`${kFiles[1]}.map`)).text).version, 3);
  });
  for (const coding of ['gzip', 'deflate', 'br', 'gzip, deflate, br', 'identity', 'unheard-of'])
    it(`are readable by who accepts ${coding}`, async () => {
      const answer = new Promise((resolve, reject) =>
        http.get(`${server.http}/socket.io/${kFiles[1]}`, { headers: { 'Accept-Encoding': coding } }, (incoming) => {
          const parts = [];
          incoming.on('data', (part) => parts.push(part));
          incoming.on('end', () => resolve([incoming.headers['content-encoding'] ?? 'identity', Buffer.concat(parts)]));
        }).on('error', reject));
      const [used, octets] = await within(answer, 'the file');
      assert.ok(used === 'identity' || coding.split(', ').includes(used), used);
      const decode = { identity: (x) => x, gzip: gunzipSync, deflate: inflateSync, br: brotliDecompressSync }[used];
      assert.ok(decode(octets).equals(readFileSync(join(client_bundles, kFiles[1]))));
    });
  for (const name of ['socket.io.exe', 'package.json', '../package.json', '%2e%2e/package.json', '..%2fpackage.json', 'socket.io.js/', 'socket.io.js%00', 'x/socket.io.js'])
    it(`nothing else: ${name}`, async () => {
      const { status, text } = await get(name);
      assert.ok([400, 404].includes(status), String(status));
      assert.ok(text.length < 1000);
    });
});
