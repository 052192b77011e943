// A call: people who see each other drawn. The camera's picture stays here; how the face moves goes out.

import * as api from "./api.js";
import { Camera, faceOf } from "./camera.js";
import { $, el, toast } from "./dom.js";
import { forget, keep, keyOf } from "./keys.js";
import { MotionSender } from "./motion-sender.js";
import { EXPRESSIONS, Retarget } from "./retarget.js";
import { listed, NAME_KEY, roomAsked } from "./together.js";

const HOW_WORDS = { tracked: "", voice: "Drawn from the voice", still: "Nothing arrives" };
const VOICE_LAG_MS = 30; // from the microphone to the sender, browsers take about so long
const LAG_STEP_MS = 10;
const TIE_STEP_MS = 5;
const TIE_AGAIN = 10; // it is told now and then unchanged, for the first may come before any voice
const VOICE_HEADERS_BYTES = 50; // IP, UDP and SRTP of each packet, which the browser does not count

export class InCall {
  constructor(stage) {
    this.stage = stage;
    this.call = roomAsked("call");
    this.camera = new Camera($("self-video"));
    this.retarget = new Retarget();
    this.sender = null;
    this.wantsCamera = false;
    this.wantsPicture = true;
    this.people = [];
    this.me = this.shown = "";
    this.voice = null;
    $("camera-toggle").onclick = () => (this.camera.isOn ? this.stopCamera() : this.startCamera());
    $("self").onclick = () => this.calibrate();
    $("picture-toggle").onclick = () => this.showPicture(!this.wantsPicture);
    document.addEventListener("visibilitychange", () => this.#tellWatching());
    this.camera.addEventListener("lost", () => this.stopCamera(this.camera.problem));
    if (this.call) document.body.dataset.call = "true";
  }

  /** Make the lobby one of a call, with what the room can do. */
  dress({ face_tracker: hasTracker }) {
    this.hasTracker = hasTracker;
    for (const id of ["name-field", "room-line", "call-consent"]) $(id).hidden = false;
    $("meet-together").hidden = $("meet-call").hidden = true;
    $("hello").textContent = "In this call you are";
    $("join-text").textContent = "Voice only";
    $("visitor-name").value = localStorage.getItem(NAME_KEY) ?? "";
    $("visitor-name").onkeydown = (event) => event.key === "Enter" && $("join").click();
    $("join-label").textContent = this.hasTracker ? "With camera" : "Join";
    $("join").querySelector("use").setAttribute("href", this.hasTracker ? "#i-camera" : "#i-mic");
    $("join-text").hidden = !this.hasTracker;
    $("call-consent-text").textContent = this.hasTracker
      ? "Your camera’s picture stays on this device. How your face moves, and your voice, are sent to the others."
      : "This room has no face tracker, so the others see you drawn from your voice.";
  }

  /** Tell in the lobby who is there. */
  async look() {
    const { people } = await api.callPeople(this.call);
    $("room-line").textContent = people.length ? `${listed(people)} ${people.length > 1 ? "are" : "is"} here` : "You are the first here";
  }

  /** Follow the choice of a face: one with a key needs it. */
  choose(card) {
    this.card = card;
    $("key-field").hidden = !this.call || card.open || Boolean(keyOf(card.name));
    $("maker").hidden = !this.call;
    $("maker").textContent = card.made_by ? `Face made by ${card.made_by}` : card.open ? "A face anybody may use" : "";
  }

  /** What to offer with. */
  pass() {
    const name = $("visitor-name").value.trim();
    localStorage.setItem(NAME_KEY, name);
    if (!$("key-field").hidden) keep(this.card.name, $("avatar-key").value);
    return { call: this.call, name, key: keyOf(this.card.name) };
  }

  /** The room did not take the key. */
  refuse() {
    forget(this.card.name);
    $("avatar-key").value = "";
    this.choose(this.card);
  }

  /** Begin: with the camera, or by voice alone. */
  async begin(withCamera) {
    this.wantsCamera = withCamera && this.hasTracker;
    $("camera-toggle").hidden = !this.hasTracker;
    this.#drawRates(0, 0, 0); // so that no button moves when there are some
    $("call-facts").hidden = $("picture-toggle").hidden = false;
    this.showPicture(true);
    this.#wait();
    if (this.wantsCamera) await this.startCamera();
  }

  /** Send motion over this connection from now on. */
  attach(line) {
    this.line = line;
    this.sender = null;
    this.voice = null;
    this.lagMs = this.tieMs = -Infinity;
    this.tieSeconds = 0;
    if (!this.watches) this.#tellWatching();
  }

  /** Whether the others' picture is looked at; else the room need not draw and send it. */
  get watches() {
    return this.wantsPicture && !document.hidden;
  }

  /** Show the others, or hear them only. */
  showPicture(on) {
    const changed = this.wantsPicture !== on;
    this.wantsPicture = on;
    $("picture-toggle").dataset.mic = on ? "on" : "off";
    $("picture-toggle").setAttribute("aria-label", on ? "Picture of the others on" : "Picture of the others off");
    if (!changed) return;
    this.#tellWatching();
    if (this.shown) this.#uncover();
  }

  #tellWatching() {
    this.line?.send({ type: "watch", on: this.watches });
  }

  /** Let the other be seen, or say that their picture is off. */
  #uncover() {
    if (this.wantsPicture) this.stage.uncover();
    else this.stage.cover("The picture is off", { hint: "You hear each other.", action: "Show it", run: () => this.showPicture(true) });
  }

  end() {
    this.camera.close();
    [this.line, this.sender, this.people, this.shown] = [null, null, [], ""];
    $("self").hidden = $("call-facts").hidden = $("picture-toggle").hidden = true;
    delete document.body.dataset.how;
    $("guests").hidden = true;
    $("camera-toggle").dataset.mic = "none";
    return this.look();
  }

  async startCamera() {
    if (!(await this.camera.open())) {
      toast(`${this.camera.problem} The others see you drawn from your voice.`, "warning");
      return;
    }
    this.calibrate();
    $("self").hidden = false;
    $("camera-toggle").dataset.mic = "on";
    $("camera-toggle").setAttribute("aria-label", "Camera on");
    try {
      await this.camera.watch((result, capturedMs) => this.#seen(result, capturedMs));
    } catch (error) {
      this.stopCamera(error.message);
    }
  }

  stopCamera(problem = null) {
    this.camera.close();
    this.sender?.push(null, performance.now());
    $("self").hidden = true;
    $("camera-toggle").dataset.mic = "off";
    $("camera-toggle").setAttribute("aria-label", "Camera off");
    if (problem) toast(problem, "warning");
  }

  /** Learn the resting face anew. */
  calibrate() {
    this.retarget.reset();
  }

  #seen(result, capturedMs) {
    const face = faceOf(result, EXPRESSIONS);
    const { motion, trust } = this.retarget.step(face);
    const { calibrated } = this.retarget;
    $("self").dataset.trust = trust;
    $("self-note").textContent = trust === "lost" ? "No face in sight" : calibrated < 1 ? "Look here, relaxed…" : "";
    $("self").style.setProperty("--done", calibrated);
    if (this.line?.motion?.readyState !== "open") return;
    this.sender ??= new MotionSender(this.line, capturedMs);
    this.sender.push(trust === "lost" ? null : motion, capturedMs);
  }

  /** Take a `people` event. Returns words about who came and went. */
  here({ me, people, shown }) {
    const before = this.people.map(({ name }) => name);
    const now = people.map(({ name }) => name);
    const words = before.length ? [
      ...now.filter((name) => !before.includes(name)).map((name) => `${name} joined`),
      ...before.filter((name) => !now.includes(name)).map((name) => `${name} left`),
    ] : [];
    const changed = this.shown !== shown;
    [this.me, this.people, this.shown] = [me, people, shown];
    const other = people.find(({ name }) => name === shown);
    document.body.dataset.how = other?.how ?? "";
    $("presence-text").textContent = other ? HOW_WORDS[other.how] : "";
    if (changed && other) {
      this.#uncover();
      this.stage.title = other.title;
    }
    if (!other) this.#wait();
    this.#draw();
    return words;
  }

  /** The others are not there yet. */
  #wait() {
    this.stage.cover("Waiting for somebody", { hint: "Whoever opens the link of this call is here with you.", action: "Copy the link", run: () => this.invite() });
  }

  async invite() {
    const link = `${location.origin}/?call=${this.call}${api.tokenHash()}`;
    try {
      await navigator.clipboard.writeText(link);
      toast("Link copied. Whoever opens it is in this call.");
    } catch {
      prompt("Send this link to whoever should join:", link);
    }
  }

  /** Show what is sent and received, in kbit/s on the wire; called once a second. */
  async measure(pc, browser) {
    const report = [...(await pc.getStats()).values()].find((r) => r.type === "outbound-rtp" && r.kind === "audio");
    const before = this.voice;
    this.voice = { report, carried: this.line?.carrier?.bytes ?? 0 };
    const since = (name) => (before?.report && report ? report[name] - before.report[name] : 0);
    const seconds = since("timestamp") / 1000;
    const bytes = since("bytesSent") - (this.voice.carried - before?.carried) + VOICE_HEADERS_BYTES * since("packetsSent");
    const voice = seconds > 0 ? (8 * bytes) / 1000 / seconds : 0;
    const motion = this.camera.isOn ? (this.sender?.kbps(performance.now()) ?? 0) : 0;
    this.#drawRates(motion, voice, browser.videoKbps ?? 0);
    this.sentKbps = { motion, voice };
    if (this.line?.voiceCarries && this.line.carrier.aheadMs !== null) this.#tellTie();
    else this.#tellLag();
  }

  /** Tell how the clocks of voice and motion lie: the room shows together what happened together. */
  #tellTie() {
    if (!this.sender) return;
    const tieMs = this.line.carrier.aheadMs + this.sender.beginMs;
    this.tieSeconds += 1;
    if (Math.abs(tieMs - this.tieMs) < TIE_STEP_MS && this.tieSeconds % TIE_AGAIN) return;
    this.tieMs = tieMs;
    this.line.send({ type: "tie", ms: tieMs });
  }

  /** Tell how much later than the voice the motion leaves: the room shows both together. */
  #tellLag() {
    const lagMs = this.camera.isOn ? this.sender?.lagMs() : null;
    if (lagMs == null || Math.abs(lagMs - this.lagMs) < LAG_STEP_MS) return;
    this.lagMs = lagMs;
    this.line?.send({ type: "lag", ms: Math.round(lagMs - VOICE_LAG_MS) });
  }

  #drawRates(motion, voice, picture) {
    const rows = [["Motion", motion], ["Voice", voice], ["Picture in", picture]];
    $("call-facts").replaceChildren(...rows.map(([name, kbps]) => el("span", {}, `${name} `, el("b", { textContent: kbps.toFixed(kbps < 10 ? 1 : 0) }))), el("small", { textContent: "kbit/s" }));
  }

  #draw() {
    $("guests").hidden = false;
    $("guest-list").replaceChildren(...this.people.map(({ name, title, how, made_by }) => {
      const face = el("span", { className: "guest-face", textContent: [...name][0]?.toUpperCase() ?? "?" });
      const label = el("span", { className: "guest-name", textContent: name === this.me ? "You" : name });
      const item = el("li", { className: "guest", title: made_by ? `${title}, made by ${made_by}` : title }, face, label);
      [item.dataset.name, item.dataset.how] = [name, how];
      item.dataset.floor = String(name === this.shown);
      return item;
    }));
  }
}
