// The official client's files, served below the Socket.IO path as the official server does.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createContext, runInContext } from 'node:vm';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { request } from './lib/http.mjs';
import { client_bundles } from './lib/packages.mjs';
import { Server, strict } from './lib/server.mjs';

const kFiles = ['socket.io.js', 'socket.io.min.js', 'socket.io.esm.min.js', 'socket.io.msgpack.min.js'];

const kOrigin = 'http://allowed.example';

let server;
before(async () => (server = await Server.start('interop_server', { 'client-dir': client_bundles, 'allow-origin': kOrigin })));
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
  // What each Accept-Encoding has to be answered in; ours make no brotli, the official server no choice between equals.
  const kCodings = [
    ['gzip', 'gzip'], ['deflate', 'deflate'], ['gzip, deflate', 'gzip'], ['gzip;q=0.1, deflate', 'deflate'], ['gzip, deflate, br', 'gzip', 'br'],
    ['br', 'identity', 'br'], ['identity', 'identity'], ['unheard-of', 'identity'], ['gzip;q=0', 'identity'], ['gzip;q=0, deflate;q=0', 'identity'],
    [undefined, 'identity'],
  ];
  for (const [accepted, ...codings] of kCodings)
    for (const name of [kFiles[1], `${kFiles[1]}.map`])
      it(`${name} goes to who accepts ${accepted ?? 'nothing by name'} as ${codings.join(' or ')}`, async () => {
        const whole = readFileSync(join(client_bundles, name));
        const headers = accepted ? { 'Accept-Encoding': accepted } : {};
        const { status, headers: got, octets } = await get(name, headers);
        assert.equal(status, 200);
        const used = got['content-encoding'] ?? 'identity';
        assert.ok(codings.includes(used), used);
        const decode = { identity: (x) => x, gzip: gunzipSync, deflate: inflateSync, br: brotliDecompressSync }[used];
        assert.ok(decode(octets).equals(whole));
        assert.ok(used === 'identity' || octets.length < whole.length / 2, String(octets.length));
        const head = await request(`${server.http}/socket.io/${name}`, { method: 'HEAD', headers });
        assert.deepEqual([head.status, head.text, head.headers['content-encoding'] ?? 'identity'], [200, '', used]);
        const again = await get(name, { ...headers, 'If-None-Match': got.etag });
        assert.deepEqual([again.status, again.text, again.headers.etag], [304, '', got.etag]);
      });
  strict('say that they depend on the coding, and tell the codings apart', async () => {
    const plain = await get(kFiles[1]);
    const small = await get(kFiles[1], { 'Accept-Encoding': 'gzip' });
    for (const { headers } of [plain, small]) assert.match(headers.vary, /\bAccept-Encoding\b/);
    assert.equal(small.headers.etag, `W/${plain.headers.etag}`);
  });
  for (const name of [kFiles[0], `${kFiles[0]}.map`])
    it(`${name} may be read by pages of the allowed origin, and of no other`, async () => {
      const allowed = await get(name, { Origin: kOrigin, 'Accept-Encoding': 'gzip' });
      assert.equal(allowed.headers['access-control-allow-origin'], kOrigin);
      assert.match(allowed.headers.vary, /\bOrigin\b/);
      const again = await get(name, { Origin: kOrigin, 'If-None-Match': allowed.headers.etag });
      assert.deepEqual([again.status, again.headers['access-control-allow-origin']], [304, kOrigin]);
      for (const headers of [{ Origin: 'http://other.example' }, { Origin: 'null' }, {}]) {
        const other = await get(name, headers);
        assert.equal(other.status, 200);
        assert.ok(![headers.Origin, '*'].includes(other.headers['access-control-allow-origin'] ?? 'none'));
        assert.match(other.headers.vary, /\bOrigin\b/);
      }
    });
  for (const name of ['socket.io.exe', 'package.json', '../package.json', '%2e%2e/package.json', '..%2fpackage.json', 'socket.io.js/', 'socket.io.js%00', 'x/socket.io.js'])
    it(`nothing else: ${name}`, async () => {
      const { status, text } = await get(name);
      assert.ok([400, 404].includes(status), String(status));
      assert.ok(text.length < 1000);
    });
});
