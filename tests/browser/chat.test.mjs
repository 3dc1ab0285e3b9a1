// People chat with each other through the real pages, in headless Chromium.

import { artifact, browser, check, desktop, main, phone, same, test, TestServer, until } from "./harness.mjs";

const command = process.argv.slice(2);
const server = new TestServer((port, folder) => [...command, "--port", port, "--database", `${folder}/chat.db`]);
let rooms = 0;

// — what a person does

const lines = (page) => page.locator("#lines .message .text");
const line = (page, text) => page.locator("#lines .message").filter({ has: page.getByText(text, { exact: true }) });
const status = (page) => page.getByRole("status");

/// Makes a room that no other test uses; its slug.
async function newRoom(name = `Test room ${(rooms += 1)}`) {
  const response = await fetch(`${server.url}/rooms`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name }),
  });
  check(response.ok, `room ${name} made, ${response.status}`);
  return (await response.json()).slug;
}

const address = (slug) => `${server.url}/rooms/${encodeURIComponent(slug)}`;

async function visit(slug, options) {
  const page = await browser.page(await browser.person(options));
  await page.goto(address(slug));
  return page;
}

async function pick(page, nick) {
  await page.getByLabel(/pick a nickname/i).fill(nick);
  await page.getByRole("button", { name: "Join" }).click();
}

/// Enters the room as `nick`.
async function enter(slug, nick, options) {
  const page = await visit(slug, options);
  await pick(page, nick);
  await page.getByRole("textbox", { name: "Message" }).waitFor();
  await until(`${nick} is online`, async () => (await online(page)).includes(nick));
  return page;
}

async function say(page, text) {
  await page.getByRole("textbox", { name: "Message" }).fill(text);
  await page.getByRole("textbox", { name: "Message" }).press("Enter");
}

const online = (page) => page.locator("#names .name").allTextContents();
const sees = (page, text) => line(page, text).waitFor();
const announced = (page, text) => page.locator("#lines .announcement").filter({ hasText: text }).first().waitFor();
const refused = async (page, reason) => {
  await page.locator("#nick-error").filter({ hasText: reason }).waitFor();
  check(await page.locator("#say").isHidden(), "nobody talks without a nickname");
};

/// One event over a connection of its own, made with the page's client; the arguments of the acknowledgement.
const ask = (page, steps) => page.evaluate(async (all) => {
  const socket = window.io("/chat", { forceNew: true });
  let answer;
  for (const [event, ...args] of all) {
    answer = await new Promise((resolve, reject) =>
      socket.timeout(10_000).emit(event, ...args, (error, ...reply) => (error ? reject(error) : resolve(reply))));
  }
  socket.disconnect();
  return answer;
}, steps);

// — rooms

test("a room is created from the page of rooms, and its people are counted there live", async () => {
  const watcher = await browser.page(await browser.person({ ...desktop, colorScheme: "dark" }));
  await watcher.goto(server.url);
  const ann = await browser.page(await browser.person());
  await ann.goto(server.url);
  await ann.getByLabel("Create a room").fill("  Book   club ");
  await ann.getByRole("button", { name: "Create" }).click();
  await ann.waitForURL("**/rooms/book-club");
  same(await ann.title(), "Book club · Verdin chat", "title");
  await ann.getByRole("heading", { name: "Book club" }).waitFor();

  const card = watcher.getByRole("link", { name: /Book club/ });
  await card.filter({ hasText: "Nobody online" }).waitFor();
  await pick(ann, "Ann");
  await card.filter({ hasText: "Ann" }).filter({ hasText: "1" }).waitFor();
  await enter("book-club", "Bob", phone);
  await card.filter({ hasText: "Ann and Bob" }).waitFor();
  await watcher.screenshot({ path: artifact("rooms.png") });
  await card.click();
  await watcher.waitForURL("**/rooms/book-club");
});

test("a room needs a name, and the same name leads to the same room", async () => {
  const page = await browser.page(await browser.person());
  await page.goto(server.url);
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("alert").filter({ hasText: /name/i }).waitFor();
  await page.getByLabel("Create a room").fill("x".repeat(61));
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("alert").filter({ hasText: "60" }).waitFor();
  const slug = await newRoom("Garden");
  same(await newRoom("garden"), slug, "slug of the same name");
  const json = { "Content-Type": "application/json" };
  for (const body of ['{"name":"   "}', `{"name":"${"x".repeat(61)}"}`, '{"name":7}', "{", "{}"]) {
    const response = await fetch(`${server.url}/rooms`, { method: "POST", headers: json, body });
    same(response.status, 400, `status for ${body}`);
    check(typeof (await response.json()).error === "string", `a reason for ${body}`);
  }
});

test("a form without scripts creates a room too", async () => {
  const body = new URLSearchParams({ name: "Plain form & more" });
  const response = await fetch(`${server.url}/rooms`, { method: "POST", body, redirect: "manual" });
  same(response.status, 303, "status");
  same(response.headers.get("location"), "/rooms/plain-form-more", "location");
  const listed = await (await fetch(`${server.url}/api/rooms`)).json();
  check(listed.some((room) => room.name === "Plain form & more" && room.online === 0), "listed by /api/rooms");
});

test("a name in any script has a page, and markup in it is text", async () => {
  for (const name of ["Книжный клуб", "読書会", "<b>Bold</b> & “quoted”", "🎉"]) {
    const page = await visit(await newRoom(name));
    same(await page.locator("h1").textContent(), name, "heading");
    same(await page.locator("body").getAttribute("data-name"), name, "name in the page");
    await pick(page, "Ann");
    await say(page, `in ${name}`);
    await sees(page, `in ${name}`);
  }
});

test("an unknown room is a 404 page", async () => {
  const page = await browser.page(await browser.person());
  for (const where of ["/rooms/no-such-room", "/rooms/%00", "/nowhere", "/static/none.js"]) {
    const response = await page.goto(server.url + where);
    check([404, 400].includes(response.status()), `${where} is not found, ${response.status()}`);
  }
  const response = await page.goto(`${server.url}/rooms/no-such-room`);
  same(response.status(), 404, "status");
  await page.getByRole("link", { name: "See all rooms" }).click();
  await page.getByRole("heading", { name: "Rooms" }).waitFor();
  same(await ask(page, [["join", "no-such-room"]]), [false, "There is no such room."], "join");
});

test("pages forbid scripts that are not theirs", async () => {
  for (const where of ["/", address(await newRoom()).slice(server.url.length), "/rooms/no-such-room"]) {
    const policy = (await fetch(server.url + where)).headers.get("content-security-policy") ?? "";
    check(policy.includes("default-src 'none'") && policy.includes("script-src 'self'"), `policy of ${where}: ${policy}`);
    check(!policy.includes("unsafe"), "nothing unsafe");
  }
});

// — nicknames

test("a nickname is refused when taken, blank, too long or odd, with a reason", async () => {
  const slug = await newRoom();
  await enter(slug, "Ann Lee");
  const page = await visit(slug);
  await pick(page, "ann  LEE");
  await refused(page, /taken/i);
  await page.screenshot({ path: artifact("nickname-taken.png") });
  await pick(page, "   ");
  await refused(page, /first/i);
  await pick(page, "x".repeat(25));
  await refused(page, /24/);
  await pick(page, "a<script>");
  await refused(page, /cannot/i);
  await pick(page, "Zoë-2");
  await until("Zoë-2 is online", async () => (await online(page)).includes("Zoë-2"));
  same(await ask(page, [["join", slug], ["nickname", "y".repeat(25)]]).then((answer) => answer[0]), false, "server's answer");
  const spoof = await ask(page, [["join", slug], ["nickname", "Ann\u200b Lee"]]);
  same(spoof[0], false, "an invisible character is no difference");
});

test("a nickname is remembered, and a reload is no news to the others", async () => {
  const slug = await newRoom();
  const ann = await enter(slug, "Ann");
  const bob = await enter(slug, "Bob");
  await announced(ann, "Bob joined");
  await bob.reload();
  await bob.getByRole("textbox", { name: "Message" }).waitFor();
  await until("both online", async () => (await online(bob)).join() === "Ann,Bob");
  await say(bob, "back again");
  await sees(ann, "back again");
  same(await ann.locator(".announcement").allTextContents().then((all) => all.filter((text) => /left/.test(text))), [], "news");

  const other = await bob.context().newPage();  // a second tab of the same person, in another room
  await other.goto(address(await newRoom()));
  await until("Bob is there too", async () => (await online(other)).join() === "Bob");
});

test("a person can change nickname and free the old one", async () => {
  const slug = await newRoom();
  const ann = await enter(slug, "Ann");
  const bob = await enter(slug, "Bob");
  await bob.getByRole("button", { name: "Change nickname" }).click();
  await pick(bob, "Ann");
  await refused(bob, /taken/i);
  await bob.getByRole("button", { name: "Cancel" }).click();
  await bob.getByRole("button", { name: "Change nickname" }).click();
  await pick(bob, "Robert");
  await announced(ann, "Bob is now Robert");
  await until("the list shows it", async () => (await online(ann)).join() === "Ann,Robert");
  await enter(slug, "Bob");
});

test("people who come and go are announced and listed", async () => {
  const slug = await newRoom();
  const ann = await enter(slug, "Ann");
  same(await online(ann), ["Ann"], "online");
  const bob = await enter(slug, "Bob");
  await announced(ann, "Bob joined");
  await until("Ann's list has both", async () => (await online(ann)).join() === "Ann,Bob");
  await bob.close();
  await announced(ann, "Bob left");
  await until("Bob is gone", async () => (await online(ann)).join() === "Ann");
  await enter(slug, "Bob");
});

// — messages

test("two people talk, both ways, with times and own messages marked", async () => {
  const slug = await newRoom("Sunday walk");
  const ann = await enter(slug, "Ann");
  const bob = await enter(slug, "Bob");
  const texts = ["Hello Bob! Is the path along the river open again?", "It is, since Friday.", "Great. At ten, at the bridge?"];
  for (const [index, text] of texts.entries()) {
    const [from, to] = index % 2 ? [bob, ann] : [ann, bob];
    await say(from, text);
    await sees(to, text);
  }
  for (const page of [ann, bob]) same(await lines(page).allTextContents(), texts, "conversation");
  same(await line(ann, texts[0]).getAttribute("class").then((all) => all.includes("own")), true, "own message marked");
  same(await line(bob, texts[0]).getAttribute("class").then((all) => all.includes("own")), false, "other's message not");
  same(await line(bob, texts[0]).locator(".author").textContent(), "Ann", "author");
  for (const page of [ann, bob]) {
    for (const time of await page.locator("#lines .message time").all()) {
      check(/^\d\d:\d\d$/.test(await time.textContent()), "a time is shown");
      check(Math.abs(Date.parse(await time.getAttribute("datetime")) - Date.now()) < 60_000, "and it is now");
    }
  }
  await until("nothing is still being sent", async () => (await ann.locator(".waiting").count()) === 0);
  await ann.screenshot({ path: artifact("chat-desktop.png") });
});

test("markup, lines, addresses and any script arrive as they were typed", async () => {
  const slug = await newRoom();
  const ann = await enter(slug, "Ann");
  const bob = await enter(slug, "Bob");
  const texts = ["<img src=x onerror=alert(1)> & <b>b</b>", "one\n  two", "é 你好 🎉 \u2028 \"quoted\" \\ end", "see https://example.org/a?b=c."];
  for (const text of texts) await say(ann, text);
  await until("all four are there", async () => (await lines(bob).count()) === 4);
  same(await lines(bob).allTextContents(), texts, "texts");
  same(await bob.locator("#lines img, #lines b").count(), 0, "no elements out of texts");
  same(await bob.locator("#lines a").getAttribute("href"), "https://example.org/a?b=c", "link");
});

test("many messages at once keep their order", async () => {
  const slug = await newRoom();
  const ann = await enter(slug, "Ann");
  const bob = await enter(slug, "Bob");
  const texts = Array.from({ length: 30 }, (_, index) => `message ${index}`);
  for (const text of texts) await say(ann, text);
  await until("all are there", async () => (await lines(bob).count()) === 30 && (await ann.locator(".waiting").count()) === 0);
  for (const page of [ann, bob]) same(await lines(page).allTextContents(), texts, "order");
});

test("who comes later reads what was said before", async () => {
  const slug = await newRoom();
  const ann = await enter(slug, "Ann");
  await say(ann, "first");
  await say(ann, "second");
  await until("stored", async () => (await ann.locator(".waiting").count()) === 0);
  const late = await visit(slug);
  await sees(late, "second");
  same(await lines(late).allTextContents(), ["first", "second"], "history");
  await ann.reload();
  await sees(ann, "second");
  same(await ann.locator("#lines .message.own").count(), 2, "own messages after a reload");
});

test("a message that is too long is refused by the page and by the server", async () => {
  const slug = await newRoom();
  const ann = await enter(slug, "Ann");
  await say(ann, "x".repeat(2001));
  await ann.getByRole("alert").filter({ hasText: "2,001" }).waitFor();
  same(await lines(ann).count(), 0, "nothing sent");
  await ann.getByRole("textbox", { name: "Message" }).press("Backspace");
  await ann.getByRole("button", { name: "Send" }).click();
  await sees(ann, "x".repeat(2000));
  const hello = [["join", slug], ["nickname", "Raw"]];
  same((await ask(ann, [...hello, ["user message", "é".repeat(2001), "n1"]]))[0], false, "2,001 characters");
  same((await ask(ann, [...hello, ["user message", "🎉".repeat(2000), "n2"]]))[0], true, "2,000 characters of four octets");
  same((await ask(ann, [...hello, ["user message", " \n ", "n3"]]))[0], false, "a blank message");
  same((await ask(ann, [["join", slug], ["user message", "who?", "n4"]]))[0], false, "a message without a nickname");
});

test("the founding client, which knows none of the extras, takes part", async () => {
  const slug = await newRoom();
  const bob = await enter(slug, "Bob");
  const page = await visit(slug);
  const seen = await page.evaluate(async (room) => {
    const socket = window.io("/chat", { forceNew: true, transports: ["polling"] });
    const heard = [];
    for (const event of ["announcement", "nicknames", "msg_to_room"]) socket.on(event, (...args) => heard.push([event, ...args]));
    const ask = (...args) => new Promise((resolve, reject) =>
      socket.timeout(10_000).emit(...args, (error, ...reply) => (error ? reject(error) : resolve(reply))));
    const joined = await ask("join", room);
    const nick = await ask("nickname", "Oldie");
    socket.emit("user message", "no acknowledgement asked");
    const said = await ask("user message", "one argument");
    window.oldie = { socket, heard };
    return { joined: joined[0], nick, said: said[0] };
  }, slug);
  same(seen, { joined: true, nick: [true, "Oldie"], said: true }, "acknowledgements");
  await sees(bob, "no acknowledgement asked");
  await sees(bob, "one argument");
  await say(bob, "hello Oldie");
  // Who is there is told a little later, for several changes at once: it may come before the message or behind it.
  const heard = await until("Bob and the names are heard", () => page.evaluate(() => {
    const { heard } = window.oldie;
    const names = heard.some(([event, list]) => event === "nicknames" && list.join() === "Bob,Oldie");
    return names && heard.some(([event]) => event === "msg_to_room") && heard;
  }));
  const message = heard.find((event) => event[0] === "msg_to_room");
  same(message.slice(1, 3), ["Bob", "hello Oldie"], "from and text");
  await page.evaluate(() => window.oldie.socket.disconnect());
  await announced(bob, "Oldie left");
});

// — devices

test("the pages fit a phone", async () => {
  const slug = await newRoom("A room with quite a long name, for a phone");
  const ann = await enter(slug, "Ann", { ...phone, colorScheme: "dark" });
  const bob = await enter(slug, "Bob");
  await say(bob, "w".repeat(300));
  await say(bob, `https://example.org/${"path/".repeat(40)}`);
  await say(ann, "That is long. 👀");
  await sees(bob, "That is long. 👀");
  await until("all three are there", async () => (await lines(ann).count()) === 3);
  const home = await browser.page(await browser.person(phone));
  await home.goto(server.url);
  await home.getByRole("link", { name: /quite a long name/ }).waitFor();
  for (const page of [ann, home]) {
    const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    check(wide <= room && room === phone.viewport.width, `no horizontal scroll: ${wide} of ${room}`);
    const sizes = await page.evaluate(() => [...document.querySelectorAll("input, textarea")].map((each) => parseFloat(getComputedStyle(each).fontSize)));
    check(sizes.every((size) => size >= 16), `no zoom on focus: ${sizes}`);
    check(!/user-scalable|maximum-scale/.test(await page.locator("meta[name=viewport]").getAttribute("content")), "zooming stays allowed");
  }
  const box = await ann.getByRole("button", { name: "Send" }).boundingBox();
  check(box.height >= 44 && box.y + box.height <= phone.viewport.height, "the send button is in view and big enough");
  await until("the last message is in view", () => lines(ann).last().evaluate((last) =>
    last.getBoundingClientRect().bottom <= document.querySelector(".composer:not([hidden])").getBoundingClientRect().top));
  check(await ann.locator("#people").isHidden(), "people are behind the button");
  await ann.screenshot({ path: artifact("chat-phone.png") });
  await ann.getByRole("button", { name: "2 online" }).tap();
  await ann.locator("#people").getByText("Bob").waitFor();
  await ann.setViewportSize({ width: 360, height: 380 });  // as a virtual keyboard leaves it
  await until("the composer stays in view", async () => {
    const now = await ann.getByRole("button", { name: "Send" }).boundingBox();
    return now.y + now.height <= 380;
  });
});

test("everything can be done from the keyboard", async () => {
  const slug = await newRoom();
  const page = await visit(slug);
  await page.getByLabel(/pick a nickname/i).focus();
  await page.keyboard.type("Ann");
  await page.keyboard.press("Enter");
  await until("the message has the focus", () => page.evaluate(() => document.activeElement?.id === "text"));
  await page.keyboard.type("one");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("two");
  await page.keyboard.press("Enter");
  await until("sent as two lines", async () => (await lines(page).allTextContents()).join() === "one\ntwo");
  same(await page.getByRole("log").getAttribute("aria-live"), "polite", "messages are read out");
  const unnamed = await page.evaluate(() => [...document.querySelectorAll("button, a, input, textarea")].filter((each) =>
    !each.textContent.trim() && !each.getAttribute("aria-label") && !each.labels?.length).length);
  same(unnamed, 0, "controls without a name");
});

test("light or dark, as the person has it", async () => {
  const slug = await newRoom();
  const page = await visit(slug);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: "light" });
  const light = await ground();
  await page.emulateMedia({ colorScheme: "dark" });
  check(light !== (await ground()), "two grounds");
});

// — outages

async function outage(signal) {
  const slug = await newRoom();
  const ann = await enter(slug, "Ann");
  const bob = await enter(slug, "Bob", phone);
  await say(ann, "before");
  await sees(bob, "before");

  const ended = await server.stop(signal);
  if (signal !== "SIGKILL") same(ended, { code: 0, signal: null }, "how the server ended");
  for (const page of [ann, bob]) await status(page).filter({ hasText: /reconnecting…/i }).waitFor();
  await say(ann, "typed while away");
  await say(bob, "me too");
  await ann.getByRole("textbox", { name: "Message" }).fill("half a sentence");
  await line(ann, "typed while away").filter({ hasText: "Sending…" }).waitFor();
  if (signal !== "SIGKILL") await bob.screenshot({ path: artifact("reconnecting.png") });

  await server.start();
  for (const page of [ann, bob]) {
    await status(page).waitFor({ state: "hidden" });
    await sees(page, "typed while away");
    await sees(page, "me too");
    await until("everybody is back", async () => (await online(page)).join() === "Ann,Bob");
  }
  same(await ann.getByRole("textbox", { name: "Message" }).inputValue(), "half a sentence", "what was being typed");
  await say(bob, "after");
  await sees(ann, "after");
  await say(ann, "after, too");
  await sees(bob, "after, too");
  await until("nothing waits", async () => (await ann.locator(".waiting").count()) + (await bob.locator(".waiting").count()) === 0);
  for (const page of [ann, bob]) {
    const texts = await lines(page).allTextContents();
    same([...texts].sort(), ["after", "after, too", "before", "me too", "typed while away"], "each message once");
  }
  same(await lines(ann).allTextContents(), await lines(bob).allTextContents(), "order on both pages");
  const news = (await ann.locator("#lines .announcement").allTextContents()).map((text) => text.slice(0, -6));
  same(news, ["Ann joined", "Bob joined"], "an outage is no news about people");
  return { ann, bob };
}

test("a restart of the server is survived: reconnecting, then everything is back", async () => {
  const { ann } = await outage("SIGTERM");
  await ann.screenshot({ path: artifact("recovered.png") });
});

test("Ctrl-C is such a restart too", () => outage("SIGINT"));

test("a crash of the server is survived likewise", () => outage("SIGKILL"));

test("a page reloaded during an outage has lost nothing", async () => {
  const slug = await newRoom();
  const ann = await enter(slug, "Ann");
  const bob = await enter(slug, "Bob");
  await bob.evaluate(() => (window.stillThere = true));
  await server.stop();
  await status(ann).filter({ hasText: /reconnecting/i }).waitFor();
  await say(ann, "kept");
  await ann.getByRole("textbox", { name: "Message" }).fill("draft");
  await server.start();
  await ann.reload();
  await sees(bob, "kept");
  await sees(ann, "kept");
  same(await ann.getByRole("textbox", { name: "Message" }).inputValue(), "draft", "draft");
  same(await bob.evaluate(() => window.stillThere), true, "Bob's page was never reloaded");
  await until("stored once", async () => (await lines(bob).allTextContents()).join() === "kept");
});

test("no page had a script error or broke its policy", () => same(browser.complaints, [], "complaints"));

await main(server);
