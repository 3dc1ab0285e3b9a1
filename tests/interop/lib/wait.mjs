// Waiting without sleeping: every wait names what it waits for and has a deadline.
//
// VERDIN_SLOW stretches all deadlines (sanitizer builds, valgrind). A deadline is never part of what a test asserts, unless
// it says so: it only turns a hang into a failure that can be read.

export const slow = Number(process.env.VERDIN_SLOW || 1);
const kPatience = 20_000;

/** The promise's outcome, or an error that says what did not happen in time. */
export function within(promise, what, ms = kPatience) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms * slow} ms for ${what}`)), ms * slow);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Arguments of the next `event` of an emitter. */
export function event(emitter, name, ms = kPatience) {
  return within(new Promise((resolve) => emitter.once(name, (...args) => resolve(args))), `event "${name}"`, ms);
}

/** For state that announces no change (another process, /proc): asks again until `check` holds, returns its value. */
export async function until(check, what, ms = kPatience) {
  const end = Date.now() + ms * slow;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${ms * slow} ms for ${what}`);
    await pause(10);
  }
}

/** Only for pacing (a slow client, a polling check) and for inputs that are defined by time; never to let something happen. */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** For peers who must be quick (a pong within 200 ms) on a machine that may be busy: the last of three attempts counts. */
export async function thrice(work) {
  for (let i = 0; i < 2; i++) {
    try {
      return await work();
    } catch {
      // again
    }
  }
  return work();
}

/** A queue that one side fills and the other awaits. */
export class Channel {
  constructor(name) {
    this.name = name;
    this.items = [];
    this.takers = [];
    this.ended = null;
  }
  push(item) {
    const taker = this.takers.shift();
    if (taker) taker.resolve(item);
    else this.items.push(item);
  }
  end(why) {
    this.ended ??= new Error(`${this.name}: ${why}`);
    for (const taker of this.takers.splice(0)) taker.reject(this.ended);
  }
  next(ms = kPatience) {
    if (this.items.length) return Promise.resolve(this.items.shift());
    if (this.ended) return Promise.reject(this.ended);
    const taker = {};
    const promise = new Promise((resolve, reject) => Object.assign(taker, { resolve, reject }));
    this.takers.push(taker);
    return within(promise, `something on ${this.name}`, ms).catch((error) => {
      this.takers = this.takers.filter((other) => other !== taker);
      throw error;
    });
  }
}
