// Where a message is written: grows with its text, Enter sends and Shift+Enter starts a line, what is not sent yet
// survives a reload.

import { ofTab } from "./memory.js";
import { length, limits, messageProblem } from "./text.js";

export class Composer {
  #form;
  #text;
  #error;
  #counter;
  #key;
  #send;

  /// `send(text)` is called with a text that may be sent: not blank, not too long.
  constructor({ form, text, error, counter, slug, send }) {
    this.#form = form;
    this.#text = text;
    this.#error = error;
    this.#counter = counter;
    this.#key = `draft:${slug}`;
    this.#send = send;
    text.value = ofTab.get(this.#key) ?? "";
    text.addEventListener("input", () => this.#changed());
    text.addEventListener("keydown", (event) => this.#typed(event));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#changed();
  }

  set shown(shown) {
    this.#form.hidden = !shown;
    if (shown) this.#fit();
  }

  focus() {
    this.#text.focus();
  }

  #typed(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    const text = this.#text.value.trim();
    if (!text || messageProblem(text)) return this.#text.focus();
    this.#text.value = "";
    this.#changed();
    this.#text.focus();
    this.#send(text);
  }

  #changed() {
    const text = this.#text.value;
    ofTab.set(this.#key, text || null);
    const problem = messageProblem(text.trim());
    this.#error.textContent = problem ?? "";
    this.#text.setAttribute("aria-invalid", String(problem !== null));
    const count = length(text.trim());
    this.#counter.hidden = count < limits.message * 0.9;
    this.#counter.textContent = `${count.toLocaleString()} / ${limits.message.toLocaleString()}`;
    this.#fit();
  }

  #fit() {
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight + this.#text.offsetHeight - this.#text.clientHeight}px`;
  }
}
