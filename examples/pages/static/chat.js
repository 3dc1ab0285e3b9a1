// A chat over one WebSocket, that comes back by itself.

const byId = (id) => document.getElementById(id);
const [state, people, log, lines, problem, enter, name, say, text] =
  ["state", "people", "log", "lines", "problem", "enter", "name", "say", "text"].map(byId);
const shownAtMost = 500;

let socket = null;
let failures = 0;
let me = "";          // the name that was given
let present = [];
let unsent = [];      // what was said while there was no connection

function line(className, who, what) {
  const atEnd = log.scrollTop + log.clientHeight > log.scrollHeight - 8;
  const item = document.createElement("li");
  item.className = className;
  if (who) {
    const author = document.createElement("strong");
    author.textContent = `${who}: `;
    item.append(author);
  }
  item.append(what);
  lines.append(item);
  if (lines.children.length > shownAtMost) lines.firstElementChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

const message = ({ who, text: what }) => line(who === me ? "own" : "other", who, what);

function show() {
  const connected = socket?.readyState === WebSocket.OPEN;
  state.textContent = connected ? (me && !say.hidden ? `You are ${me}.` : "Connected.") : "Connecting…";
  people.hidden = !present.length;
  people.textContent = `Here: ${present.join(", ")}`;
}

const events = {
  welcome({ who, people: all, messages }) {
    me = who;
    present = all;
    enter.hidden = true;
    const first = say.hidden;
    say.hidden = false;
    lines.replaceChildren();
    messages.forEach(message);
    for (const what of unsent.splice(0)) socket.send(JSON.stringify({ text: what }));
    if (first) text.focus();
  },
  message,
  joined({ who }) {
    present = [...present, who].sort();
    line("news", "", `${who} joined`);
  },
  left({ who }) {
    present = present.filter((each) => each !== who);
    line("news", "", `${who} left`);
  },
  refused({ text: reason }) {
    problem.textContent = reason;
    if (!say.hidden && !present.includes(me)) {  // the name went to somebody else in the meantime
      say.hidden = true;
      enter.hidden = false;
    }
  },
};

function connect() {
  socket = new WebSocket(new URL("/live", location.href.replace(/^http/, "ws")));
  socket.onopen = () => {
    failures = 0;
    if (me) socket.send(JSON.stringify({ name: me }));
    show();
  };
  socket.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    events[event.kind]?.(event);
    show();
  };
  socket.onclose = () => {
    present = [];
    show();
    failures += 1;
    setTimeout(connect, Math.min(250 * 2 ** failures, 5000));
  };
}

enter.addEventListener("submit", (event) => {
  event.preventDefault();
  problem.textContent = "";
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ name: name.value.trim() }));
});

say.addEventListener("submit", (event) => {
  event.preventDefault();
  problem.textContent = "";
  const what = text.value.trim();
  if (!what) return;
  if ([...what].length > 1000) {
    problem.textContent = "A message has 1,000 characters at most.";
    return;
  }
  if (socket.readyState === WebSocket.OPEN && present.length) {
    socket.send(JSON.stringify({ text: what }));
  } else {
    unsent.push(what);
  }
  text.value = "";
});

connect();
