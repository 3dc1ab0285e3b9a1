// Somebody who has done nothing wrong: asks and is answered, without a pause, as long as a suite runs. Whatever a bad peer gets,
// this one must not notice.
import assert from 'node:assert/strict';
import { Socket } from './engine.mjs';
import { pause, slow, until } from './wait.mjs';

const kPatience = 2_000 * slow;  // ms for one answer; generous, because the machine may be busy with builds

export class Canary {
  /**
   * song: path; join, packets sent first; call(id) and reply(id), the packet that asks and how the answer begins; alone, whether
   * anything but the answer is a fault (rooms may be shared: there others are heard as well).
   */
  static async watch(server, song) {
    const canary = new Canary();
    Object.assign(canary, { count: 0, worst: 0 });
    canary.socket = await Socket.open(server, song.path);
    for (const text of song.join) {
      canary.socket.send(text);
      if (song.alone) await canary.socket.next();
    }
    canary.work = canary.run(song).catch((error) => (canary.error = error));
    return canary;
  }
  async run({ call, reply, alone }) {
    while (!this.stopped) {
      const start = Date.now();
      const id = this.count++;
      this.socket.send(call(id));
      for (let heard; !heard?.startsWith(reply(id)); ) {
        assert.ok(!alone || heard === undefined, `an innocent client heard ${heard}`);
        heard = String(await this.socket.next());
      }
      this.worst = Math.max(this.worst, Date.now() - start);
      await pause(5);
    }
  }
  /** Two answers from now on must come. */
  async sings() {
    const goal = this.count + 2;
    await until(() => this.error || this.count > goal, 'the canary to sing');
    if (this.error) throw this.error;
    assert.ok(this.worst <= kPatience, `an innocent client had to wait ${this.worst} ms`);
  }
  async stop() {
    this.stopped = true;
    await this.work;
    this.socket.cut();
    if (this.error) throw this.error;
  }
}
