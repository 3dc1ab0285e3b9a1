// What the browser tests stand on: a server that can be stopped and started, browsers, conditions to wait for.

import { spawn } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import os from "node:os";
import path from "node:path";

const require = createRequire(path.join(process.env.VERDIN_NPM_DIR, "package.json"));
const { chromium } = require("playwright-core");

export const patience = 15_000;  // ms for any one condition; nothing here waits for time to pass

const artifacts = process.env.VERDIN_ARTIFACTS;
fs.mkdirSync(artifacts, { recursive: true });
export const artifact = (name) => path.join(artifacts, name);

export async function until(what, condition) {
  const deadline = Date.now() + patience;
  let last;
  for (;;) {
    try {
      last = await condition();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what} (last: ${last})`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

export function check(holds, what) {
  if (!holds) throw new Error(`does not hold: ${what}`);
}

export function same(actual, expected, what) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a} instead of ${b}`);
}

const freePort = () => new Promise((resolve) => {
  const probe = net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = probe.address();
    probe.close(() => resolve(port));
  });
});

/// A server under test, always on the same port and in the same folder. It says "NAME is on http://...".
export class TestServer {
  #command;
  #child = null;
  output = "";

  /// `command`: (port, folder) => [program, ...arguments]
  constructor(command) {
    this.#command = command;
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), "verdin-browser-"));
  }

  async start() {
    this.port ??= await freePort();
    const [program, ...args] = this.#command(this.port, this.folder);
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, TMPDIR: this.folder },
    });
    this.#child = child;
    this.exited = new Promise((resolve) => child.on("exit", (code, signal) => resolve({ code, signal })));
    let said = "";
    child.stdout.on("data", (text) => (said += text, this.output += text));
    child.stderr.on("data", (text) => (this.output += text));
    child.on("error", (error) => (this.output += error));
    await until(`the server says where it is; it said:\n${this.output}`, () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${this.output}`);
      return / is on http:\S+\s/.test(said);
    });
    this.url = said.match(/ is on (http:\S+?)\/?\s/)[1];
  }

  async stop(signal = "SIGTERM") {
    this.#child.kill(signal);
    const ended = await Promise.race([this.exited, new Promise((done) => setTimeout(done, patience, null))]);
    if (!ended) {
      this.#child.kill("SIGKILL");
      throw new Error(`the server did not end on ${signal}`);
    }
    return ended;
  }

  async end() {
    const runs = this.#child && this.#child.exitCode === null && this.#child.signalCode === null;
    const ended = runs ? await this.stop() : await this.exited;
    fs.rmSync(this.folder, { recursive: true, force: true });
    if (ended && ended.code !== 0) throw new Error(`it ended with ${JSON.stringify(ended)}`);
  }
}

const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
  ],
});

export const phone = { viewport: { width: 360, height: 720 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
export const desktop = { viewport: { width: 1180, height: 760 } };

/// One browser; each person is a profile of its own (cookies, storage).
class Browser {
  #browser;
  #contexts = [];
  complaints = [];  // errors of scripts and violations of the content security policy, on any page

  static async open() {
    const self = new Browser();
    self.#browser = await launch();
    return self;
  }

  async person(options = desktop) {
    const context = await this.#browser.newContext({ locale: "en-GB", ...options });
    context.setDefaultTimeout(patience);
    this.#contexts.push(context);
    return context;
  }

  async page(context) {
    const page = await context.newPage();
    page.on("pageerror", (error) => this.complaints.push(`${page.url()}: ${error}`));
    page.on("console", (message) => {
      if (/security policy|refused to/i.test(message.text())) this.complaints.push(message.text());
    });
    return page;
  }

  async forget() {
    for (const context of this.#contexts.splice(0)) await context.close();
  }

  close() {
    return this.#browser.close();
  }
}

const tests = [];
const longest = 90_000;  // ms for a test

function inTime(promise) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("the test takes too long")), longest)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export const test = (name, body) => tests.push({ name, body });

/// The first line of why it failed: a log that is cut short shows it, a stack below it may be lost.
const reason = (error) => String(error?.message ?? error).split("\n")[0].slice(0, 300);

/// Open while tests run.
export let browser;

async function runAll() {
  const only = process.env.VERDIN_ONLY ?? "";
  const times = Number(process.env.VERDIN_TIMES ?? 1);
  const chosen = tests.filter((each) => each.name.includes(only));
  const failures = [];
  let passed = 0;
  for (const { name, body } of Array.from({ length: times }, () => chosen).flat()) {
    const start = Date.now();
    try {
      await inTime(body());
      passed += 1;
      console.log(`ok      ${name} (${Date.now() - start} ms)`);
    } catch (error) {
      failures.push(`FAILED  ${name}: ${reason(error)}`);
      const stack = String(error?.stack ?? error).replace(/^/gm, "        ");
      console.log(`${failures.at(-1)}\n        after ${Date.now() - start} ms\n${stack}`);
    }
    await inTime(browser.forget()).catch(() => {});
  }
  return { passed, failures };
}

/// Starts the servers and a browser, runs the tests and ends the process. What failed, and why, is said last.
export async function main(...servers) {
  const result = { passed: 0, failures: [] };
  try {
    for (const server of servers) await server.start();
    browser = await Browser.open();
    Object.assign(result, await runAll());
    await browser.close();
  } catch (error) {
    console.log(error.stack);
    result.failures.push(`FAILED  the suite: ${reason(error)}`);
  }
  for (const server of servers) {
    try {
      await server.end();
    } catch (error) {
      result.failures.push(`FAILED  the end of the server: ${reason(error)}`);
    }
  }
  const fine = result.passed > 0 && result.failures.length === 0;
  if (!fine) for (const server of servers) console.log(`the server said:\n${server.output.slice(-4000)}`);
  for (const line of result.failures) console.log(line);
  console.log(`${result.passed} passed, ${result.failures.length} failed`);
  process.exit(fine ? 0 : 1);
}
