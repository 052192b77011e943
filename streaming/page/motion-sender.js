// What the camera sees becomes packets: one frame of motion for each tick of 40 ms, whatever the camera's own rate.

import { MotionEncoder } from "./motion.js";

const TICK_MS = 40;
const GAP_TICKS = 5;
const RATE_MS = 4000;
const ECHOES = 4;
const RIDING_ECHOES = 2; // a lost packet that rides comes again sooner than its echoes

/** Give it poses and their times; it sends packets over the line, a `Call`. */
export class MotionSender {
  constructor(line, nowMs) {
    this.line = line;
    this.encoder = new MotionEncoder();
    this.beginMs = nowMs;
    this.tick = 0;
    this.before = null;
    this.sent = [];
  }

  /** Take a pose of 98 values that was seen at `atMs`; null while nothing is known. */
  push(motion, atMs) {
    const due = Math.floor((atMs - this.beginMs) / TICK_MS) + 1;
    [this.encoder.overheadBytes, this.encoder.echoes] = [this.line.motionOverheadBytes, this.line.voiceCarries ? RIDING_ECHOES : ECHOES];
    if (!motion) {
      this.before = null;
      this.#skip(due - this.tick, atMs);
      return;
    }
    if (!this.before || due - this.tick > GAP_TICKS) this.#skip(due - this.tick - 1, atMs);
    while (this.tick < due) {
      // A tick between two pictures of the camera has something of both.
      const tickMs = this.beginMs + this.tick * TICK_MS;
      const { before } = this;
      const part = before ? Math.min(1, Math.max(0, (tickMs - before.atMs) / Math.max(1, atMs - before.atMs))) : 1;
      this.tick += 1;
      this.#give(this.encoder.push(before ? motion.map((value, i) => before.motion[i] + part * (value - before.motion[i])) : motion), atMs);
    }
    // A packet of its own for each look where it costs no headers; else it waits until it is full.
    if (this.line.voiceCarries) this.#give(this.encoder.flush(), atMs);
    this.before = { motion, atMs };
  }

  /** kbit/s on the wire lately, all headers counted. */
  kbps(nowMs) {
    this.sent = this.sent.filter(({ atMs }) => nowMs - atMs < RATE_MS);
    return this.sent.reduce((sum, { bytes }) => sum + 8 * bytes, 0) / RATE_MS;
  }

  /** By how many milliseconds motion leaves later than it was seen, at the least lately; null where none left. */
  lagMs() {
    return this.sent.length ? Math.min(...this.sent.map(({ lagMs }) => lagMs)) : null;
  }

  #skip(ticks, atMs) {
    if (ticks <= 0) return;
    this.#give(this.encoder.skip(ticks), atMs);
    this.tick += ticks;
  }

  #give(packet, atMs) {
    if (!packet) return;
    const lastMs = this.beginMs + (this.tick - 1) * TICK_MS;
    this.line.sendMotion(packet, (bytes, leftMs) => this.sent.push({ atMs, lagMs: leftMs - lastMs, bytes }));
  }
}
