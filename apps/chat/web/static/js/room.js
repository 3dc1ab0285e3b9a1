// The page of a room: ties the session to what is seen.

import { Composer } from "./composer.js";
import { Lines } from "./lines.js";
import { lasting } from "./memory.js";
import { People } from "./people.js";
import { Session } from "./session.js";
import { Status, whenWorthTrying } from "./status.js";
import { nicknameProblem, tidyName } from "./text.js";

const element = (id) => document.getElementById(id);
const { slug, name } = document.body.dataset;
const title = `${name} · Verdin chat`;

const session = new Session(slug, lasting.get("nick"));
const status = new Status(element("status"));
const people = new People({
  panel: element("people"),
  toggle: element("people-toggle"),
  count: element("people-count"),
  list: element("names"),
  nobody: element("nobody"),
});

// Own messages are known by what this browser sent, not by their author's name: names change hands.
const ownKey = `own:${slug}`;
const own = new Set(lasting.get(ownKey) ?? []);
const mark = ({ id, at }) => `${id}@${at}`;
function remember(message) {
  own.add(mark(message));
  while (own.size > 500) own.delete(own.values().next().value);
  lasting.set(ownKey, [...own]);
}

const lines = new Lines({
  log: element("log"),
  list: element("lines"),
  latest: element("latest"),
  empty: element("empty"),
  isOwn: (message) => own.has(mark(message)),
  actions: { retry: (nonce) => session.retry(nonce), drop: (nonce) => session.drop(nonce) },
});

const composer = new Composer({
  form: element("say"),
  text: element("text"),
  error: element("say-error"),
  counter: element("counter"),
  slug,
  send(text) {
    lines.follow();
    lines.pending(session.say(text), session.nick);
  },
});

// — nickname

const pick = element("pick");
const nick = element("nick");
const nickError = element("nick-error");

function showPicker(reason = "", wanted = session.nick ?? lasting.get("nick") ?? "") {
  composer.shown = false;
  pick.hidden = false;
  element("pick-cancel").hidden = session.nick === null;
  nick.value = wanted;
  refuse(reason);
}

function showComposer() {
  const hadFocus = pick.contains(document.activeElement);
  pick.hidden = true;
  element("rename").textContent = session.nick;
  composer.shown = true;
  if (hadFocus) composer.focus();
}

function refuse(reason) {
  nickError.textContent = reason;
  nick.setAttribute("aria-invalid", String(Boolean(reason)));
  if (reason) nick.focus();
}

pick.addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = tidyName(nick.value);
  const problem = nicknameProblem(wanted);
  if (problem) return refuse(problem);
  refuse("");
  session.takeNickname(wanted);
});
element("pick-cancel").addEventListener("click", showComposer);
element("rename").addEventListener("click", () => {
  showPicker();
  nick.focus();
  nick.select();
});

session.addEventListener("nickname", ({ detail }) => {
  if (detail.refused) return showPicker(detail.refused, detail.wanted ?? nick.value);
  lasting.set("nick", detail.nick);
  showComposer();
  people.show(people.names, session.nick);
});

// — the connection

let before = new Set();  // who was here when the connection broke: their coming back is no news

session.addEventListener("state", ({ detail }) => {
  document.body.classList.toggle("offline", detail.state === "connecting");
  if (detail.state === "connecting") {
    if (people.names.length) before = new Set(people.names);
    status.lost("What you write is kept.");
  } else if (detail.state !== "gone") {
    status.connected();
    setTimeout(() => before.clear(), 10_000);
  }
});
session.addEventListener("gone", ({ detail }) => {
  status.fail(detail.reason);
  composer.shown = false;
  pick.hidden = true;
});
whenWorthTrying(() => session.hurry());

// — what is said

session.addEventListener("history", ({ detail }) => lines.history(detail.messages, detail.complete));
session.addEventListener("message", ({ detail }) => {
  lines.message(detail.message);
  if (!document.hidden) return;
  unread += 1;
  document.title = `(${unread}) ${title}`;
});
session.addEventListener("announcement", ({ detail }) => {
  if (detail.kind === "joined" && before.delete(detail.nick)) return;
  lines.announce(detail.text);
});
session.addEventListener("names", ({ detail }) => people.show(detail.names, session.nick));
session.addEventListener("sent", ({ detail }) => {
  if (detail.refused) return lines.refuse(detail.nonce, detail.refused);
  remember(detail.message);
  lines.settle(detail.nonce, detail.message);
});

let unread = 0;
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unread = 0;
  document.title = title;
});

// — the page

// Where a virtual keyboard covers the page instead of resizing it, the page is made as high as what is left.
const view = window.visualViewport;
if (view) {
  const fit = () => {
    document.documentElement.style.setProperty("--height", `${view.height}px`);
    if (view.offsetTop) window.scrollTo(0, 0);
  };
  view.addEventListener("resize", fit);
  fit();
}

for (const item of session.outbox) lines.pending(item, session.nick);
if (session.nick === null) showPicker();
else showComposer();
session.start();
