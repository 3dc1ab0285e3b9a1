// The examples that have a page, each in headless Chromium.

import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";

import { artifact, browser, check, desktop, main, phone, same, test, TestServer, until } from "./harness.mjs";

const examples = process.argv[2];
const example = (name) => new TestServer((port) => [path.join(examples, name), port]);
const guestbook = example("guestbook");
const chat = example("chat_page");
const upload = example("upload_page");
const transports = example("transports");

async function visit(server, options = desktop) {
  const page = await browser.page(await browser.person(options));
  await page.goto(server.url);
  return page;
}

// — what holds for all of them

for (const [name, server] of Object.entries({ guestbook, chat, upload, transports })) {
  test(`${name}: fits a phone, light and dark, and all controls have names`, async () => {
    const page = await visit(server, phone);
    const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    check(wide <= room && room === phone.viewport.width, `no horizontal scroll: ${wide} of ${room}`);
    const controls = await page.evaluate(() => [...document.querySelectorAll("button, input:not([type=hidden]), textarea, select")]
      .filter((each) => each.checkVisibility())
      .map((each) => ({
        named: Boolean(each.textContent.trim() || each.getAttribute("aria-label") || each.labels?.length),
        size: parseFloat(getComputedStyle(each).fontSize),
        height: each.getBoundingClientRect().height,
      })));
    check(controls.length > 0 && controls.every(({ named }) => named), "controls have names");
    check(controls.every(({ size, height }) => size >= 16 && height >= 43), `controls are big enough: ${JSON.stringify(controls)}`);
    check(!/user-scalable|maximum-scale/.test(await page.locator("meta[name=viewport]").getAttribute("content")), "zooming stays allowed");
    const colours = () => page.evaluate(() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color].join());
    await page.emulateMedia({ colorScheme: "light" });
    const light = await colours();
    await page.emulateMedia({ colorScheme: "dark" });
    check(light !== (await colours()), "two grounds");
    await page.screenshot({ path: artifact(`example-${name}-phone.png`), fullPage: true });
  });

  test(`${name}: runs nothing and loads nothing that is not its own`, async () => {
    const asked = [];
    const page = await browser.page(await browser.person());
    page.on("request", (request) => asked.push(request.url()));
    const response = await page.goto(server.url);
    const policy = response.headers()["content-security-policy"] ?? "";
    check(policy.includes("default-src 'none'") && policy.includes("script-src 'self'") && !policy.includes("unsafe"), policy);
    same(asked.filter((url) => !url.startsWith(server.url)), [], "requests to others");
    same(await page.locator("script:not([src]), style, [style]").count(), 0, "scripts and styles in the page");
  });
}

// — guest book

async function sign(page, name, text) {
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("Your note").fill(text);
  const answered = page.waitForResponse((response) => response.request().method() === "POST");
  await page.getByRole("button", { name: "Sign" }).click();
  return (await answered).status();
}

test("guestbook: a note is signed without a script, once, and is text whatever is in it", async () => {
  const page = await visit(guestbook, { ...desktop, javaScriptEnabled: false });
  const hostile = "one\n  two <script>alert(1)</script> \"quoted\" & {{braces}}";
  same(await sign(page, "Ann <b>Lee</b>", hostile), 303, "status");
  const note = page.getByRole("listitem").filter({ hasText: "Ann <b>Lee</b>" }).first();
  await note.waitFor();
  same((await note.locator(".note").textContent()).trim(), hostile, "text");
  same(await page.locator("li b b, li script").count(), 0, "no elements out of texts");
  const before = await page.getByRole("listitem").count();
  await page.reload();
  same(await page.getByRole("listitem").count(), before, "notes after a reload");
  await note.getByRole("link").click();
  await page.getByRole("heading", { name: /^Note \d+$/ }).waitFor();
  same(await page.locator(".note").textContent(), hostile, "text on its own page");
  check((await page.title()).includes("Ann <b>Lee</b>"), "title");
});

test("guestbook: what is wrong is said beside it, and what was typed is kept", async () => {
  const page = await visit(guestbook);
  same(await sign(page, "Bob \"B\"", "   "), 422, "status");
  await page.getByText("Your note is missing.").waitFor();
  same(await page.getByLabel("Your note").getAttribute("aria-invalid"), "true", "the field is marked");
  same(await page.getByLabel("Your note").getAttribute("aria-describedby"), "text-problem", "and described");
  same(await page.getByLabel("Your name").inputValue(), "Bob \"B\"", "the name");
  same(await sign(page, "x".repeat(41), "\n<kept>"), 422, "status");
  await page.getByText("longer than 40 characters").waitFor();
  same(await page.getByLabel("Your note").inputValue(), "<kept>", "the note");
  same(await sign(page, "Bob", "fine"), 303, "status");
  await page.getByRole("listitem").filter({ hasText: "fine" }).first().waitFor();
});

test("guestbook: forms of others and pages that are not there are refused", async () => {
  const body = new URLSearchParams({ name: "Eve", text: "forged" });
  same((await fetch(`${guestbook.url}/notes`, { method: "POST", body })).status, 403, "without a token");
  const page = await visit(guestbook);
  for (const where of ["/nowhere", "/notes/999999", "/notes/x"]) {
    same((await page.goto(guestbook.url + where)).status(), 404, where);
    await page.getByRole("alert").filter({ hasText: "There is no such" }).waitFor();
  }
  await page.getByRole("link", { name: "Back to the first page" }).click();
  await page.getByRole("heading", { name: "Guest book" }).waitFor();
  same(await page.getByText("forged").count(), 0, "forged notes");
});

// — chat

async function enter(name, options) {
  const page = await visit(chat, options);
  await page.getByText("Connected.").waitFor();
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Enter" }).click();
  await page.getByText(`You are ${name}.`).waitFor();
  return page;
}

async function say(page, text) {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.keyboard.press("Enter");
}

const sees = (page, text) => page.locator("#lines li").filter({ hasText: text }).first().waitFor();
const messages = (page) => page.locator("#lines li:not(.news)").allTextContents();

test("chat: two people talk, who comes later reads it, and who leaves is told of", async () => {
  const ann = await enter("Ann");
  const bob = await enter("Bob", phone);
  await sees(ann, "Bob joined");
  await say(ann, "Hello <b>Bob</b> & all");
  await sees(bob, "Ann: Hello <b>Bob</b> & all");
  await say(bob, "Hello Ann");
  await sees(ann, "Bob: Hello Ann");
  for (const page of [ann, bob]) {
    same((await messages(page)).slice(-2), ["Ann: Hello <b>Bob</b> & all", "Bob: Hello Ann"], "both, in order");
  }
  same(await ann.locator("#lines b").count(), 0, "no elements out of texts");
  const eve = await enter("Eve");
  same((await messages(eve)).slice(-2), ["Ann: Hello <b>Bob</b> & all", "Bob: Hello Ann"], "history");
  await eve.getByText("Here: Ann, Bob, Eve").waitFor();
  await eve.close();
  await sees(ann, "Eve left");
  await ann.screenshot({ path: artifact("example-chat.png") });
});

test("chat: a name that is taken and a message that is too long are refused with a reason", async () => {
  await enter("Zoë");
  const page = await visit(chat);
  await page.getByText("Connected.").waitFor();
  await page.getByLabel("Your name").fill("Zoë");
  await page.getByLabel("Your name").press("Enter");
  await page.getByRole("alert").filter({ hasText: "taken" }).waitFor();
  await page.getByLabel("Your name").fill("x".repeat(25));
  await page.getByLabel("Your name").press("Enter");
  await page.getByRole("alert").filter({ hasText: "24" }).waitFor();
  await page.getByLabel("Your name").fill("Yann");
  await page.getByLabel("Your name").press("Enter");
  await page.getByText("You are Yann.").waitFor();
  await say(page, "y".repeat(1001));
  await page.getByRole("alert").filter({ hasText: "1,000" }).waitFor();
  same(await page.getByLabel("Message", { exact: true }).inputValue(), "y".repeat(1001), "what was typed");
});

test("chat: a restart of the server loses nobody and nothing that was typed meanwhile", async () => {
  const ann = await enter("Anna");
  const bob = await enter("Bert");
  same(await chat.stop(), { code: 0, signal: null }, "how the server ended");
  for (const page of [ann, bob]) await page.getByText("Connecting…").waitFor();
  await say(ann, "typed while away");
  await chat.start();
  for (const page of [ann, bob]) {
    await page.getByText("Here: Anna, Bert").waitFor();
    await sees(page, "Anna: typed while away");
  }
});

// — upload

const throttle = async (page, rate) => {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: rate });
};

/// What the page has said of an upload since then.
const watch = (page) => page.evaluate(() => {
  window.said = [];
  new MutationObserver(() => window.said.push(document.getElementById("state").textContent))
    .observe(document.getElementById("state"), { childList: true, characterData: true, subtree: true });
});

function madeFile(name, size) {
  const file = path.join(upload.folder, name);
  fs.writeFileSync(file, randomBytes(size));
  return file;
}

const hash = (octets) => createHash("sha256").update(octets).digest("hex");

const onDisk = () => fs.readdirSync(upload.folder).filter((name) => name.startsWith("verdin-uploads-"))
  .flatMap((folder) => fs.readdirSync(path.join(upload.folder, folder)));

test("upload: files go to the disk, the page shows how far they are, and they come back as they were", async () => {
  const page = await visit(upload);
  const files = [madeFile("holiday & <sun>.jpg", 6_000_000), madeFile("Füße.txt", 10)];
  await throttle(page, 4_000_000);
  await watch(page);
  await page.getByLabel(/^Files/).setInputFiles(files);
  await page.getByRole("button", { name: "Upload" }).click();
  await page.getByRole("status").filter({ hasText: "Done." }).waitFor();
  const said = await page.evaluate(() => window.said);
  const parts = said.map((text) => /^(\d+) %: .+ of 6\.0 MB, .+ a second$/.exec(text)).filter(Boolean).map((match) => Number(match[1]));
  check(parts.some((part) => part > 0 && part < 100), `how far it is, on the way: ${said}`);
  same(parts, [...parts].sort((a, b) => a - b), "it only grows");
  for (const file of files) {
    const name = path.basename(file);
    const address = await page.getByRole("link", { name, exact: true }).first().getAttribute("href");
    const response = await fetch(upload.url + address);
    check(response.headers.get("content-disposition").startsWith("attachment"), "nothing is shown as a page of ours");
    same(hash(Buffer.from(await response.arrayBuffer())), hash(fs.readFileSync(file)), `what came back of ${name}`);
  }
  check(await page.locator("#none").isHidden() && await page.getByRole("button", { name: "Cancel" }).isHidden(), "at rest again");
  await page.screenshot({ path: artifact("example-upload.png") });
});

test("upload: one that is cancelled leaves nothing behind", async () => {
  const page = await visit(upload);
  const before = onDisk().length;
  await throttle(page, 200_000);
  await page.getByLabel(/^Files/).setInputFiles(madeFile("large.bin", 20_000_000));
  await page.getByRole("button", { name: "Upload" }).click();
  await page.getByRole("status").filter({ hasText: /^\d+ %/ }).waitFor();
  await until("it goes to the disk", () => onDisk().length === before + 1);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("status").filter({ hasText: "Cancelled" }).waitFor();
  await until("the disk has nothing of it", () => onDisk().length === before);
  check(!(await (await fetch(`${upload.url}/files`)).text()).includes("large.bin"), "nor the list");
});

test("upload: it works without a script, and a page of others may not", async () => {
  const page = await visit(upload, { ...desktop, javaScriptEnabled: false });
  await page.getByLabel(/^Files/).setInputFiles(madeFile("plain.txt", 1000));
  await page.getByRole("button", { name: "Upload" }).click();
  await page.getByRole("link", { name: "plain.txt" }).first().waitFor();
  const form = new FormData();
  form.append("file", new Blob(["x"]), "forged.txt");
  const forged = await fetch(`${upload.url}/files`, { method: "POST", body: form, headers: { "Sec-Fetch-Site": "cross-site" } });
  same(forged.status, 403, "of others");
  const none = await fetch(`${upload.url}/files`, { method: "POST", body: new FormData(), headers: { Accept: "application/json" } });
  same(none.status, 422, "without a file");
});

// — three ways

const figures = (page, kind) => page.locator(`#summary td[data-kind=${kind}]`).allTextContents();
const kinds = ["polling", "long-polling", "websocket"];
const counts = async (page) => Promise.all(kinds.map(async (kind) => Number((await figures(page, kind))[3])));

test("transports: each message comes in three ways, and the plot has what the table has", async () => {
  const page = await visit(transports);
  await page.getByRole("status").filter({ hasText: "Measuring" }).waitFor();
  await until("some messages came in every way", async () => (await counts(page)).every((count) => count >= 4));
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("status").filter({ hasText: "Paused" }).waitFor();
  await until("what was on its way has come", async () => new Set(await counts(page)).size === 1);
  const [count] = await counts(page);
  for (const kind of kinds) {
    await until(`all of ${kind} is drawn`, async () => (await page.locator(`#plot .${kind}.point`).count()) === count);
  }
  const drawn = await page.evaluate(() => {
    const height = (each) => {
      const box = each.getBBox();
      return box.y + box.height / 2;
    };
    const ticks = [...document.querySelectorAll("#plot .tick-y")].map((each) => [each.textContent, Number(each.getAttribute("y")) - 4]);
    const last = (kind) => height([...document.querySelectorAll(`#plot .${kind}.point`)].at(-1));
    return {
      ticks,
      last: Object.fromEntries(["polling", "long-polling"].map((kind) => [kind, last(kind)])),
      legend: [...document.querySelectorAll("#plot .legend")].map((each) => each.textContent),
      keys: document.querySelectorAll("#plot .key").length,
      times: [...document.querySelectorAll("#plot .tick-x")].map((each) => each.textContent),
      units: [...document.querySelectorAll("#plot .unit")].map((each) => each.textContent),
    };
  });
  same(drawn.legend, ["Polling", "Long-polling", "WebSocket"], "legend");
  same(drawn.keys, 3, "its keys");
  same(drawn.ticks.map(([label]) => label), ["1 ms", "10 ms", "100 ms", "1 s", "10 s"], "latencies on the axis");
  same(drawn.times, ["−30 s", "−20 s", "−10 s", "now"], "times on the axis");
  same(drawn.units, ["posted, seconds ago", "latency, logarithmic"], "what the axes are");
  const [bottom, top] = [drawn.ticks[0][1], drawn.ticks.at(-1)[1]];
  for (const [kind, y] of Object.entries(drawn.last)) {
    const latency = Math.max(Number((await figures(page, kind))[0]), 1);
    const expected = bottom + (Math.log10(latency) / 4) * (top - bottom);
    check(Math.abs(expected - y) < 3, `${kind}: ${latency} ms is drawn at ${y} instead of ${expected}`);
  }
  const requests = await Promise.all(kinds.map(async (kind) => Number((await figures(page, kind))[4])));
  check(requests[0] > 1 && requests[1] > count && requests[2] === 1, `requests: ${requests}`);
  await page.screenshot({ path: artifact("example-transports.png"), fullPage: true });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.screenshot({ path: artifact("example-transports-dark.png"), fullPage: true });
  await page.setViewportSize({ width: 360, height: 720 });
  await until("the plot fits the phone", async () => (await page.locator("#plot").getAttribute("viewBox")).startsWith("0 0 3"));
  const [room, wide] = await page.locator(".scroll").evaluate((each) => [each.clientWidth, each.scrollWidth]);
  await page.screenshot({ path: artifact("example-transports-phone.png"), fullPage: true });
  check(wide <= room, `the table fits the phone: ${wide} of ${room}`);
  await page.screenshot({ path: artifact("example-transports-phone.png"), fullPage: true });
  await page.getByRole("button", { name: "Go on" }).click();
  await until("it goes on", async () => (await counts(page)).every((now) => now > count));
});

test("transports: a restart of the server is survived in every way", async () => {
  const page = await visit(transports);
  await until("it measures", async () => (await counts(page)).every((count) => count >= 1));
  await transports.stop("SIGKILL");
  await page.getByRole("status").filter({ hasText: "Connecting: Polling, Long-polling, WebSocket…" }).waitFor();
  const before = await counts(page);
  await transports.start();
  await until("it measures again", async () => (await counts(page)).every((count, way) => count > before[way]));
});

test("no page had a script error or broke its policy", () => same(browser.complaints, [], "complaints"));

await main(guestbook, chat, upload, transports);
