// Motion on a wire: 52 expression weights and the body's rotations, 25 times a second, in packets of some tens of
// bytes that each can be read without any other. Specified in docs/motion-stream.md; the twin of streaming/motion/.

import {
  BitReader, BitWriter, CHANNELS, MotionStreamError, QUALITIES, chancesOf, codeResiduals, fromUnits, quantise, rebuild,
  stepSizes, toUnits,
} from "./motion-coder.js";

export { MotionStreamError };

export const VERSION = 1;
const HEADER_BYTES = 6;
const PACKET_MAX_BYTES = 4096;
const TICKS = 65536;
const STRIDE_MAX = 5;
const ECHOES_MAX = 7;
const ECHO_SPACING = 2;
const ECHO_COARSER = 3;
const HOLDS = 1;
const MADE = 2;
const ROUND_FIRST = 13;
const ROUND_LATER = 11;
const STRIDES = [1, 2, 4, 5];
const FINER_AGAIN = 4;
const TICKS_PER_S = 25;
const PARTS = { face: [0, 52], body: [52, 88], hands: [88, 98] };

/** The packet is of another version of the stream. */
export class MotionVersionError extends MotionStreamError {}

const rest = () => new Array(CHANNELS).fill(0);
const echoQuality = (quality) => Math.min(quality + ECHO_COARSER, QUALITIES - 1);

function readHeader(data) {
  if (!data.length) throw new MotionStreamError("an empty packet");
  const version = data[0] >> 4;
  if (version !== VERSION) throw new MotionVersionError(`a motion stream of version ${version}; this end speaks version ${VERSION}`);
  if (data.length < HEADER_BYTES || data.length > PACKET_MAX_BYTES) {
    throw new MotionStreamError(`a packet of ${data.length} bytes; it has ${HEADER_BYTES} to ${PACKET_MAX_BYTES}`);
  }
  const flags = data[0] & 15;
  const stride = (data[4] & 15) + 1;
  const echoes = data[5] & 15;
  if (flags & ~(HOLDS | MADE) || stride > STRIDE_MAX || echoes > ECHOES_MAX) {
    throw new MotionStreamError("the packet's header has values that version 1 does not know");
  }
  return {
    sequence: data[1], tick: data[2] * 256 + data[3], frames: (data[4] >> 4) + 1, stride, quality: data[5] >> 4, echoes,
    holds: Boolean(flags & HOLDS), table: flags & MADE ? 1 : 0,
  };
}

function writePacket(header, spans) {
  const writer = new BitWriter();
  codeResiduals(writer, chancesOf(header.table, header.quality), spans.map((rows) => rows.map((row) => [...row])));
  return Uint8Array.from([
    VERSION * 16 + (header.table ? MADE : 0) + (header.holds ? HOLDS : 0), header.sequence, header.tick >> 8, header.tick & 255,
    (header.frames - 1) * 16 + header.stride - 1, header.quality * 16 + header.echoes, ...writer.finish(),
  ]);
}

/** Read any bytes, in bounded time. Returns { header, frames, echoes }, Float32Arrays of 98 values. Throws MotionStreamError. */
export function readPacket(data) {
  const header = readHeader(data);
  const reader = new BitReader(data.subarray(HEADER_BYTES));
  const [first, later, echo] = [1, header.frames - 1, header.echoes].map((count) => Array.from({ length: count }, rest));
  codeResiduals(reader, chancesOf(header.table, header.quality), [first, later, echo]);
  if (reader.hasRest || (data.length > HEADER_BYTES && data.at(-1) === 0)) {
    throw new MotionStreamError("the packet goes on after its last frame");
  }
  const frames = rebuild(rest(), [...first, ...later], header.quality);
  const echoes = rebuild(frames[0], echo, echoQuality(header.quality));
  return { header, frames: frames.map(fromUnits), echoes: echoes.map(fromUnits) };
}

/** Echoes and frames in the order of time: [ticks after the packet's first frame, values]. */
export function timed({ header, frames, echoes }) {
  const past = echoes.map((row, i) => [-ECHO_SPACING * header.stride * (i + 1), row]).reverse();
  return [...past, ...frames.map((row, i) => [header.stride * i, row])];
}

const DEFAULTS = {
  packetTicks: 4, echoes: 4, finest: 6, coarsest: 10, targetBps: 8000, overheadBytes: 93, stillTicks: 12, keepaliveTicks: 25,
  parts: ["face", "body", "hands"],
};

/** Sends motion: push a frame each 40 ms, and send the packets that come back. */
export class MotionEncoder {
  #config;
  #threshold;
  #sent = new Array(CHANNELS).fill(0);
  #history;
  #rate;
  #tick;
  #sequence = 0;
  #waiting = [];
  #began = 0;
  #due = 0;
  #past = [];
  #anchor = rest();
  #still = 0;
  #held = -1;

  constructor(config = {}, tick = 0) {
    const unknown = Object.keys(config).filter((key) => !(key in DEFAULTS));
    if (unknown.length) throw new MotionStreamError(`no setting ${unknown}; there are: ${Object.keys(DEFAULTS)}`);
    this.#config = { ...DEFAULTS, ...config };
    for (const part of this.#config.parts) this.#sent.fill(1, ...PARTS[part]);
    this.#threshold = stepSizes(this.#config.finest);
    this.#history = (this.#config.echoes * ECHO_SPACING + this.#config.packetTicks) * STRIDES.at(-1);
    this.#rate = { quality: this.#config.finest, pace: 0, debt: 0 };
    this.#tick = tick;
  }

  /** Bytes around each packet, which rate control counts, too. */
  set overheadBytes(bytes) {
    this.#config.overheadBytes = bytes;
  }

  /** Past frames repeated in each packet; no more than at first. */
  set echoes(count) {
    this.#config.echoes = count;
  }

  /** Take the frame of the next tick: 98 weights and radians. Returns a packet, or null while one is being gathered. */
  push(motion) {
    const frame = toUnits(Array.from(motion, (value, channel) => Math.fround(value) * this.#sent[channel]));
    this.#watch(frame);
    const isStill = this.#held >= 0 || (!this.#waiting.length && this.#still >= this.#config.stillTicks);
    const packet = isStill ? this.#hold(frame) : this.#gather(frame);
    this.#past.push(frame);
    if (this.#past.length > this.#history) this.#past.shift();
    this.#tick += 1;
    return packet;
  }

  /** Send what waits, in a shorter packet; null when nothing does. */
  flush() {
    return this.#waiting.length ? this.#send(false) : null;
  }

  /** Let ticks pass in which nothing is known of the person. Returns what waited before them, or null. */
  skip(ticks) {
    const packet = this.flush();
    this.#tick += ticks;
    [this.#due, this.#past, this.#still, this.#held] = [0, [], 0, -1];
    return packet;
  }

  #watch(frame) {
    if (frame.every((value, channel) => Math.abs(value - this.#anchor[channel]) <= this.#threshold[channel])) {
      this.#still += 1;
    } else {
      [this.#still, this.#anchor, this.#held] = [0, frame, -1];
    }
  }

  #hold(frame) {
    if (this.#held < 0) this.#held = this.#tick;
    const since = this.#tick - this.#held;
    if (since !== 1 && since % this.#config.keepaliveTicks) return null;
    [this.#waiting, this.#began, this.#due] = [[frame], this.#tick, 0];
    return this.#send(true);
  }

  #gather(frame) {
    if (this.#tick < this.#due) return null;
    const stride = STRIDES[this.#rate.pace];
    if (!this.#waiting.length) this.#began = this.#tick;
    this.#waiting.push(frame);
    this.#due = this.#tick + stride;
    return this.#waiting.length * stride < this.#config.packetTicks ? null : this.#send(false);
  }

  #send(holds) {
    const frames = this.#waiting;
    const { quality, pace } = this.#rate;
    const stride = STRIDES[pace];
    const reach = this.#tick - this.#began;
    const echoes = [];
    for (let i = 1; i <= this.#config.echoes && reach + ECHO_SPACING * stride * i <= this.#past.length; i += 1) {
      echoes.push(this.#past.at(-(reach + ECHO_SPACING * stride * i)));
    }
    const [residuals, rebuilt] = quantise(frames, rest(), quality, ROUND_FIRST, ROUND_LATER);
    const [past] = quantise(echoes, rebuilt[0], echoQuality(quality), ROUND_LATER, ROUND_LATER);
    const spans = [residuals.slice(0, 1), residuals.slice(1), past];
    const header = {
      sequence: this.#sequence % 256, tick: this.#began % TICKS, frames: frames.length, stride, quality, echoes: echoes.length, holds,
    };
    const [tracked, made] = [0, 1].map((table) => writePacket({ ...header, table }, spans));
    const packet = made.length < tracked.length ? made : tracked;
    this.#sequence += 1;
    this.#waiting = [];
    this.#rate = afterPacket(this.#rate, this.#config, packet.length, holds ? this.#config.keepaliveTicks : frames.length * stride);
    return packet;
  }
}

/** Rate control: coarser steps first, then fewer frames, as long as more is sent than the line is given. */
function afterPacket(rate, config, bytes, ticks) {
  const budget = Math.floor((config.targetBps * ticks) / TICKS_PER_S);
  const sent = 8 * (bytes + config.overheadBytes);
  const debt = Math.max(-budget, Math.min(rate.debt + sent - budget, 4 * budget));
  const limit = Math.floor(budget / 4);
  if (debt > limit && sent > budget) return coarser({ ...rate, debt }, config);
  return debt < -limit ? finer({ ...rate, debt }, config) : { ...rate, debt };
}

function coarser(rate, config) {
  if (rate.quality < config.coarsest) return { ...rate, quality: rate.quality + 1 };
  return { ...rate, pace: Math.min(rate.pace + 1, STRIDES.length - 1) };
}

function finer(rate, config) {
  if (rate.pace && rate.quality + FINER_AGAIN <= config.coarsest) return { ...rate, pace: rate.pace - 1, quality: config.coarsest };
  if (rate.quality > config.finest) return { ...rate, quality: rate.quality - 1 };
  return { ...rate, pace: Math.max(rate.pace - 1, 0) };
}
