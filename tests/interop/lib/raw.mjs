// Octets over TCP: for requests and frames that no library would send.
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { within } from './wait.mjs';

export class Raw {
  /** Resolves when connected. */
  static async open(server) {
    const raw = new Raw();
    raw.octets = Buffer.alloc(0);
    raw.waiting = [];
    raw.socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    raw.socket.on('error', () => {});  // a reset is an end as well
    raw.socket.unref();  // what a failed test leaves open must not keep the suite from ending; deadlines keep it running
    raw.socket.on('data', (part) => {
      raw.octets = Buffer.concat([raw.octets, part]);
      raw.look();
    });
    raw.closed = new Promise((resolve) => {
      const over = (how) => () => {
        raw.over ??= how;
        raw.look();
        resolve(raw.over);
      };
      raw.socket.on('end', over('end'));
      raw.socket.on('close', over('reset'));
    });
    await within(new Promise((resolve, reject) => raw.socket.once('connect', resolve).once('error', reject)), 'a connection');
    return raw;
  }
  look() {
    this.waiting = this.waiting.filter(({ check, resolve }) => {
      const value = check(this);
      if (!value && !this.over) return true;
      resolve(value);
      return false;
    });
  }
  /** Waits until check(this) is true, or the peer has closed: then the result may be false. */
  until(check, what, ms) {
    const value = check(this);
    if (value || this.over) return Promise.resolve(value);
    return within(new Promise((resolve) => this.waiting.push({ check, resolve })), what, ms);
  }
  get text() {
    return this.octets.toString('latin1');
  }
  /** Resolves once the kernel has taken it; false if the peer would not have it. */
  send(data) {
    return new Promise((resolve) => {
      if (!this.socket.writable) return resolve(false);
      this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data, (error) => resolve(!error));
    });
  }
  /** Stops reading: what the server sends piles up, first in the kernel, then in the server. */
  deafen() {
    this.socket.pause();
  }
  /** Resolves to "end" or "reset" when the server has closed its side. */
  end(ms) {
    return within(this.closed, 'the server to close the connection', ms).finally(() => this.socket.destroy());
  }
  drop() {
    this.socket.destroy();
  }
  /** RST instead of FIN. */
  reset() {
    this.socket.resetAndDestroy?.() ?? this.socket.destroy();
  }
  /** Status codes of the final responses so far, in order. A status line only counts where a response may begin. */
  get statuses() {
    return [...this.text.matchAll(/(?:^|[^/])HTTP\/1\.[01] (\d{3}) /g)].map((hit) => Number(hit[1])).filter((status) => status >= 200);
  }
}

export const kOpcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

/** One frame. options: fin, rsv (0..7), mask, form (7, 16, 64: the length form), claim (the length that the header tells) */
export function frame(opcode, data = '', options = {}) {
  const payload = Buffer.from(data);
  const { fin = true, rsv = 0, mask = true, claim = BigInt(payload.length) } = options;
  const form = options.form ?? (claim < 126n ? 7 : claim < 65536n ? 16 : 64);
  const head = Buffer.alloc(form === 7 ? 2 : form === 16 ? 4 : 10);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (mask ? 0x80 : 0) | (form === 7 ? Number(claim) : form === 16 ? 126 : 127);
  if (form === 16) head.writeUInt16BE(Number(claim), 2);
  if (form === 64) head.writeBigUInt64BE(claim, 2);
  if (!mask) return Buffer.concat([head, payload]);
  const key = randomBytes(4);
  for (let i = 0; i < payload.length; i++) payload[i] ^= key[i & 3];
  return Buffer.concat([head, key, payload]);
}

export const close_frame = (code, reason = '') => {
  const data = Buffer.alloc(2);
  data.writeUInt16BE(code);
  return frame(kOpcode.close, Buffer.concat([data, Buffer.from(reason)]));
};

export const kKey = 'dGhlIHNhbXBsZSBub25jZQ==';

/** An upgrade request; `change` edits its header lines. */
export function upgrade_request(server, change = (lines) => lines, query = 'EIO=4&transport=websocket') {
  const lines = change([`GET /socket.io/?${query} HTTP/1.1`, `Host: ${server.host}`, 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Key: ${kKey}`, 'Sec-WebSocket-Version: 13']);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** A WebSocket connection that reads frames itself. */
export class RawSocket {
  /** `early` is sent in the same segment as the handshake. Resolves once the open packet is there. */
  static async open(server, early = Buffer.alloc(0)) {
    const socket = new RawSocket();
    socket.raw = await Raw.open(server);
    await socket.raw.send(Buffer.concat([Buffer.from(upgrade_request(server)), early]));
    await socket.raw.until(({ text }) => text.includes('\r\n\r\n'), 'the answer to the handshake');
    const [head] = socket.raw.text.split('\r\n\r\n');
    if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(head);
    const accept = createHash('sha1').update(`${kKey}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    if (!head.includes(accept)) throw new Error(`wrong accept: ${head}`);
    socket.skip = head.length + 4;
    await socket.until((frames) => frames.length, 'the open packet');
    return socket;
  }
  /** A WebSocket that has joined `/bare`, and from then on reads nothing if it is to be deaf. */
  static async guest(server, options = {}) {
    const socket = await RawSocket.open(server);
    await socket.send(frame(kOpcode.text, '40/bare,'));
    await socket.until((frames) => frames.some(({ data }) => String(data).startsWith('40/bare,{')), 'the answer to CONNECT');
    if (options.deaf) socket.raw.deafen();
    return socket;
  }
  send(data) {
    return this.raw.send(data);
  }
  /** All complete frames so far: [{opcode, data}]. */
  get frames() {
    const { octets } = this.raw;
    const found = [];
    for (let at = this.skip; at + 2 <= octets.length; ) {
      let size = octets[at + 1] & 127;
      let head = 2;
      if (size === 126) [size, head] = [octets.readUInt16BE(at + 2), 4];
      else if (size === 127) [size, head] = [Number(octets.readBigUInt64BE(at + 2)), 10];
      if (at + head + size > octets.length) break;
      found.push({ opcode: octets[at] & 15, first: octets[at], data: octets.subarray(at + head, at + head + size) });
      at += head + size;
    }
    return found;
  }
  until(check, what, ms) {
    return this.raw.until(() => check(this.frames), what, ms);
  }
  /** Waits for the server's close frame (answering it) and for the end of the connection: {code} or {code: 0} if it just closed. */
  async end(ms) {
    const is_close = ({ opcode }) => opcode === kOpcode.close;
    await this.until((frames) => frames.some(is_close), 'a close frame', ms);
    const found = this.frames.find(is_close);
    const code = found ? (found.data.length >= 2 ? found.data.readUInt16BE(0) : 1005) : 0;
    if (found) await this.send(close_frame(1000));
    await this.raw.end(ms);
    const after = this.frames.slice(this.frames.findIndex(is_close) + 1);
    return { code, after: found ? after : [] };
  }
}
