// The list of messages and announcements: in order of their ids, each once, own ones marked, with days and authors
// written once a group. Keeps the reader's place: follows the end only while the end is in view.

import { appendWithLinks, avatar, dayKey, dayName, hueOf, timeElement } from "./text.js";

const most = 1_000;  // lines kept in the page
const groupWithin = 5 * 60_000;

export class Lines {
  #log;
  #list;
  #latest;
  #empty;
  #byId = new Map();
  #waiting = new Map();  // nonce → line of a message that the server has not stored yet
  #isOwn;
  #actions;
  #following = true;

  /// `isOwn(message)` tells own messages; `actions` is {retry(nonce), drop(nonce)} for a message that was refused.
  constructor({ log, list, latest, empty, isOwn, actions }) {
    this.#log = log;
    this.#list = list;
    this.#latest = latest;
    this.#empty = empty;
    this.#isOwn = isOwn;
    this.#actions = actions;
    log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    latest.addEventListener("click", () => this.follow());
    new ResizeObserver(() => this.#keepPlace()).observe(log);
  }

  /// What was said before or meanwhile. Not read aloud line by line: the list is busy until it is filled.
  history(messages, complete) {
    this.#log.setAttribute("aria-busy", "true");
    if (!complete) this.#clear();
    for (const message of messages) this.#place(message);
    this.#log.setAttribute("aria-busy", "false");
    this.#changed(false);
  }

  message(message) {
    if (this.#place(message)) this.#changed(!this.#isOwn(message));
  }

  announce(text) {
    const line = this.#element("announcement", Date.now());
    const words = document.createElement("p");
    words.append(`${text} `, timeElement(Date.now()));
    line.append(words);
    this.#insertAtEnd(line);
    this.#changed(false);
  }

  /// Shows a message that is on its way.
  pending({ nonce, text, at, refused }, nick) {
    const line = this.#bubble({ from: nick ?? "You", text, at }, true);
    line.classList.add("waiting");
    line.dataset.nonce = nonce;
    this.#waiting.set(nonce, line);
    this.#list.append(line);
    this.#regroup(line);
    if (refused) this.refuse(nonce, refused);
    else this.#note(line, "Sending…");
    this.#changed(false);
  }

  /// The message on its way has arrived as `message`.
  settle(nonce, message) {
    this.#forget(nonce);
    this.message(message);
  }

  refuse(nonce, reason) {
    const line = this.#waiting.get(nonce);
    if (!line) return;
    line.classList.add("refused");
    const note = this.#note(line, `Not sent: ${reason} `);
    note.append(
      this.#button("Try again", () => {
        line.classList.remove("refused");
        this.#note(line, "Sending…");
        this.#actions.retry(nonce);
      }),
      this.#button("Remove", () => {
        this.#forget(nonce);
        this.#actions.drop(nonce);
      }),
    );
  }

  /// Goes to the end and stays there.
  follow() {
    this.#following = true;
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#latest.hidden = true;
  }

  #place(message) {
    if (message.nonce && this.#waiting.has(message.nonce)) this.#forget(message.nonce);
    if (this.#byId.has(message.id)) return false;
    const line = this.#bubble(message, this.#isOwn(message));
    line.dataset.id = message.id;
    this.#byId.set(message.id, line);
    let before = this.#list.lastElementChild;  // nearly always the last place or close to it
    while (before && (before.dataset.nonce || Number(before.dataset.id ?? 0) > message.id)) {
      before = before.previousElementSibling;
    }
    if (before) before.after(line);
    else this.#list.prepend(line);
    this.#regroup(line);
    return true;
  }

  #insertAtEnd(line) {
    const firstWaiting = this.#list.querySelector("[data-nonce]");
    if (firstWaiting) firstWaiting.before(line);
    else this.#list.append(line);
    this.#regroup(line);
  }

  #bubble({ from, text, at }, own) {
    const line = this.#element(own ? "message own" : "message", at);
    line.dataset.from = from;
    const author = document.createElement("span");
    author.className = `author ${hueOf(from)}`;
    author.textContent = own ? `${from} (you)` : from;
    const words = document.createElement("div");
    words.className = "words";
    const body = document.createElement("p");
    body.className = "text";
    appendWithLinks(body, text);
    words.append(author, body, timeElement(at));
    line.append(avatar(from), words);
    return line;
  }

  #element(className, at) {
    const line = document.createElement("li");
    line.className = className;
    line.dataset.at = at;
    line.dataset.day = dayName(at);
    return line;
  }

  #note(line, text) {
    let note = line.querySelector(".note");
    if (!note) {
      note = document.createElement("p");
      note.className = "note";
      line.querySelector(".words").append(note);
    }
    note.textContent = text;
    return note;
  }

  #button(text, action) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link";
    button.textContent = text;
    button.addEventListener("click", action);
    return button;
  }

  #forget(nonce) {
    const line = this.#waiting.get(nonce);
    if (!line) return;
    this.#waiting.delete(nonce);
    const next = line.nextElementSibling;
    line.remove();
    if (next) this.#regroup(next);
  }

  /// Whether the line opens a day or goes on with its author's group; and the same for the line behind it.
  #regroup(line) {
    for (const current of [line, line.nextElementSibling]) {
      if (!current) continue;
      const previous = current.previousElementSibling;
      const opensDay = !previous || dayKey(Number(previous.dataset.at)) !== dayKey(Number(current.dataset.at));
      current.classList.toggle("opens-day", opensDay);
      current.classList.toggle(
        "continued",
        !opensDay && Boolean(current.dataset.from) && previous.dataset.from === current.dataset.from &&
          Number(current.dataset.at) - Number(previous.dataset.at) < groupWithin,
      );
    }
  }

  #clear() {
    this.#byId.clear();
    for (const line of [...this.#list.children]) if (!line.dataset.nonce) line.remove();
  }

  #changed(unseen) {
    while (this.#list.childElementCount > most) {
      const first = this.#list.firstElementChild;
      this.#byId.delete(Number(first.dataset.id));
      first.remove();
      if (this.#list.firstElementChild) this.#regroup(this.#list.firstElementChild);
    }
    this.#empty.hidden = this.#list.childElementCount > 0;
    if (this.#following) this.follow();
    else if (unseen) this.#latest.hidden = false;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    this.#following = scrollHeight - scrollTop - clientHeight < 48;
    if (this.#following) this.#latest.hidden = true;
  }

  #keepPlace() {
    if (this.#following) this.follow();
  }
}
