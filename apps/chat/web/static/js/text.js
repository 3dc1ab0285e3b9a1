// Limits and wording that the page and the server share (text.hpp has the server's side), and how times are written.

export const limits = { message: 2000, nickname: 24, roomName: 60 };

/// Characters as a person counts them for a limit: code points, as the server does.
export const length = (text) => [...text].length;

export const tidyName = (text) => text.normalize("NFC").replace(/\s+/gu, " ").trim();

/// Why `nick` cannot be a nickname, or null. The server decides; this only saves a round trip.
export function nicknameProblem(nick) {
  if (!nick) return "Type a nickname first.";
  if (length(nick) > limits.nickname) return `A nickname has at most ${limits.nickname} characters.`;
  return null;
}

export function messageProblem(text) {
  const count = length(text);
  if (count <= limits.message) return null;
  return `Too long: ${count.toLocaleString()} of ${limits.message.toLocaleString()} characters.`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayAndYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });

export function timeElement(at) {
  const element = document.createElement("time");
  const date = new Date(at);
  element.dateTime = date.toISOString();
  element.textContent = clock.format(date);
  element.title = full.format(date);
  return element;
}

export const dayKey = (at) => {
  const date = new Date(at);
  return `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;
};

export function dayName(at) {
  const now = Date.now();
  if (dayKey(at) === dayKey(now)) return "Today";
  if (dayKey(at) === dayKey(now - 86_400_000)) return "Yesterday";
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? day : dayAndYear).format(new Date(at));
}

/// "Ann, Bob and 3 more" from the first names and the number of all.
export function listOf(names, total) {
  if (total === 0) return "Nobody online";
  const hidden = total - names.length;
  if (hidden > 0) return `${names.join(", ")} and ${hidden} more`;
  if (names.length === 1) return names[0];
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/// One of eight colours (`hue-0` … in chat.css) for a name, the same on every page.
export function hueOf(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)) % 65_521;
  return `hue-${sum % 8}`;
}

export function avatar(name) {
  const element = document.createElement("span");
  element.className = `avatar ${hueOf(name)}`;
  element.setAttribute("aria-hidden", "true");
  element.textContent = [...name][0]?.toUpperCase() ?? "?";
  return element;
}

const address = /(https?:\/\/[^\s<>"]+)/u;

/// Appends `text` to `element` as text nodes, with web addresses as links.
export function appendWithLinks(element, text) {
  for (const part of text.split(address)) {
    if (!address.test(part)) {
      element.append(part);
      continue;
    }
    const end = part.match(/[.,;:!?'")\]]*$/u).index;
    const link = document.createElement("a");
    link.href = link.textContent = part.slice(0, end);
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
    element.append(link, part.slice(end));
  }
}
