// Posts messages, hears of them in three ways, and shows how long each took.

import { mark, element, Plot } from "./plot.js";

const every = 700;   // ms between two posts: no multiple of a polling interval, so that polling meets all phases
const kept = 500;    // measurements of each way
const mine = crypto.getRandomValues(new Uint32Array(2)).join("-");  // other pages post as well
const ways = [
  { kind: "polling", name: "Polling" },
  { kind: "long-polling", name: "Long-polling" },
  { kind: "websocket", name: "WebSocket" },
].map((way) => ({ ...way, points: [], requests: 0, count: 0, worst: 0, works: false }));
const [polling, longPolling, live] = ways;

const posted = new Map();  // text: when
const byId = (id) => document.getElementById(id);
const plot = new Plot(byId("plot"), ways);
let running = true;
let pausedAt = 0;

const sleep = (time) => new Promise((done) => setTimeout(done, time));

/// How long to stay away after `failures` in a row.
const pause = (failures) => sleep(Math.min(250 * 2 ** failures, 5000));

function heard(way, text) {
  const then = posted.get(text);
  if (then === undefined) return;  // another page's
  const now = performance.now();
  way.points.push({ at: then, latency: now - then });
  if (way.points.length > kept) way.points.shift();
  way.count += 1;
  way.worst = Math.max(way.worst, now - then);
  show();
}

async function post() {
  for (let number = 1; ; number += 1) {
    if (running && ways.every((way) => way.works)) {
      const text = `${mine}-${number}`;
      posted.set(text, performance.now());
      if (posted.size > kept) posted.delete(posted.keys().next().value);
      try {
        await fetch("/messages", { method: "POST", body: text });
      } catch {
        posted.delete(text);
      }
    }
    await sleep(every);
  }
}

/// Asks again and again where there may be messages: `address` may take its time to answer.
async function ask(way, address, rest) {
  let last = null;  // only what comes from now on
  for (let failures = 0; ; ) {
    try {
      way.requests += 1;
      const response = await fetch(last === null ? "/poll?after=0" : `${address}?after=${last}`);
      if (!response.ok) throw new Error(response.statusText);
      const news = await response.json();
      const first = last === null;
      last = news.last;
      if (!first) for (const { text } of news.messages) heard(way, text);
      failures = 0;
      works(way, true);
      await rest();
    } catch {
      works(way, false);
      last = null;  // a server that was started again counts from the beginning
      await pause((failures += 1));
    }
  }
}

function listen(failures = 0) {
  live.requests += 1;
  const socket = new WebSocket(new URL("/live", location.href.replace(/^http/, "ws")));
  socket.onopen = () => {
    failures = 0;
    works(live, true);
  };
  socket.onmessage = ({ data }) => heard(live, JSON.parse(data).text);
  socket.onclose = async () => {
    works(live, false);
    await pause(failures + 1);
    listen(failures + 1);
  };
}

// — what is seen

function works(way, does) {
  way.works = does;
  const waiting = ways.filter((each) => !each.works).map((each) => each.name);
  byId("state").textContent = waiting.length ? `Connecting: ${waiting.join(", ")}…` : running ? "Measuring" : "Paused";
}

const shown = (latency) => (latency === undefined ? "–" : latency < 10 ? latency.toFixed(1) : latency.toFixed(0));

function median(points) {
  const sorted = points.map(({ latency }) => latency).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

const table = byId("summary");
const heads = table.createTHead().insertRow();
heads.append(document.createElement("td"));
for (const { kind, name } of ways) {
  const head = document.createElement("th");
  const icon = element("svg", { class: "mark", viewBox: "0 0 14 14", "aria-hidden": "true" });
  icon.append(mark(kind, 7, 7, kind));
  head.scope = "col";
  head.append(icon, ` ${name}`);
  heads.append(head);
}

const figures = {
  "last, ms": ({ points }) => shown(points.at(-1)?.latency),
  "median, ms": ({ points }) => shown(median(points)),
  "worst, ms": ({ count, worst }) => shown(count ? worst : undefined),
  "messages": ({ count }) => count,
  "requests": ({ requests }) => requests,
};
const body = table.createTBody();
const cells = Object.entries(figures).map(([title, figure]) => {
  const row = body.insertRow();
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = title;
  row.append(head);
  return ways.map((way) => {
    const cell = row.insertCell();
    cell.dataset.kind = way.kind;
    return () => (cell.textContent = figure(way));
  });
}).flat();

const show = () => cells.forEach((fill) => fill());

const calm = matchMedia("(prefers-reduced-motion: reduce)");

function draw() {
  plot.draw(running ? performance.now() : pausedAt);  // what was on its way when it was paused still comes
  requestAnimationFrame(() => setTimeout(draw, calm.matches ? 2000 : 100));
}

byId("run").addEventListener("click", () => {
  running = !running;
  pausedAt = performance.now();
  byId("run").textContent = running ? "Pause" : "Go on";
  works(live, live.works);
});

show();
draw();
post();
ask(polling, "/poll", () => sleep(Number(byId("interval").value)));
ask(longPolling, "/long-poll", () => {});
listen();
