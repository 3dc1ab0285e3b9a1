// Messages that were written and not yet acknowledged, oldest first; kept for this tab over a reload.
//
// A message carries a nonce. It may be sent more than once (the connection broke before the answer came), and the
// server stores one message a nonce.

import { ofTab, randomId } from "./memory.js";

export class Outbox {
  #key;
  #items;

  constructor(slug) {
    this.#key = `outbox:${slug}`;
    const kept = ofTab.get(this.#key);
    this.#items = Array.isArray(kept) ? kept : [];
  }

  get items() {
    return this.#items;
  }

  /// The next message to send: the oldest that the server has not refused.
  next() {
    return this.#items.find((item) => !item.refused);
  }

  add(text) {
    const item = { nonce: randomId(), text, at: Date.now() };
    this.#items.push(item);
    this.#keep();
    return item;
  }

  has(nonce) {
    return this.#items.some((item) => item.nonce === nonce);
  }

  remove(nonce) {
    this.#items = this.#items.filter((item) => item.nonce !== nonce);
    this.#keep();
  }

  mark(nonce, refused) {
    for (const item of this.#items) if (item.nonce === nonce) item.refused = refused;
    this.#keep();
  }

  #keep() {
    ofTab.set(this.#key, this.#items.length ? this.#items : null);
  }
}
