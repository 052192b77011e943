// From one person's face to anybody's avatar: the twin of models/tracking/{neutral,smooth,retarget}.py, where the reasons are.

export const EXPRESSIONS = [
  "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight",
  "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight",
  "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen",
  "jawRight", "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel", "mouthLeft",
  "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker", "mouthRight", "mouthRollLower",
  "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight",
  "mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
];
export const CALIBRATION_FRAMES = 50;
const CHANNELS = 98;
const FPS = 25;
const HIGHEST = 0.6;
const GAINS = { eyeBlink: 1.35 };
const LIMITS = [20, 28, 20].map((degrees) => (degrees * Math.PI) / 180);
const HELD_FRAMES = 5;
const EYES_MOST = 22 / 30;
const LIDS_HIDE = 0.45;
const SHARES = { 3: 0.55, 2: 0.3, 1: 0.1, 0: 0.05 }; // head, neck, chest, spine

const index = (name) => EXPRESSIONS.indexOf(name);
const begins = (name, beginnings) => beginnings.some((beginning) => name.startsWith(beginning));
const RESTING = ["jawLeft", "jawRight", "mouthDimple", "mouthFrown", "mouthLeft", "mouthPress", "mouthRight", "mouthSmile", "mouthStretch"];
const isSpeech = EXPRESSIONS.map((name) => begins(name, ["jaw", "mouth", "tongue"]) && !begins(name, RESTING));
const gains = EXPRESSIONS.map((name) => Object.entries(GAINS).find(([beginning]) => name.startsWith(beginning))?.[1] ?? 1);
const SIDEWAYS = ["eyeLookOutLeft", "eyeLookInLeft", "eyeLookInRight", "eyeLookOutRight"].map(index);
const UPRIGHT = ["eyeLookDownLeft", "eyeLookUpLeft", "eyeLookDownRight", "eyeLookUpRight"].map(index);
const LIDS = [index("eyeBlinkLeft"), index("eyeBlinkRight")];
const isFast = EXPRESSIONS.map((name) => begins(name, ["jaw", "mouth", "eyeBlink", "tongue"]));
const CUTOFF_HZ = [...isFast.map((fast) => (fast ? 6 : 1.5)), 1.5, 1.5, 1.5];
const SPEED_HZ = [...isFast.map((fast) => (fast ? 40 : 2)), 30, 30, 30];
const DERIVATIVE_HZ = 4;

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const share = (cutoffHz) => 1 / (1 + FPS / (2 * Math.PI * cutoffHz));
const median = (values) => {
  const ordered = values.toSorted((a, b) => a - b);
  const middle = ordered.length >> 1;
  return ordered.length % 2 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
};

// Rotations are 3 × 3 matrices in rows, nine numbers.
const transposed = (m) => [m[0], m[3], m[6], m[1], m[4], m[7], m[2], m[5], m[8]];
const product = (a, b) => Array.from({ length: 9 }, (_, i) => [0, 1, 2].reduce((sum, k) => sum + a[3 * Math.floor(i / 3) + k] * b[3 * k + (i % 3)], 0));

/** Axis-angle vector of a rotation of less than half a turn. */
export function turnOf(m) {
  const axis = [m[7] - m[5], m[2] - m[6], m[3] - m[1]];
  const sine = Math.hypot(...axis) / 2;
  const angle = Math.atan2(sine, (m[0] + m[4] + m[8] - 1) / 2);
  return axis.map((part) => (sine < 1e-9 ? part / 2 : (part / 2) * (angle / sine)));
}

function matrixOf(turn) {
  const angle = Math.hypot(...turn);
  const [x, y, z] = turn.map((part) => (angle < 1e-12 ? 0 : part / angle));
  const [s, c] = [Math.sin(angle), Math.cos(angle)];
  const t = 1 - c;
  return [
    t * x * x + c, t * x * y - s * z, t * x * z + s * y, t * x * y + s * z, t * y * y + c, t * y * z - s * x,
    t * x * z - s * y, t * y * z + s * x, t * z * z + c,
  ];
}

function neutralOf(faces) {
  const expression = EXPRESSIONS.map((_, i) => (isSpeech[i] ? 0 : Math.min(median(faces.map((face) => face.expression[i])), HIGHEST)));
  const first = faces[faces.length >> 1].rotation;
  const turns = faces.map((face) => turnOf(product(transposed(first), face.rotation)));
  return { expression, rotation: product(first, matrixOf([0, 1, 2].map((axis) => median(turns.map((turn) => turn[axis]))))) };
}

/** One step for each frame of 40 ms. A face is { expression: 52 weights, rotation: head to camera }, or null. */
export class Retarget {
  constructor() {
    this.reset();
  }

  /** Learn the resting face anew. */
  reset() {
    [this.seen, this.neutral, this.count, this.missing, this.gaze] = [[], null, 0, 0, [0, 0]];
    [this.values, this.speeds, this.shown] = [null, null, new Float32Array(CHANNELS)];
  }

  /** Part of the calibration that is done. */
  get calibrated() {
    return this.count / CALIBRATION_FRAMES;
  }

  /** Returns { motion, trust }: 98 values, and "tracked", "held" or "lost". */
  step(face) {
    if (!face) {
      this.missing += 1;
      return { motion: this.shown, trust: this.missing <= HELD_FRAMES && this.neutral ? "held" : "lost" };
    }
    this.missing = 0;
    this.#learn(face);
    this.shown = this.#map(face);
    return { motion: this.shown, trust: "tracked" };
  }

  #learn(face) {
    if (this.count === CALIBRATION_FRAMES) return;
    this.seen.push(face);
    this.neutral = neutralOf(this.seen);
    this.count += 1;
    if (this.count === CALIBRATION_FRAMES) this.seen = [];
  }

  #map(face) {
    const { expression, rotation } = this.neutral;
    const weights = face.expression.map((weight, i) => clamp(((weight - expression[i]) / (1 - expression[i])) * gains[i], 0, 1));
    if ((face.expression[LIDS[0]] + face.expression[LIDS[1]]) / 2 <= LIDS_HIDE) this.gaze = this.#look(face);
    const [left, down] = this.gaze;
    [left, -left, left, -left].forEach((weight, i) => (weights[SIDEWAYS[i]] = Math.max(weight, 0)));
    [down, -down, down, -down].forEach((weight, i) => (weights[UPRIGHT[i]] = Math.max(weight, 0)));
    const turn = turnOf(product(transposed(rotation), face.rotation)).map((part, axis) => LIMITS[axis] * Math.tanh(part / LIMITS[axis]));
    const values = this.#smooth([...weights, ...turn]);
    const motion = new Float32Array(CHANNELS);
    motion.set(values.slice(0, 52));
    for (const [joint, part] of Object.entries(SHARES)) {
      for (let axis = 0; axis < 3; axis += 1) motion[52 + 3 * joint + axis] = part * values[52 + axis];
    }
    return motion;
  }

  /** Where both eyes look together, against where they look at rest: left and down, signed. */
  #look(face) {
    const apart = (i) => face.expression[i] - this.neutral.expression[i];
    const [outLeft, inLeft, inRight, outRight] = SIDEWAYS.map(apart);
    const [downLeft, upLeft, downRight, upRight] = UPRIGHT.map(apart);
    return [(outLeft - inLeft + inRight - outRight) / 2, (downLeft - upLeft + downRight - upRight) / 2].map((weight) => clamp(weight, -EYES_MOST, EYES_MOST));
  }

  #smooth(values) {
    if (!this.values) {
      [this.values, this.speeds] = [values, values.map(() => 0)];
      return values;
    }
    this.speeds = this.speeds.map((speed, i) => speed + share(DERIVATIVE_HZ) * ((values[i] - this.values[i]) * FPS - speed));
    this.values = this.values.map((value, i) => value + share(CUTOFF_HZ[i] + SPEED_HZ[i] * Math.abs(this.speeds[i])) * (values[i] - value));
    return this.values;
  }
}
