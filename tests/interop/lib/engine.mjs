// A bare Engine.IO 4 peer, for tests that look at single packets. It answers pings unless told not to.
import { Channel, within } from './wait.mjs';
import { WebSocket } from './packages.mjs';
import { request } from './http.mjs';

const kSeparator = '\x1e';

export const text_message = (data) => `4${data}`;
export const base64 = (octets) => `b${Buffer.from(octets).toString('base64')}`;

/** HTTP long-polling, one request at a time each way as the protocol wants; get() and post() are the raw exchanges. */
export class Polling {
  constructor(server, path) {
    this.server = server;
    this.base = `${server.http}${path}?EIO=4&transport=polling`;
    this.backlog = [];
    this.posts = Promise.resolve();
  }
  static async open(server, path = '/engine.io/') {
    const session = new Polling(server, path);
    const { status, text } = await request(session.base);
    if (status !== 200) throw new Error(`handshake: ${status} ${text}`);
    const [first, ...more] = text.split(kSeparator);
    if (first[0] !== '0') throw new Error(`handshake: ${text}`);
    session.handshake = JSON.parse(first.slice(1));
    session.sid = session.handshake.sid;
    session.url = `${session.base}&sid=${session.sid}`;
    session.backlog = more;
    return session;
  }
  get(options) {
    return request(this.url, options);
  }
  post(body, options) {
    return request(this.url, { method: 'POST', headers: { 'Content-Type': 'text/plain;charset=UTF-8' }, body, ...options });
  }
  /** One body at a time: pongs go out from next(), and two bodies at once would end the session. */
  async send(...packets) {
    const turn = this.posts.then(() => this.post(packets.join(kSeparator)));
    this.posts = turn.catch(() => {});
    const answer = await turn;
    if (answer.status !== 200 || answer.text !== 'ok') throw new Error(`POST: ${answer.status} ${answer.text}`);
  }
  /** The next packet that is no ping (pings are answered). */
  async next() {
    for (;;) {
      while (this.backlog.length) {
        const packet = this.backlog.shift();
        if (packet !== '2') return packet;
        await this.send('3');
      }
      const { status, text } = await this.get();
      if (status !== 200) throw new Error(`GET: ${status} ${text}`);
      this.backlog = text.split(kSeparator);
    }
  }
}

/** A WebSocket whose messages are queued: text as strings, binary as Buffers. */
export class Socket {
  /** options: sid (an upgrade), pong (false: pings are queued like any packet), headers, query */
  constructor(server, path = '/engine.io/', options = {}) {
    const { sid, pong = true, headers, query = 'EIO=4&transport=websocket' } = options;
    this.server = server;
    this.ws = new WebSocket(`${server.ws}${path}?${query}${sid ? `&sid=${sid}` : ''}`, { headers, perMessageDeflate: false });
    this.packets = new Channel('the WebSocket');
    this.closed = new Promise((resolve) =>
      this.ws.on('close', (code, reason) => {
        this.packets.end(`closed with ${code}`);
        resolve({ code, reason: String(reason), refusal: this.refusal });
      }),
    );
    let refused;
    this.opened = new Promise((resolve, reject) => {
      refused = reject;
      this.ws.on('open', () => (this.ws._socket.unref(), resolve()));
      this.ws.on('error', reject);
    });
    this.opened.catch(() => {});
    this.ws.on('unexpected-response', (outgoing, incoming) => {
      const parts = [];
      incoming.on('data', (part) => parts.push(part));
      incoming.on('close', () => {
        this.refusal = { status: incoming.statusCode, headers: incoming.headers, text: String(Buffer.concat(parts)) };
        refused(new Error(`the upgrade was refused: ${this.refusal.status} ${this.refusal.text}`));
        this.ws.emit('close', 1006, '');
      });
    });
    this.ws.on('message', (data, binary) => {
      if (!binary && pong && String(data) === '2') return this.ws.send('3');
      this.packets.push(binary ? data : String(data));
    });
  }
  /** A new session: resolves once the open packet has come. */
  static async open(server, path, options) {
    const socket = new Socket(server, path, options);
    await within(socket.opened, 'the WebSocket to open');
    const first = await socket.next();
    if (first[0] !== '0') throw new Error(`no open packet: ${first}`);
    socket.handshake = JSON.parse(first.slice(1));
    return socket;
  }
  /** The second half of an upgrade, up to the answer to the probe. */
  static async probe(server, session, path) {
    const socket = new Socket(server, path, { sid: session.sid });
    await within(socket.opened, 'the WebSocket to open');
    socket.send('2probe');
    const answer = await socket.next();
    if (answer !== '3probe') throw new Error(`probe: ${answer}`);
    return socket;
  }
  send(data) {
    this.ws.send(data);
  }
  next(ms) {
    return this.packets.next(ms);
  }
  /** Resolves to {code, reason, refusal}; refusal is the HTTP answer if there was no 101. */
  end(ms) {
    return within(this.closed, 'the WebSocket to be closed', ms);
  }
  close() {
    this.ws.close();
    return this.end();
  }
  cut() {
    this.ws.terminate();
  }
}
