#!/usr/bin/env node
// Runs the Node-side suites against the programs of one build tree.
//
//   node tests/interop/run.mjs [--build build/release] [--only TEXT]… [--jobs N] [--slow N] [--sanitized] [--oracle] [--offline]
//
// --build      where tests/conformance/{engineio,socketio,interop}_server are; the npm packages go to BUILD/interop
// --only       only suites whose path contains TEXT
// --jobs       suites at once (2)
// --slow       stretches every deadline (1; 6 with --sanitized)
// --sanitized  a sanitizer build: memory is not measured. Assumed if the build tree is called asan or tsan
// --oracle     the programs are the official servers: cases where ours are stricter are skipped
// --offline    the npm packages are there already
// Prints a line a suite, everything about failed ones, and at the end "N passed, N failed". Exit status 1 if anything failed.
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const kSuiteLimit = 140_000;  // ms; what hangs longer than that is ended and counted as failed

function parse(args) {
  const options = { build: 'build/release', only: [], jobs: 2 };
  while (args.length) {
    const key = args.shift().replace(/^--/, '');
    if (['sanitized', 'oracle', 'offline'].includes(key)) options[key] = true;
    else if (key === 'only') options.only.push(args.shift());
    else if (['build', 'jobs', 'slow'].includes(key)) options[key] = args.shift();
    else throw new Error(`unknown option --${key}`);
  }
  options.build = resolve(options.build);
  options.sanitized ??= /^(asan|tsan)$/.test(basename(options.build));
  options.slow ??= options.sanitized ? 6 : 1;
  return options;
}

function run(program, args, options) {
  return new Promise((done) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const out = { text: '', code: null };
    const take = (part) => (out.text += part);
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    const timer = options.limit && setTimeout(() => { out.late = true; child.kill('SIGTERM'); }, options.limit);
    child.on('error', (error) => done({ ...out, code: 127, text: String(error) }));
    child.on('close', (code) => { clearTimeout(timer); done({ ...out, code }); });
  });
}

/** npm ci beside the build, and only when the lock file has changed. */
async function install(build, offline) {
  const modules = join(build, 'interop');
  const lock = readFileSync(join(here, 'package-lock.json'), 'utf8');
  const stamp = join(modules, 'installed.lock');
  if (offline || (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock)) return modules;
  mkdirSync(modules, { recursive: true });
  for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(here, name), join(modules, name));
  const { code, text } = await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: modules });
  if (code !== 0) throw new Error(`npm ci failed in ${modules}:\n${text}`);
  writeFileSync(stamp, lock);
  return modules;
}

function suites(only) {
  const found = ['tests/conformance', 'tests/interop'].flatMap((folder) =>
    readdirSync(join(root, folder)).filter((name) => name.endsWith('.test.mjs')).map((name) => join(folder, name)));
  return found.filter((path) => only.length === 0 || only.some((text) => path.includes(text)));
}

/** The counts at the end of a TAP stream. */
function counts(tap) {
  const of = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(tap)?.[1] ?? 0);
  return { passed: of('pass'), failed: of('fail') + of('cancelled'), skipped: of('skipped') };
}

async function suite(path, options, modules) {
  const scratch = mkdtempSync(join(tmpdir(), 'verdin-'));
  const tap = join(scratch, 'tap');
  const env = {
    ...process.env, VERDIN_BUILD: options.build, VERDIN_MODULES: modules, VERDIN_SLOW: String(options.slow),
    VERDIN_ORACLE: options.oracle ? '1' : '', VERDIN_SANITIZED: options.sanitized ? '1' : '', NODE_NO_WARNINGS: '1',
  };
  const args = ['--test-reporter=spec', '--test-reporter-destination=stdout', '--test-reporter=tap', `--test-reporter-destination=${tap}`, path];
  const start = Date.now();
  const { text, late } = await run(process.execPath, args, { cwd: root, env, limit: kSuiteLimit * options.slow });
  const result = { path, text, seconds: ((Date.now() - start) / 1000).toFixed(1), ...counts(existsSync(tap) ? readFileSync(tap, 'utf8') : '') };
  rmSync(scratch, { recursive: true });
  if (late || result.passed + result.failed + result.skipped === 0) result.failed++;
  return { ...result, late };
}

const options = parse(process.argv.slice(2));
const modules = await install(options.build, options.offline);
const waiting = suites(options.only);
const total = { passed: 0, failed: 0, skipped: 0 };
async function worker() {
  for (let path; (path = waiting.shift()); ) {
    const result = await suite(path, options, modules);
    for (const key of Object.keys(total)) total[key] += result[key];
    console.log(`${result.failed ? 'FAIL' : 'ok  '} ${relative('.', path)}: ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped, ${result.seconds} s${result.late ? ' (ended: too slow)' : ''}`);
    if (result.failed) console.log(result.text.slice(Math.max(0, result.late ? 0 : result.text.indexOf('✖ failing tests:'))));
  }
}
await Promise.all(Array.from({ length: Number(options.jobs) }, worker));
if (total.skipped) console.log(`${total.skipped} skipped`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed || !total.passed ? 1 : 0);
