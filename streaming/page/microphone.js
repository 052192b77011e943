// The visitor's microphone: permission, device, level, open or push-to-talk.

import { $ } from "./dom.js";

const LEVEL_FLOOR_DB = -60;
const LEVEL_MS = 80;
const LEVEL_STEPS = 12; // each step repaints, which costs without a GPU
const LABELS = {
  none: "No microphone",
  off: "Microphone off",
  on: "Microphone on",
  talk: "Hold to talk",
  held: "Listening, let go to send",
};

/** Sound still on its way when the key comes up; what was said last must not be cut off. */
const TAIL_MS = 140;

export class Microphone extends EventTarget {
  /** `without` says what is left where there is no microphone. */
  constructor(without = "You can type instead.") {
    super();
    this.without = without;
    this.mode = localStorage.getItem("visavis-mic-mode") ?? "open";
    this.deviceId = localStorage.getItem("visavis-mic") ?? "";
    this.muted = false;
    this.held = false;
    this.problem = null;
    this.stream = null;
    this.onlevel = () => {};
  }

  get track() {
    return this.stream?.getAudioTracks()[0] ?? null;
  }

  /** One of `none`, `off`, `on`, `talk`, `held`. */
  get state() {
    if (!this.track) return "none";
    if (this.mode === "talk") return this.held ? "held" : "talk";
    return this.muted ? "off" : "on";
  }

  /** Ask for the microphone. Returns its track, or null with the reason in `problem`. */
  async open() {
    this.close();
    this.problem = null;
    if (!navigator.mediaDevices?.getUserMedia) {
      this.problem = `Browsers give microphones to HTTPS pages only. ${this.without}`;
      return null;
    }
    const wish = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
    try {
      const audio = this.deviceId ? { ...wish, deviceId: this.deviceId } : wish;
      this.stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      this.problem = `${explain(error)} ${this.without}`;
      this.#update();
      return null;
    }
    this.track.onended = () => {
      this.problem = "The microphone was unplugged.";
      this.close();
      this.dispatchEvent(new Event("lost"));
    };
    this.#measure();
    this.#update();
    return this.track;
  }

  close() {
    clearInterval(this.measuring);
    this.context?.close();
    this.context = null;
    if (this.track) this.track.onended = null;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.held = false;
    this.#update();
  }

  setMode(mode) {
    this.mode = mode;
    localStorage.setItem("visavis-mic-mode", mode);
    this.muted = false;
    this.#update();
  }

  toggleMute() {
    this.muted = !this.muted;
    this.#update();
  }

  hold() {
    if (this.held || this.mode !== "talk" || !this.track) return;
    clearTimeout(this.tail);
    this.held = true;
    this.#update();
    this.dispatchEvent(new Event("hold"));
  }

  release() {
    if (!this.held) return;
    this.held = false;
    this.tail = setTimeout(() => {
      this.#update();
      this.dispatchEvent(new Event("release"));
    }, TAIL_MS);
    this.#show();
  }

  #update() {
    if (this.track) this.track.enabled = this.state === "on" || this.state === "held";
    this.#show();
  }

  #show() {
    const button = $("mic");
    button.dataset.mic = this.state;
    button.setAttribute("aria-label", LABELS[this.state]);
    button.setAttribute("aria-pressed", String(this.state === "on" || this.state === "held"));
    button.title = this.problem ?? LABELS[this.state];
  }

  #measure() {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(this.stream).connect(analyser);
    this.context = context;
    const samples = new Float32Array(analyser.fftSize);
    let shown = -1;
    const measure = () => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
      const db = 10 * Math.log10(power + 1e-9);
      const level = this.track?.enabled ? Math.max(0, 1 - db / LEVEL_FLOOR_DB) : 0;
      const step = Math.round(LEVEL_STEPS * level);
      if (step !== shown) this.onlevel(step / LEVEL_STEPS);
      shown = step;
    };
    this.measuring = setInterval(measure, LEVEL_MS);
  }
}

function explain(error) {
  if (error.name === "NotAllowedError") return "The microphone is blocked for this page; the address bar can allow it.";
  if (error.name === "NotFoundError") return "No microphone was found.";
  if (error.name === "NotReadableError") return "Another program holds the microphone.";
  return `The microphone did not start (${error.name}).`;
}
