// The banner above a page: nothing while connected, otherwise what is going on.

const patience = 700;  // ms before a first connection is worth a word

export class Status {
  #element;
  #timer;
  #once = false;

  constructor(element) {
    this.#element = element;
    this.#timer = setTimeout(() => this.#show("Connecting…"), patience);
  }

  connected() {
    this.#once = true;
    clearTimeout(this.#timer);
    this.#element.hidden = true;
    this.#element.textContent = "";
  }

  lost(hint = "") {
    if (!this.#once) return;
    this.#show(`Reconnecting…${hint && ` ${hint}`}`);
  }

  fail(text) {
    clearTimeout(this.#timer);
    this.#element.classList.add("bad");
    this.#show(text);
  }

  #show(text) {
    this.#element.textContent = text;
    this.#element.hidden = false;
  }
}

/// Calls `hurry` when waiting longer for a connection makes no sense: the network is back, the page is in front again.
export function whenWorthTrying(hurry) {
  window.addEventListener("online", hurry);
  window.addEventListener("pageshow", (event) => event.persisted && hurry());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && hurry());
}
