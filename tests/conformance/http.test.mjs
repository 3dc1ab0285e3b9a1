// HTTP/1.1 over raw sockets against `http_echo`, a server as it is by default: what RFC 9112 wants accepted is accepted, what
// it wants refused is answered once and ends the connection, and no octet of a body is ever taken for a request.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { request } from '../interop/lib/http.mjs';
import { Raw } from '../interop/lib/raw.mjs';
import { Server } from '../interop/lib/server.mjs';
import { pause, slow, until } from '../interop/lib/wait.mjs';

let server;
before(async () => { server = await Server.start('http_echo'); });
after(() => server.stop());

const kChunked = 'Transfer-Encoding: chunked';
const kGet = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const kLast = 'GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const get = (lines = '', first = 'GET / HTTP/1.1', host = 'Host: x\r\n') => `${first}\r\n${host}${lines}\r\n`;
const post = (lines, body = '', first = 'POST / HTTP/1.1') => `${first}\r\nHost: x\r\n${lines}\r\n\r\n${body}`;
const chunked = (body, lines = kChunked) => post(lines, body);

/** The answers in `text`, in order: {status, head, body}; by Content-Length, without a body where `methods` says HEAD. */
function answers(text, methods = []) {
  const found = [];
  while (text) {
    const end = text.indexOf('\r\n\r\n');
    const [, status] = /^HTTP\/1\.1 (\d{3}) [ -~]*\r\n/.exec(text) ?? assert.fail(`no answer begins here: ${text.slice(0, 100)}`);
    assert.notEqual(end, -1, `half a head: ${text}`);
    const head = text.slice(0, end + 2);
    const length = Number(/\r\nContent-Length: (\d+)\r\n/i.exec(head)?.[1] ?? 0);
    const size = methods[found.length] === 'HEAD' || Number(status) < 200 ? 0 : length;
    found.push({ status: Number(status), head, length, body: text.slice(end + 4, end + 4 + size) });
    assert.equal(found.at(-1).body.length, size, 'half a body');
    text = text.slice(end + 4 + size);
  }
  return found;
}

/** Everything that comes back for `pieces` (each sent when the one before has left) until the server closes. */
async function talk(pieces, methods) {
  const raw = await Raw.open(server);
  raw.socket.setNoDelay(true);
  for (const piece of [pieces].flat()) await raw.send(piece);
  await raw.end();
  return answers(raw.text, methods);
}

/** One answer at most, of one of these statuses (0: none), then the end; what follows in the connection is not served. */
async function refused(octets, ...statuses) {
  const raw = await Raw.open(server);
  raw.send(octets + kLast);
  await raw.end();
  const got = raw.statuses;
  assert.ok(got.length <= 1, `answers: ${got}`);
  assert.ok(statuses.includes(got[0] ?? 0), `answer: ${got[0] ?? 'none'}`);
  if (got.length) assert.match(raw.text, /\r\nConnection: close\r\n/i);
}

describe('what is served', { concurrency: 6 }, () => {
  const served = {
    'a request': get(),
    'a target with a query': get('', 'GET /a/b?c=d&e HTTP/1.1'),
    'the absolute form': get('', 'GET http://x/a?b HTTP/1.1'),
    'the absolute form without a path': get('', 'GET http://x HTTP/1.1'),
    'a minor version above ours': get('', 'GET / HTTP/1.2'),
    'one blank line before the request': `\r\n${get()}`,
    'an empty value': get('X:\r\n'),
    'blanks around a value': get('X: \t a b \t \r\n'),
    'octets above 127 in a value': get('X: \xe4\xf6\r\n'),
    'every token character in a name': get("!#$%&'*+-.^_`|~09azAZ: x\r\n"),
    'an empty Host': get('', undefined, 'Host:\r\n'),
    'a Host with a port': get('', undefined, 'Host: x:80\r\n'),
    'a Host that is an IPv6 address': get('', undefined, 'Host: [::1]:80\r\n'),
    'a method nobody knows': get('', 'BREW / HTTP/1.1'),
    'TRACE': get('', 'TRACE / HTTP/1.1'),
    'a Content-Length of nothing': post('Content-Length: 0'),
    'a Content-Length with leading zeros': post('Content-Length: 0000000005', 'hello'),
    'a header of any case': post('cOnTeNt-LeNgTh: 5', 'hello'),
    'chunks': chunked('5\r\nhello\r\n0\r\n\r\n'),
    'a coding in any case': chunked('5\r\nhello\r\n0\r\n\r\n', 'transfer-encoding: ChUnKeD'),
    'chunk sizes in hexadecimal': chunked(`A\r\n${'a'.repeat(10)}\r\nb\r\n${'b'.repeat(11)}\r\n0\r\n\r\n`),
    'chunk sizes with leading zeros': chunked('005\r\nhello\r\n000\r\n\r\n'),
    'chunk extensions': chunked('5;a;b=c;d="e;\\"f"\r\nhello\r\n0;x\r\n\r\n'),
    'trailers': chunked('5\r\nhello\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n'),
    '16 KB of headers, nearly': get(`X: ${'a'.repeat(16_000)}\r\n`),
    '8 KB of target': get('', `GET /${'a'.repeat(8_191)} HTTP/1.1`),
    '100 headers': get('X: a\r\n'.repeat(99)),
    '300 KB of body': post('Content-Length: 300000', 'x'.repeat(300_000)),
    'a GET with a body': post('Content-Length: 5', 'hello', 'GET / HTTP/1.1'),
  };
  for (const [name, octets] of Object.entries(served))
    it(name, async () => {
      const got = await talk(octets + kLast);
      assert.deepEqual(got.map(({ status }) => status), [200, 200], JSON.stringify(got));
      const body = /^.*?\r\n\r\n(.*)$/s.exec(octets.replace(/^\r\n/, ''))[1];
      if (!octets.toLowerCase().includes('chunked')) assert.equal(got[0].body, body);
      else assert.match(got[0].body, /^(hello|a{10}b{11})$/);
      for (const { head } of got) assert.match(head, /\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/);
    });

  it('the same octets in any pieces', async () => {
    const octets = post('Content-Length: 5\r\nX: y', 'hello') + chunked('5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n') + kLast;
    const whole = await talk(octets);
    const plain = (got) => got.map(({ status, body }) => [status, body]);
    assert.deepEqual(plain(whole), [[200, 'hello'], [200, 'hello'], [200, '']]);
    const cuts = Array.from({ length: 23 }, (_, i) => 1 + i * 11).filter((cut) => cut < octets.length);
    for (const cut of cuts) assert.deepEqual(plain(await talk([octets.slice(0, cut), octets.slice(cut)])), plain(whole));
    assert.deepEqual(plain(await talk([...octets])), plain(whole));
  });
  it('a pipeline, in its order', async () => {
    const octets = Array.from({ length: 100 }, (_, i) => post(`Content-Length: ${String(i).length}`, String(i))).join('');
    const got = await talk(octets + kLast);
    assert.deepEqual(got.map(({ body }) => body), [...Array.from({ length: 100 }, (_, i) => String(i)), '']);
  });
  it('nothing behind "Connection: close"', async () => {
    assert.equal((await talk(kLast + kGet + kGet)).length, 1);
    assert.equal((await talk(get('Connection: foo, Close\r\n') + kGet)).length, 1);
  });
  it('HEAD without a body, and what comes behind it', async () => {
    const got = await talk(post('Content-Length: 5', 'hello', 'HEAD / HTTP/1.1') + post('Content-Length: 2\r\nConnection: close', 'ok'), ['HEAD']);
    assert.deepEqual(got.map(({ status, length, body }) => [status, length, body]), [[200, 5, ''], [200, 2, 'ok']]);
  });
  it('OPTIONS *, but * for no other method', async () => {
    const [first, second] = await talk(get('', 'OPTIONS * HTTP/1.1') + kLast);
    assert.ok(first.status >= 200 && first.status < 300, String(first.status));
    assert.equal(second.status, 200);
    await refused(get('', 'GET * HTTP/1.1'), 400);
  });
  it('CONNECT is for proxies', () => refused(get('', 'CONNECT x:80 HTTP/1.1'), 400, 405, 501));

  it('HTTP/1.0 closes', async () => {
    const got = await talk(`GET / HTTP/1.0\r\n\r\n${kGet}`);
    assert.equal(got.length, 1);
    assert.match(got[0].head, /\r\nConnection: close\r\n/i);
  });
  it('HTTP/1.0 with keep-alive does not, and is told', async () => {
    const got = await talk(`GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n${post('Content-Length: 2', 'ok', 'POST / HTTP/1.0')}`);
    assert.deepEqual(got.map(({ status, body }) => [status, body]), [[200, ''], [200, 'ok']]);
    assert.match(got[0].head, /\r\nConnection: keep-alive\r\n/i);
  });
  it('HTTP/1.0 is sent no 100', async () => {
    const got = await talk([post('Content-Length: 2\r\nExpect: 100-continue', '', 'POST / HTTP/1.0'), 'ok']);
    assert.deepEqual(got.map(({ status, body }) => [status, body]), [[200, 'ok']]);
  });
});

describe('expectations', { concurrency: 6 }, () => {
  it('100 is sent once, when the body is waited for', async () => {
    const raw = await Raw.open(server);
    await raw.send(post('Content-Length: 5\r\nExpect: 100-Continue\r\nConnection: close'));
    await raw.until(({ text }) => text.includes('\r\n\r\n'), 'the 100');
    assert.equal(raw.text, 'HTTP/1.1 100 Continue\r\n\r\n');
    await raw.send('hello');
    await raw.end();
    assert.deepEqual(answers(raw.text).map(({ status, body }) => [status, body]), [[100, ''], [200, 'hello']]);
  });
  it('not when the body has come already', async () => {
    const got = await talk(post('Content-Length: 5\r\nExpect: 100-continue\r\nConnection: close', 'hello'));
    assert.deepEqual(got.map(({ status, body }) => [status, body]), [[200, 'hello']]);
  });
  it('not without a body', async () => {
    const got = await talk(get('Expect: 100-continue\r\nConnection: close\r\n'));
    assert.deepEqual(got.map(({ status }) => status), [200]);
  });
  it('a body too large is refused before it is sent', () => refused(post('Content-Length: 5000000\r\nExpect: 100-continue'), 413));
  it('one that we do not know is 417', () => refused(post('Content-Length: 1\r\nExpect: miracles', 'a'), 417));
  it('one that we do not know beside one that we do is 417', async () => {
    await refused(post('Content-Length: 1\r\nExpect: miracles\r\nExpect: 100-continue', 'a'), 417);
    await refused(post('Content-Length: 1\r\nExpect: 100-continue, miracles', 'a'), 417);
  });
  it('a body that is a request is a body', async () => {
    const got = await talk(post(`Content-Length: ${kGet.length}\r\nExpect: 100-continue\r\nConnection: close`, kGet));
    assert.deepEqual(got.map(({ status, body }) => [status, body]), [[200, kGet]]);
  });
});

describe('what is refused', { concurrency: 8 }, () => {
  const cases = {
    // Framing that two readers may see differently.
    'Content-Length and Transfer-Encoding': [post(`Content-Length: 6\r\n${kChunked}`, '0\r\n\r\nX'), 400],
    'Transfer-Encoding and Content-Length': [post(`${kChunked}\r\nContent-Length: 6`, '0\r\n\r\nX'), 400],
    'two lengths': [post('Content-Length: 1\r\nContent-Length: 2', 'ab'), 400],
    'one length twice': [post('Content-Length: 1\r\nContent-Length: 1', 'a'), 400],
    'a list of lengths': [post('Content-Length: 1, 1', 'a'), 400],
    'Transfer-Encoding twice': [post(`${kChunked}\r\n${kChunked}`, '0\r\n\r\n'), 400],
    'Transfer-Encoding in HTTP/1.0': [post(kChunked, '0\r\n\r\n', 'POST / HTTP/1.0'), 400],
    'Transfer-Encoding with a blank before the colon': [post('Transfer-Encoding : chunked', '0\r\n\r\n'), 400],
    'Transfer-Encoding in a folded line': [post('X: y\r\n Transfer-Encoding: chunked', '0\r\n\r\n'), 400],
    'Transfer-Encoding whose value is folded': [post('Transfer-Encoding:\r\n chunked', '0\r\n\r\n'), 400],
    'a trailer that is a request': [chunked('0\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'), 400],
    'a trailer with a blank before the colon': [chunked('0\r\nX : y\r\n\r\n'), 400],
    'a folded trailer': [chunked('0\r\nX: y\r\n z\r\n\r\n'), 400],
    'trailers of 1 MiB': [chunked(`0\r\n${`X: ${'a'.repeat(1020)}\r\n`.repeat(1024)}\r\n`), 0, 400, 431],
    // Lines.
    'a bare LF behind the request line': [`GET / HTTP/1.1\nHost: x\r\n\r\n`, 400],
    'a bare LF behind a header': [`GET / HTTP/1.1\r\nHost: x\n\r\n`, 400],
    'a bare LF at the end of the head': [`GET / HTTP/1.1\r\nHost: x\r\n\n`, 400],
    'a bare CR behind the request line': [`GET / HTTP/1.1\rHost: x\r\n\r\n`, 400],
    'a bare CR in a value': [get('X: a\rb\r\n'), 400],
    'CR CR LF': [get('X: a\r\r\n'), 400],
    'two blank lines before the request': [`\r\n\r\n${get()}`, 400],
    'a blank before the request': [` ${get()}`, 400],
    'an obsolete fold': [get('X: a\r\n b\r\n'), 400],
    'a fold in the first header': [`GET / HTTP/1.1\r\n Host: x\r\n\r\n`, 400],
    'a line without a colon': [get('novalue\r\n'), 400],
    'an empty name': [get(': x\r\n'), 400],
    'a blank before the colon': [get('X : a\r\n'), 400],
    'a tab before the colon': [get('X\t: a\r\n'), 400],
    'a blank in a name': [get('X Y: a\r\n'), 400],
    'a name with brackets': [get('X[]: a\r\n'), 400],
    'a name above 127': [get('X\xe4: a\r\n'), 400],
    // Host.
    'no Host': [get('', undefined, ''), 400],
    'two Hosts': [get('Host: other\r\n'), 400],
    'one Host twice': [get('Host: x\r\n'), 400],
    'a Host with a path': [get('', undefined, 'Host: a/b\r\n'), 400],
    'a Host with a user': [get('', undefined, 'Host: u@h\r\n'), 400],
    'a Host with a blank': [get('', undefined, 'Host: a b\r\n'), 400],
    'a list of Hosts': [get('', undefined, 'Host: a, b\r\n'), 400],
    'a Host with a port of letters': [get('', undefined, 'Host: a:b\r\n'), 400],
    'a Host with a port above 65535': [get('', undefined, 'Host: a:65536\r\n'), 400],
    'a Host with half an address': [get('', undefined, 'Host: [::1\r\n'), 400],
    'no Host beside an absolute target': [get('', 'GET http://x/ HTTP/1.1', ''), 400],
    // The request line.
    'a version in lower case': [get('', 'GET / http/1.1'), 400],
    'version 1.10': [get('', 'GET / HTTP/1.10'), 400],
    'version 1': [get('', 'GET / HTTP/1'), 400],
    'version 01.1': [get('', 'GET / HTTP/01.1'), 400],
    'version 1,1': [get('', 'GET / HTTP/1,1'), 400],
    'version 2.0': [get('', 'GET / HTTP/2.0'), 505],
    'version 9.9': [get('', 'GET / HTTP/9.9'), 505],
    'version 0.9': [get('', 'GET / HTTP/0.9'), 400, 505],
    'no version': [get('', 'GET /'), 400],
    'a blank behind the version': [get('', 'GET / HTTP/1.1 '), 400],
    'the start of HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 505],
    'a control character in the target': [get('', 'GET /\x01 HTTP/1.1'), 400],
    'a target above 127': [get('', 'GET /\xe4 HTTP/1.1'), 400],
    'a fragment': [get('', 'GET /#a HTTP/1.1'), 400],
    'an encoded NUL': [get('', 'GET /%00 HTTP/1.1'), 400],
    'half an encoded octet': [get('', 'GET /%4 HTTP/1.1'), 400],
    'a target that is none': [get('', 'GET a HTTP/1.1'), 400],
    'a target of another scheme': [get('', 'GET ftp://x/ HTTP/1.1'), 400],
    'an absolute target with a user': [get('', 'GET http://u@x/ HTTP/1.1'), 400],
    'an absolute target without a host': [get('', 'GET http://:80/ HTTP/1.1'), 400],
    'two blanks behind the method': [get('', 'GET  / HTTP/1.1'), 400],
    'two blanks behind the target': [get('', 'GET /  HTTP/1.1'), 400],
    'a tab in the request line': [get('', 'GET\t/ HTTP/1.1'), 400],
    'no method': [get('', ' / HTTP/1.1'), 400],
    'a method that is no token': [get('', 'G(T / HTTP/1.1'), 400],
    'TLS on a plain port': [Buffer.from('16030100c8010000c40303', 'hex').toString('latin1').padEnd(200, '\0'), 400],
    // Limits.
    'a target of 8 KB and 1': [get('', `GET /${'a'.repeat(8_192)} HTTP/1.1`), 414],
    'a target of 1 MiB': [get('', `GET /${'a'.repeat(1 << 20)} HTTP/1.1`), 0, 414],
    'a method of 1 MiB': [get('', `${'A'.repeat(1 << 20)} / HTTP/1.1`), 0, 400],
    'headers above 16 KB': [get(`X: ${'a'.repeat(16_384)}\r\n`), 0, 431],
    'a header of 1 MiB': [get(`X: ${'a'.repeat(1 << 20)}\r\n`), 0, 431],
    'a name of 1 MiB': [get(`${'a'.repeat(1 << 20)}: x\r\n`), 0, 431],
    '101 headers': [get('X: a\r\n'.repeat(100)), 431],
    '10,000 headers': [get('X: a\r\n'.repeat(10_000)), 0, 431],
    'a line without an end': ['x'.repeat(1 << 20), 0, 400, 414],
    'a body above the limit': [post('Content-Length: 1000001', ''), 413],
    'chunks above the limit': [chunked(`${`10000\r\n${'x'.repeat(65536)}\r\n`.repeat(16)}0\r\n\r\n`), 0, 413],
  };
  for (const c of ['\0', '\x01', '\x07', '\x08', '\x0b', '\x0c', '\x1b', '\x7f'])
    cases[`a value with ${JSON.stringify(c)}`] = [get(`X: a${c}b\r\n`), 400];
  for (const length of ['+5', '-5', '0x5', '5,6', '5_0', '5.0', '5 5', 'five', '5\x0b', '', '5;', '"5"', '-9223372036854775808'])
    cases[`Content-Length ${JSON.stringify(length)}`] = [post(`Content-Length: ${length}`, 'hello'), 400];
  for (const length of ['9223372036854775808', '18446744073709551616', '18446744073709551621', '9'.repeat(1000)])
    cases[`Content-Length ${length.slice(0, 25)}`] = [post(`Content-Length: ${length}`, 'hello'), 400, 413];
  for (const coding of ['xchunked', 'chunkedx', 'identity', 'chunked, identity', '\x0bchunked', 'chunked, chunked', '"chunked"', '', ',chunked', 'chunked;a=b', 'gzip', 'gzip, chunked', 'chunked, gzip'])
    cases[`Transfer-Encoding ${JSON.stringify(coding)}`] = [chunked('5\r\nhello\r\n0\r\n\r\n', `Transfer-Encoding: ${coding}`), 400, 501];
  for (const size of ['0x5', '-5', '+5', ' 5', '5 ', '5 5', 'g', '', '5_0', '5\x0b', '10000000000000005', 'fffffffffffffffff', 'ffffffffffffffff'])
    cases[`chunk size ${JSON.stringify(size)}`] = [chunked(`${size}\r\nhello\r\n0\r\n\r\n`), 400, 413];
  Object.assign(cases, {
    'a chunk size of 100,000 digits': [chunked(`${'0'.repeat(100_000)}5\r\nhello\r\n0\r\n\r\n`), 0, 400],
    'a bare LF behind a chunk size': [chunked('5\nhello\r\n0\r\n\r\n'), 400],
    'a bare LF in a chunk extension': [chunked('5;a\nhello\r\n0\r\n\r\n'), 400],
    'a bare CR in a chunk extension': [chunked('5;a\rb\r\nhello\r\n0\r\n\r\n'), 400],
    'a NUL in a chunk extension': [chunked('5;a\0\r\nhello\r\n0\r\n\r\n'), 400],
    'a bare LF behind a chunk': [chunked('5\r\nhello\n0\r\n\r\n'), 400],
    'a chunk longer than it says': [chunked('5\r\nhello!\r\n0\r\n\r\n'), 400],
    'a chunk shorter than it says': [chunked('6\r\nhello\r\n0\r\n\r\n'), 400],
    'a bare LF behind the last chunk': [chunked('5\r\nhello\r\n0\r\n\n'), 400],
    'a chunk extension of 1 MiB': [chunked(`5;${'a'.repeat(1 << 20)}\r\nhello\r\n0\r\n\r\n`), 0, 400, 413],
    '20,000 chunks with extensions': [chunked(`${`1;${'a'.repeat(100)}\r\nx\r\n`.repeat(20_000)}0\r\n\r\n`), 0, 400, 413],
  });
  for (const [name, [octets, ...statuses]] of Object.entries(cases)) it(name, () => refused(octets, ...statuses));
});

describe('peers that leave or dawdle', { concurrency: 40 }, () => {
  it('leave at every octet', async () => {
    const octets = post('Content-Length: 5', 'hello') + chunked('5\r\nhello\r\n0\r\n\r\n');
    await Promise.all(Array.from(octets, async (_, i) => {
      const raw = await Raw.open(server);
      await raw.send(octets.slice(0, i));
      i % 2 ? raw.reset() : raw.drop();
    }));
    assert.equal((await talk(kLast)).length, 1);
  });
  it('close their side and are still answered', async () => {
    const raw = await Raw.open(server);
    raw.socket.end(kGet + kGet);
    await raw.end();
    assert.equal(answers(raw.text).length, 2);
  });
  it('close their side in the middle and are not', async () => {
    const raw = await Raw.open(server);
    raw.socket.end(post('Content-Length: 5', 'hell'));
    await raw.end();
    assert.deepEqual(raw.statuses.filter((status) => status === 200), []);
  });

  // Ten seconds each, counted from the first octet and not from the last one.
  const kLate = 16_000;
  const drips = {
    'in the request line': ['GET /', 'a', 408],
    'in the headers': ['GET / HTTP/1.1\r\nHost: x\r\nX: ', 'a', 408],
    'in a body': [post('Content-Length: 100000'), 'a', 408],
    'in a chunk': [chunked('ffff\r\n'), 'a', 408],
    'in a chunk extension': [chunked('ffff;'), 'a', 408],
    'in the trailers': [chunked('0\r\nX: '), 'a', 408],
    'with blank lines between requests': [`${kGet}\r\n`, '', 408],
    'in silence from the start': ['', '', 0],
    'in silence behind an answer': [kGet, '', 200],
    'in silence behind half a line': ['GE', '', 408],
  };
  for (const [name, [start, drop, status]] of Object.entries(drips))
    it(`drip ${name}`, async () => {
      const raw = await Raw.open(server);
      const began = Date.now();
      await raw.send(start);
      const timer = setInterval(() => drop && raw.send(drop), 500);
      await raw.end(kLate).finally(() => clearInterval(timer));
      assert.ok(Date.now() - began > 5_000, 'was not given time');
      assert.equal(raw.statuses.at(-1) ?? 0, status);
    });
  it('never read', async () => {
    const raw = await Raw.open(server);
    raw.deafen();
    const body = 'x'.repeat(900_000);
    const flood = post(`Content-Length: ${body.length}`, body);
    let taken = true;
    const end = Date.now() + 40_000 * slow;
    // The server takes no more than its own buffers hold; then it must give up on the peer.
    while (taken && Date.now() < end) taken = await Promise.race([raw.send(flood), raw.closed.then(() => false), pause(1000).then(() => true)]);
    await until(() => raw.socket.destroyed || !raw.socket.writable || raw.over, 'the server to drop the peer', 40_000);
    raw.drop();
  });
  it('hurt nobody else', async () => {
    const end = Date.now() + 8_000;
    let worst = 0;
    for (let count = 0; Date.now() < end; count++) {
      const began = Date.now();
      const answer = await request(`${server.http}/${count}`, { method: 'POST', body: String(count) });
      assert.equal(answer.text, String(count));
      worst = Math.max(worst, Date.now() - began);
      await pause(5);
    }
    assert.ok(worst < 2_000 * slow, `an innocent client had to wait ${worst} ms`);
  });
});
