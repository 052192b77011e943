// The picture: poster, video, the ring that shows who is doing what, covers, subtitles.

import { $, el, icon } from "./dom.js";

const STATE_WORDS = { listening: "Listening", thinking: "Thinking", speaking: "Speaking" };
const SUBTITLE_MS = 4500;

export class Stage {
  constructor() {
    this.video = $("video");
    this.frames = 0;
    this.lastFrame = 0;
    this.onfirstframe = () => {};
    $("cover-action").onclick = () => this.action?.();
  }

  setPhase(phase) {
    document.body.dataset.phase = phase;
    if (phase === "lobby") {
      document.body.dataset.picture = "poster";
      this.setState("idle");
      this.video.srcObject = null;
    }
  }

  /** Show what the avatar does; where there are several visitors, also to whom it listens. */
  setState(state, floor = "") {
    document.body.dataset.state = state in STATE_WORDS ? state : "idle";
    const whom = state === "listening" && floor ? ` to ${floor}` : "";
    $("presence-text").textContent = (STATE_WORDS[state] ?? "") + whom;
  }

  /** Show a portrait once it is there as a whole, rather than line by line. */
  async setPoster(url, title) {
    const poster = $("poster");
    const whole = Object.assign(new Image(), { src: url });
    this.awaited = whole;
    await whole.decode().catch(() => {}); // a portrait that is broken still has its name
    if (this.awaited !== whole) return;
    poster.src = url;
    poster.hidden = false;
    poster.alt = `Portrait of ${title}`;
  }

  /** Show a stream. When the browser refuses sound before a gesture, ask for one. */
  async show(stream) {
    if (this.video.srcObject === stream) return;
    this.frames = 0;
    this.video.srcObject = stream;
    this.#countFrames(stream);
    try {
      await this.video.play();
    } catch (error) {
      if (error.name === "NotAllowedError") {
        this.cover("Ready when you are", { action: "Turn on the sound", run: () => this.video.play().then(() => this.uncover()) });
      }
    }
  }

  cover(text, { hint = "", spinner = false, action = null, run = null, cancel = null } = {}) {
    $("cover").hidden = false;
    $("cover-text").textContent = text;
    $("cover-hint").textContent = hint;
    $("cover-spinner").hidden = !spinner;
    $("cover-action").hidden = !action;
    $("cover-action").textContent = action ?? "";
    this.action = run;
    $("cover-cancel").hidden = !cancel;
    $("cover-cancel").onclick = cancel;
  }

  uncover() {
    $("cover").hidden = true;
  }

  subtitle(text) {
    if (!$("subtitles-on").checked) return;
    $("subtitle").textContent = text.length > 140 ? `…${text.slice(-130)}` : text;
    $("subtitle").classList.toggle("shown", text !== "");
    clearTimeout(this.fading);
    this.fading = setTimeout(() => $("subtitle").classList.remove("shown"), SUBTITLE_MS);
  }

  #countFrames(stream) {
    const count = () => {
      if (this.video.srcObject !== stream) return;
      this.frames += 1;
      this.lastFrame = performance.now();
      if (this.frames === 1) {
        document.body.dataset.picture = "live";
        this.onfirstframe();
      }
      this.video.requestVideoFrameCallback(count);
    };
    this.video.requestVideoFrameCallback(count);
  }
}

/** The row of faces under the stage. */
export function drawPeople(cards, chosen, onChoose, onNew) {
  const people = cards.map((card) => {
    const face = el("img", { className: "face", src: card.url, alt: "", width: 56, height: 56 });
    const button = el("button", { className: "person", type: "button", onclick: () => onChoose(card) }, face, el("span", { textContent: card.title }));
    button.setAttribute("aria-pressed", String(card.name === chosen));
    return button;
  });
  const plus = el("span", { className: "face" }, icon("plus"));
  people.push(el("button", { className: "person new", id: "new-avatar", type: "button", onclick: onNew }, plus, el("span", { textContent: "New" })));
  $("people").replaceChildren(...people);
}
