// Starts a server under test, knows its port, stops it and insists on a clean end.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { within } from './wait.mjs';

/** The official server stands in for ours (to check the tests themselves): cases where ours is to be stricter are left out. */
export const oracle = process.env.VERDIN_ORACLE === '1';
/** Memory and speed say nothing under a sanitizer. */
export const sanitized = process.env.VERDIN_SANITIZED === '1';

/** A case that the official server fails. `reason` may name the row of the table of known failures. */
export function strict(name, options, fn) {
  if (typeof options === 'function') [options, fn] = [{}, options];
  return it(name, { ...options, skip: (oracle && 'stricter than the official server') || options.skip }, fn);
}

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
process.on('SIGTERM', () => process.exit(143));  // the runner's patience is over

function command(name) {
  const given = process.env[`VERDIN_${name.toUpperCase()}`];
  if (given) return given.split(' ');
  const build = process.env.VERDIN_BUILD;
  if (!build) throw new Error('VERDIN_BUILD is not set: run the suites with tests/interop/run.mjs');
  return [name === 'verdin-chat' ? join(build, 'apps', 'chat', name) : join(build, 'tests', 'conformance', name)];
}

const flags = (options) => Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)]);

/** A program that ends by itself: resolves once it has, with status 0 and nothing that a sanitizer complained about. */
export function run_program(name, options = {}) {
  const [program, ...before] = command(name);
  const child = spawn(program, [...before, ...flags(options)], { stdio: ['ignore', 'ignore', 'pipe'] });
  running.add(child);
  let errors = '';
  child.stderr.on('data', (chunk) => (errors = (errors + chunk).slice(-200_000)));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      running.delete(child);
      if (code !== 0 || /Sanitizer|runtime error:/.test(errors)) reject(new Error(`${name} ended with ${code ?? signal}\n${errors}`));
      resolve();
    });
  });
}

export class Server {
  /** options: {"ping-interval": 300} becomes --ping-interval 300. The port is free unless given. */
  static async start(name, options = {}) {
    const server = new Server();
    const [program, ...before] = command(name);
    server.child = spawn(program, [...before, ...flags({ port: 0, ...options })], { stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(server.child);
    // A test that failed and left its server behind must not keep the suite from ending.
    for (const handle of [server.child, server.child.stdout, server.child.stderr]) handle.unref();
    server.errors = '';
    server.child.stderr.on('data', (chunk) => (server.errors = (server.errors + chunk).slice(-200_000)));
    server.exited = new Promise((resolve) =>
      server.child.once('exit', (code, signal) => {
        running.delete(server.child);
        server.over = { code, signal };
        resolve(server.over);
      }),
    );
    let text = '';
    const ready = new Promise((resolve, reject) => {
      server.child.once('error', reject);
      server.exited.then(({ code, signal }) =>
        reject(new Error(`${name} ended at once (${code ?? signal}): ${server.errors}`)),
      );
      server.child.stdout.on('data', (chunk) => {
        text += chunk;
        const found = /^(?:listening on |chat is on http:\/\/)127\.0\.0\.1:(\d+)\/?$/m.exec(text);
        if (found) resolve(Number(found[1]));
      });
    });
    server.port = await within(ready, `${name} to listen`, 20_000);
    server.host = `127.0.0.1:${server.port}`;
    server.http = `http://${server.host}`;
    server.ws = `ws://${server.host}`;
    return server;
  }

  get pid() {
    return this.child.pid;
  }
  get alive() {
    return !this.over;
  }

  /** Resident octets that are this process's own. */
  rss() {
    const text = readFileSync(`/proc/${this.pid}/smaps_rollup`, 'utf8');
    return 1024 * [...text.matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB$/gm)].reduce((sum, hit) => sum + Number(hit[1]), 0);
  }

  /** The most octets that were ever resident. */
  peak() {
    return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))[1]);
  }

  /** Milliseconds of CPU that its first thread, the hub, has taken. */
  cpu() {
    return Number(readFileSync(`/proc/${this.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  }

  kill() {
    this.child.kill('SIGKILL');
    return within(this.exited, 'the killed server to be gone');
  }

  /** SIGTERM, then: exit status 0 in good time and nothing that a sanitizer complained about. */
  async stop(signal = 'SIGTERM') {
    if (this.over) throw new Error(`the server had died: ${JSON.stringify(this.over)}\n${this.errors}`);
    this.child.kill(signal);
    const { code, signal: by } = await within(this.exited, `the server to exit after ${signal}`);
    if (code !== 0) throw new Error(`the server ended with ${code ?? by} after ${signal}\n${this.errors}`);
    if (/Sanitizer|runtime error:/.test(this.errors)) throw new Error(this.errors);
  }
}
