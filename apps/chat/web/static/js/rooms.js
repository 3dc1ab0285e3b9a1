// The page of rooms: who is where, live, and a form that opens a new room.

import { Status, whenWorthTrying } from "./status.js";
import { avatar, length, limits, listOf, tidyName } from "./text.js";

const element = (id) => document.getElementById(id);
const list = element("rooms");
const status = new Status(element("status"));
const rooms = new Map();  // slug → {room, item}

const socket = window.io("/rooms", { reconnectionDelay: 500, reconnectionDelayMax: 4_000, timeout: 8_000 });

socket.on("connect", () => status.connected());
socket.on("disconnect", (reason) => {
  status.lost();
  if (reason === "io server disconnect") setTimeout(() => socket.connect(), 1_000);
});
socket.on("rooms", (all) => {
  rooms.clear();
  list.replaceChildren();
  for (const room of all) show(room);
  list.setAttribute("aria-busy", "false");
});
socket.on("room", show);
whenWorthTrying(() => {
  if (!socket.connected) socket.disconnect().connect();
});

function show(room) {
  const known = rooms.get(room.slug);
  const item = known?.item ?? document.createElement("li");
  fill(item, room);
  rooms.set(room.slug, { room, item });
  place(item, room);
  element("no-rooms").hidden = rooms.size > 0;
  const online = [...rooms.values()].reduce((sum, each) => sum + each.room.online, 0);
  element("total").textContent = `${rooms.size === 1 ? "1 room" : `${rooms.size} rooms`}, ${online} online`;
}

function fill(item, room) {
  let link = item.querySelector("a");
  if (!link) {
    link = document.createElement("a");
    link.className = "room-card";
    link.href = `/rooms/${encodeURIComponent(room.slug)}`;
    item.append(link);
  }
  const title = document.createElement("strong");
  title.textContent = room.name;
  const who = document.createElement("span");
  who.className = "muted who";
  who.textContent = listOf(room.people, room.online);
  const words = document.createElement("span");
  words.className = "room-words";
  words.append(title, who);
  const count = document.createElement("span");
  count.className = room.online ? "count live" : "count";
  count.textContent = room.online;
  count.setAttribute("aria-label", `${room.online} online`);
  link.replaceChildren(avatar(room.name), words, count);
}

/// Rooms with people first, then by name. A room that did not move is left alone, so that focus stays.
function place(item, room) {
  const order = (a, b) => b.online - a.online || a.name.localeCompare(b.name) || a.slug.localeCompare(b.slug);
  const sorted = [...rooms.values()].sort((a, b) => order(a.room, b.room));
  const next = sorted[sorted.findIndex((each) => each.room.slug === room.slug) + 1]?.item ?? null;
  if (item.parentNode && item.nextElementSibling === next) return;
  const focused = item.contains(document.activeElement);
  list.insertBefore(item, next);
  if (focused) item.querySelector("a").focus();
}

// — a new room

const form = element("create");
const name = element("name");

function problemWith(wanted) {
  if (!wanted) return "Give the room a name first.";
  if (length(wanted) > limits.roomName) return `A name has at most ${limits.roomName} characters.`;
  return null;
}

function refuse(reason) {
  element("create-error").textContent = reason;
  name.setAttribute("aria-invalid", String(Boolean(reason)));
  if (reason) name.focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const wanted = tidyName(name.value);
  const problem = problemWith(wanted);
  if (problem) return refuse(problem);
  refuse("");
  try {
    const response = await fetch("/rooms", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name: wanted }),
    });
    const answer = await response.json();
    if (!response.ok) return refuse(answer.error);
    location.assign(`/rooms/${encodeURIComponent(answer.slug)}`);
  } catch {
    refuse("The server did not answer. Try again in a moment.");
  }
});
