// One person in one room, over as many connections as it takes.
//
// States: "connecting" → "listening" (in the room, reads) → "talking" (has a nickname, sends).
// Each new connection enters the room anew: join, history after the last message seen, nickname; then the outbox is
// sent, one message at a time so that their order holds. A connection lost on the way simply leads to the next one.
//
// Tells its owner through events, whose `detail` is given here:
//   state {state, connected}      history {messages, complete}     message {message}    announcement {text, kind, nick}
//   names {names}                 nickname {nick} | {refused}       sent {nonce, message} | {nonce, refused}
//   gone {reason}: the room does not exist (any more); nothing follows

import { ownToken } from "./memory.js";
import { Outbox } from "./outbox.js";

const answerWithin = 10_000;  // ms: an answer later than this counts as none
const retryAfter = 1_000;
const overlap = 20;  // messages of different people may arrive out of order: this many ids are asked for again

export class Session extends EventTarget {
  #slug;
  #socket;
  #outbox;
  #entry = 0;  // number of the connection being used: what an earlier one still had under way is dropped
  #lastSeen = 0;
  #early = [];  // messages that came before the history they follow
  #nick = null;
  #state = "connecting";
  #sending = false;

  constructor(slug, nick) {
    super();
    this.#slug = slug;
    this.#nick = nick;
    this.#outbox = new Outbox(slug);
    this.#socket = window.io("/chat", {
      auth: { token: ownToken() },
      reconnectionDelay: 500,
      reconnectionDelayMax: 4_000,
      timeout: 8_000,
      autoConnect: false,
    });
    this.#listen();
  }

  get nick() {
    return this.#nick;
  }
  get state() {
    return this.#state;
  }
  get outbox() {
    return this.#outbox.items;
  }

  start() {
    this.#socket.connect();
  }

  /// Queues `text`; it is sent when the connection and the nickname are there.
  say(text) {
    const item = this.#outbox.add(text);
    this.#flush();
    return item;
  }

  /// Takes another nickname, or the first one. The answer comes as the event `nickname`.
  async takeNickname(nick) {
    if (this.#state === "connecting") {  // taken as soon as there is somebody to ask
      this.#nick = nick;
      this.#tell("nickname", { nick });
      return;
    }
    await this.#claim(nick, this.#entry).catch(() => {
      this.#tell("nickname", { refused: "The server did not answer. Try again." });
    });
    this.#flush();
  }

  retry(nonce) {
    this.#outbox.mark(nonce, undefined);
    this.#flush();
  }

  drop(nonce) {
    this.#outbox.remove(nonce);
  }

  /// Tries at once instead of waiting for the next attempt (the network is back, the page is looked at again).
  hurry() {
    if (this.#socket.connected || this.#state === "gone") return;
    this.#socket.disconnect().connect();
  }

  #listen() {
    const socket = this.#socket;
    socket.on("connect", () => {
      this.#early = [];
      this.#enter(++this.#entry);
    });
    socket.on("disconnect", (reason) => {
      ++this.#entry;
      this.#become("connecting");
      if (reason === "io server disconnect") setTimeout(() => socket.connect(), retryAfter);
    });
    socket.on("connect_error", () => {
      this.#tell("state", { state: this.#state, connected: false });
      if (!socket.active) setTimeout(() => socket.connect(), 5 * retryAfter);  // refused, not unreachable
    });
    socket.on("msg_to_room", (from, text, about) => this.#receive({ from, text, ...about }));
    socket.on("announcement", (text, about) => this.#tell("announcement", { text, ...about }));
    socket.on("nicknames", (names) => this.#tell("names", { names }));
  }

  async #enter(entry) {
    try {
      const [joined, about] = await this.#ask("join", this.#slug);
      if (entry !== this.#entry) return;
      if (!joined) return this.#leaveForGood(about);
      const [history] = await this.#ask("history", Math.max(0, this.#lastSeen - overlap));
      if (entry !== this.#entry) return;
      this.#catchUp(history);
      this.#become("listening");
      for (const message of this.#early.splice(0)) this.#receive(message);
      if (this.#nick !== null) await this.#claim(this.#nick, entry);
      this.#flush();
    } catch {  // no answer in time, or the connection is gone and "connect" comes again
      setTimeout(() => {
        if (entry === this.#entry && this.#socket.connected) this.#enter(entry);
      }, retryAfter);
    }
  }

  #catchUp({ messages, complete }) {
    if (!complete) this.#lastSeen = 0;
    for (const message of messages) {
      this.#lastSeen = Math.max(this.#lastSeen, message.id);
      if (message.nonce && this.#outbox.has(message.nonce)) {  // it had arrived, only its answer was lost
        this.#outbox.remove(message.nonce);
        this.#tell("sent", { nonce: message.nonce, message });
      }
    }
    this.#tell("history", { messages, complete });
  }

  #receive(message) {
    if (this.#state === "connecting") {
      this.#early.push(message);
      return;
    }
    this.#lastSeen = Math.max(this.#lastSeen, message.id);
    this.#tell("message", { message });
  }

  async #claim(nick, entry) {
    const [taken, answer] = await this.#ask("nickname", nick);
    if (entry !== this.#entry) return;
    if (taken) {
      this.#nick = answer;
      this.#become("talking");
      this.#tell("nickname", { nick: answer });
    } else {
      if (this.#state !== "talking") this.#nick = null;
      this.#tell("nickname", { refused: answer, wanted: nick });
    }
  }

  async #flush() {
    if (this.#sending) return;
    this.#sending = true;
    for (let item; this.#state === "talking" && (item = this.#outbox.next()); ) await this.#send(item);
    this.#sending = false;
  }

  async #send({ nonce, text }) {
    const entry = this.#entry;
    try {
      const [stored, about] = await this.#ask("user message", text, nonce);
      if (stored) {
        this.#outbox.remove(nonce);
        this.#lastSeen = entry === this.#entry ? Math.max(this.#lastSeen, about.id) : this.#lastSeen;
        this.#tell("sent", { nonce, message: { from: this.#nick, text, nonce, ...about } });
      } else {
        this.#outbox.mark(nonce, about);
        this.#tell("sent", { nonce, refused: about });
      }
    } catch {
      await new Promise((done) => setTimeout(done, retryAfter));
    }
  }

  #leaveForGood(reason) {
    this.#become("gone");
    this.#socket.disconnect();
    this.#tell("gone", { reason });
  }

  /// The arguments of the acknowledgement.
  #ask(event, ...args) {
    return new Promise((resolve, reject) => {
      if (!this.#socket.connected) return reject(new Error("not connected"));
      this.#socket.timeout(answerWithin).emit(event, ...args, (error, ...answer) => (error ? reject(error) : resolve(answer)));
    });
  }

  #become(state) {
    if (this.#state === "gone") return;
    this.#state = state;
    this.#tell("state", { state, connected: this.#socket.connected });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
