// Channels, range coder and residuals of the motion stream (docs/motion-stream.md): the twin of
// streaming/motion/{channels,coder,residuals,tables}.py. Whole numbers alone, so that both agree bit for bit.

import TABLES from "./motion-tables.js";

/** The bytes are no packet of this stream; the message says why. */
export class MotionStreamError extends Error {}

export const CHANNELS = 98;
const WEIGHTS = 52;
const WEIGHT_UNITS = 1024;
const RADIAN_UNITS = 2048;
const LARGEST_TURN = 6434;
const GROUPS = 8;
const COARSENESS = [8, 12, 14, 20, 4, 8, 16, 64];
const STEPS = [8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256, 362, 512, 724, 1024, 1448];
export const QUALITIES = STEPS.length;

// Groups: lips 0, mouth 1, eyes 2, brows 3, head 4, trunk 5, arms 6, fingers 7.
const GROUP = [..."33333333222222222233331101011110100000100110000003315555554444445555556666666666666666667777777777"].map(Number);
const PARENT = [
  -1, 0, 1, 2, 3, 4, 5, 6, -1, 8, 9, 10, 11, 12, 13, 12, 15, 16, 7, 18, 19, 20, -1, 22, -1, 23, 24, 25, 27, 28, 29, 26,
  30, 31, 33, 34, 35, 36, 32, 37, 39, 38, 41, 40, 43, 44, 45, 46, 47, 21, 49, 42, -1, 52, 53, 54, 55, 56, -1, 58, 59,
  60, 61, 62, 57, 64, 65, 64, 65, 66, -1, 70, 71, 70, 71, 72, 75, 76, 77, 76, 77, 78, 81, 82, 83, 82, 83, 84, -1, 88,
  89, 90, 91, 88, 89, 90, 91, 92,
];

const scaleOf = (channel) => (channel < WEIGHTS ? WEIGHT_UNITS : RADIAN_UNITS);
const clamp = (channel, units) =>
  channel < WEIGHTS ? Math.min(Math.max(units, 0), WEIGHT_UNITS) : Math.min(Math.max(units, -LARGEST_TURN), LARGEST_TURN);

/** Each channel's quantiser step in units. */
export function stepSizes(quality) {
  return GROUP.map((group) => Math.max(1, (STEPS[quality] * COARSENESS[group] + 16) >> 5));
}

/** Motion (weights and radians) in units; what is no number becomes 0. */
export function toUnits(motion) {
  return Array.from(motion, (value, channel) => {
    const scaled = Math.fround(value) * scaleOf(channel);
    return Number.isNaN(scaled) ? 0 : clamp(channel, Math.floor(scaled + 0.5));
  });
}

/** Units as a Float32Array of weights and radians; exact. */
export function fromUnits(units) {
  return Float32Array.from(units, (value, channel) => value / scaleOf(channel));
}

/** Add residuals up, each row to the one before. */
export function rebuild(before, rows, quality) {
  const steps = stepSizes(quality);
  return rows.map((row) => (before = before.map((value, channel) => clamp(channel, value + row[channel] * steps[channel]))));
}

/** Residuals of rows of units, each against the one before as it is read back, and those rows. */
export function quantise(rows, before, quality, rounding, roundingLater) {
  const steps = stepSizes(quality);
  const residuals = [];
  const rebuilt = [];
  for (const row of rows) {
    const residual = row.map((value, channel) => {
      const step = steps[channel];
      const count = Math.floor((Math.abs(value - before[channel]) + ((rounding * step) >> 5)) / step);
      return value >= before[channel] ? count : -count;
    });
    [before] = rebuild(before, [residual], quality);
    residuals.push(residual);
    rebuilt.push(before);
    rounding = roundingLater;
  }
  return [residuals, rebuilt];
}

const TOP = 2 ** 24;
const FULL = 2 ** 32;

function adapt(chances, index, bit) {
  const chance = chances[index];
  chances[index] = bit ? chance - (chance >> 5) : chance + ((65536 - chance) >> 5);
}

export class BitWriter {
  #low = 0;
  #range = FULL - 1;
  #bytes = [];

  bit(chances, index, bit) {
    this.#narrow((this.#range >>> 12) * (chances[index] >> 4), bit);
    adapt(chances, index, bit);
    return bit;
  }

  plain(bit) {
    this.#narrow(this.#range >>> 1, bit);
    return bit;
  }

  #narrow(bound, bit) {
    if (bit) {
      this.#low += bound;
      this.#range -= bound;
    } else {
      this.#range = bound;
    }
    while (this.#range < TOP) {
      this.#shift();
      this.#range *= 256;
    }
  }

  #shift() {
    if (this.#low >= FULL) {
      let at = this.#bytes.length - 1;
      while (this.#bytes[at] === 255) this.#bytes[at--] = 0;
      this.#bytes[at] += 1;
      this.#low -= FULL;
    }
    this.#bytes.push(Math.floor(this.#low / TOP));
    this.#low = (this.#low % TOP) * 256;
  }

  /** The shortest bytes that read back as what was written. */
  finish() {
    const highest = this.#low + this.#range - 1;
    for (const unit of [TOP, 2 ** 16, 2 ** 8, 1]) {
      const value = highest - (highest % unit);
      if (value >= this.#low) {
        this.#low = value;
        break;
      }
    }
    for (let i = 0; i < 4; i += 1) this.#shift();
    while (this.#bytes.at(-1) === 0) this.#bytes.pop();
    return this.#bytes;
  }
}

export class BitReader {
  #data;
  #at = 4;
  #range = FULL - 1;
  #code;

  constructor(data) {
    this.#data = data;
    this.#code = [0, 1, 2, 3].reduce((code, at) => code * 256 + (data[at] ?? 0), 0);
    if (this.#code === FULL - 1) throw new MotionStreamError("the packet begins with bytes that no writer makes");
  }

  get hasRest() {
    return this.#at < this.#data.length;
  }

  bit(chances, index) {
    const bit = this.#narrow((this.#range >>> 12) * (chances[index] >> 4));
    adapt(chances, index, bit);
    return bit;
  }

  plain() {
    return this.#narrow(this.#range >>> 1);
  }

  #narrow(bound) {
    const bit = this.#code >= bound ? 1 : 0;
    if (bit) {
      this.#code -= bound;
      this.#range -= bound;
    } else {
      this.#range = bound;
    }
    while (this.#range < TOP) {
      // Always below 2³²: the code stays below the range.
      this.#code = this.#code * 256 + (this.#data[this.#at] ?? 0);
      this.#range *= 256;
      this.#at += 1;
    }
    return bit;
  }
}

const SPANS = 3;
const UNARY = 12;
const GOLOMB = 14;
const ZERO = 3 * SPANS * CHANNELS;
const SIGN = ZERO + 9 * SPANS * GROUPS;
const SIZE = SIGN + 9 * SPANS * GROUPS;

const BANDS = [5, 8, 11];
const CHANCES = ["tracked", "made"].map((name) =>
  TABLES[name].map((band) => band.join("").match(/../g).map((hex) => 256 * Number.parseInt(hex, 16) + 128)));

/** A fresh list of chances in 1/65536, for one packet. */
export function chancesOf(table, quality) {
  return [...CHANCES[table][BANDS.filter((first) => quality >= first).length]];
}

/** Write the spans' rows of residuals (first frame, later frames, echoes), or read into them. */
export function codeResiduals(coder, chances, spans) {
  for (let channel = 0; channel < CHANNELS; channel += 1) {
    spans.forEach((rows, span) => {
      if (rows.length) codeChannel(coder, chances, channel, span, rows);
    });
  }
}

function codeChannel(coder, chances, channel, span, rows) {
  const parent = PARENT[channel];
  const moved = parent < 0 ? 0 : rows.some((row) => row[parent]) ? 2 : 1;
  const moves = rows.some((row) => row[channel]) ? 1 : 0;
  if (!coder.bit(chances, 3 * (SPANS * channel + span) + moved, moves)) return;
  const place = SPANS * GROUP[channel] + span;
  let before = 0;
  for (const row of rows) {
    const above = parent < 0 ? 0 : row[parent];
    before = row[channel] = codeValue(coder, chances, place, row[channel], before, above, rows.length === 1);
  }
}

function codeValue(coder, chances, place, value, before, above, isSure) {
  const near = 3 * Math.min(Math.abs(before), 2) + Math.min(Math.abs(above), 2);
  if (!isSure && !coder.bit(chances, ZERO + 9 * place + near, value ? 1 : 0)) return 0;
  const ways = 3 * way(before) + way(above);
  const isNegative = coder.bit(chances, SIGN + 9 * place + ways, value < 0 ? 1 : 0);
  let size = 1;
  while (size <= UNARY && coder.bit(chances, SIZE + UNARY * place + size - 1, Math.abs(value) > size ? 1 : 0)) size += 1;
  if (size > UNARY) size += codeRest(coder, Math.abs(value) - size);
  return isNegative ? -size : size;
}

const way = (value) => (value === 0 ? 0 : value > 0 ? 1 : 2);

/** A number from 0 on in Exp-Golomb of order 0; a reader passes any number. */
function codeRest(coder, rest) {
  const number = Math.max(rest, 0) + 1;
  const length = 31 - Math.clz32(number);
  let bits = 0;
  while (bits < GOLOMB && coder.plain(bits < length ? 1 : 0)) bits += 1;
  let read = 1;
  for (let shift = bits - 1; shift >= 0; shift -= 1) read = 2 * read + coder.plain((number >> shift) & 1);
  return read - 1;
}
