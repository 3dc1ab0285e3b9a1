// Random input that can be had again: numbers from a seed, octets that are nearly right, packets that obey a grammar loosely.
import { frame, kOpcode } from './raw.mjs';

/** A small generator (mulberry32): what Math.random() gives cannot be repeated. */
export class Dice {
  constructor(seed) {
    this.state = seed >>> 0;
  }
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }
  /** 0…n−1 */
  below(n) {
    return this.next() % n;
  }
  chance(percent) {
    return this.below(100) < percent;
  }
  of(list) {
    return list[this.below(list.length)];
  }
  octets(n) {
    return Buffer.from(Array.from({ length: n }, () => this.below(256)));
  }
  /** Mostly small, now and then large. */
  size(most) {
    return this.below(this.chance(90) ? Math.min(most, 40) : most) + 1;
  }
}

const kTokens = ['\r\n', '\r\n\r\n', '\n', '\r', '\0', ' ', ':', ';', ',', '-', '"', '\\', '[', '{', '[['.repeat(300), '4', '40', '5', '6', '\x1e', 'b', '\xff', '\xc0\x80', '\xed\xa0\x80', '%', '%00', '..', '/', '?', '&', '=',
  '18446744073709551616', '-1', '0x10', '1e99', '99999999999999999999-', '451-', '0\r\n\r\n', 'chunked', 'Content-Length: 7\r\n', 'Transfer-Encoding: chunked\r\n', 'Expect: 100-continue\r\n', 'Upgrade: websocket\r\n', 'Host: x\r\n', 'HTTP/1.1', 'GET / HTTP/1.1\r\n',
  '{"_placeholder":true,"num":0}', '{"_placeholder":true,"num":-1}', '__proto__', 'constructor', '\\ud800', '\\u0000', '💥'].map((text) => Buffer.from(text, 'latin1'));

/** `octets` with a few accidents. */
export function mutated(dice, octets) {
  let out = Buffer.from(octets);
  for (let i = dice.below(4); i >= 0; i--) {
    const at = dice.below(out.length + 1);
    const end = Math.min(out.length, at + dice.size(200));
    const [before, part, behind] = [out.subarray(0, at), out.subarray(at, end), out.subarray(end)];
    switch (dice.below(9)) {
      case 0:
        if (part.length) part[0] ^= 1 << dice.below(8);
        break;
      case 1:
        if (part.length) part[0] = dice.below(256);
        break;
      case 2:
        out = Buffer.concat([before, dice.octets(dice.size(100)), part, behind]);
        break;
      case 3:
        out = Buffer.concat([before, dice.of(kTokens), part, behind]);
        break;
      case 4:
        out = Buffer.concat([before, dice.of(kTokens), behind]);
        break;
      case 5:
        out = Buffer.concat([before, behind]);
        break;
      case 6:
        out = Buffer.concat([before, ...Array(dice.size(50)).fill(part), behind]);
        break;
      case 7:
        out = Buffer.concat([behind, part, before]);
        break;
      default:
        if (dice.chance(30)) out = Buffer.from(before);
    }
  }
  return out;
}

/** One in three is left as it is: what is broken must meet what is whole. */
export const perhaps_mutated = (dice, octets) => (dice.chance(33) ? Buffer.from(octets) : mutated(dice, octets));

function json(dice, depth = 0) {
  const kind = dice.below(depth > 4 ? 8 : 11);
  const list = () => Array.from({ length: dice.below(4) }, () => json(dice, depth + 1)).join(',');
  switch (kind) {
    case 0: return 'null';
    case 1: return dice.of(['true', 'false']);
    case 2: return String(dice.below(1000));
    case 3: return dice.of(['-0', '1e400', '-1.5e-3', '18446744073709551615', '9007199254740993', '1.', '01', 'NaN']);
    case 4: return JSON.stringify('x'.repeat(dice.size(3000)));
    case 5: return dice.of(['"\\u0000"', '"\\ud83d\\ude42"', '"\\ud800"', '"\u2028"', '"h\u00e9"', '""', '"lobby"', '"']);
    case 6: return `{"_placeholder":true,"num":${dice.of(['0', '1', '2', '-1', '0.5', '"0"', 'null'])}}`;
    case 7: return dice.chance(10) ? '['.repeat(dice.size(5000)) : '[]';
    case 8: return `[${list()}]`;
    default: return `{${Array.from({ length: dice.below(4) }, () => `${JSON.stringify(dice.of(['a', '__proto__', 'token', 'nick', '']))}:${json(dice, depth + 1)}`).join(',')}}`;
  }
}

/** A Socket.IO packet, the Engine.IO type in front; `events` are names that the server knows. */
export function packet(dice, nsps, events) {
  const nsp = dice.of([...nsps, ...nsps, '/nowhere']);
  const where = nsp === '/' ? '' : `${nsp}${dice.chance(95) ? ',' : ''}`;
  const id = dice.chance(50) ? String(dice.below(100)) : '';
  const event = JSON.stringify(dice.chance(80) ? dice.of(events) : dice.of(['disconnect', 'connect_error', 'error', '', '__proto__', 'newListener']));
  const args = Array.from({ length: dice.below(4) }, () => `,${json(dice)}`).join('');
  switch (dice.below(12)) {
    case 0: return `40${where}${dice.chance(50) ? json(dice) : ''}`;
    case 1: return `41${where}`;
    case 2: return `43${where}${id}[${json(dice)}]`;
    case 3: return `45${dice.below(4)}-${where}${id}[${event},{"_placeholder":true,"num":0}${args}]`;
    case 4: return `46${dice.below(4)}-${where}${id}[${json(dice)}]`;
    case 5: return dice.of(['1', '2', '2probe', '3', '3probe', '5', '6', '44{"message":"x"}', '4', '7', 'b', 'bAAEC', 'b!']);
    default: return `42${where}${id}[${event}${args}]`;
  }
}

/** A WebSocket frame of `data`, or two halves of it, correct or not. */
export function frames(dice, data) {
  const { text, binary, continuation, ping, close } = kOpcode;
  const payload = Buffer.from(data);
  switch (dice.below(12)) {
    case 0: return frame(dice.below(16), payload, { fin: dice.chance(70), rsv: dice.below(8), mask: dice.chance(50) });
    case 1: return frame(text, payload, { claim: dice.of([0n, 125n, 126n, 65535n, 65536n, 1000001n, 2n ** 63n, 2n ** 64n - 1n]), form: 64 });
    case 2: return frame(ping, payload.subarray(0, dice.below(140)));
    case 3: return frame(close, dice.octets(dice.below(6)));
    case 4: return frame(binary, dice.octets(dice.size(2000)));
    case 5: {
      const middle = dice.below(payload.length + 1);
      const between = dice.chance(30) ? [frame(ping, 'x')] : [];
      return Buffer.concat([frame(text, payload.subarray(0, middle), { fin: false }), ...between, frame(continuation, payload.subarray(middle))]);
    }
    default: return frame(text, payload);
  }
}
