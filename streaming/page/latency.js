// The latency panel: a waterfall of the last turn, and what the browser and the room count.

import { $, el } from "./dom.js";

const STAGE_WORDS = {
  vad_end: "End of speech noticed",
  asr_final: "Speech understood",
  llm_first_token: "First word thought",
  tts_first_pcm: "First sound made",
  motion_first: "First movement made",
  video_first: "First picture drawn",
  audible: "Handed out",
  webrtc_first: "Sent to you",
};
const TIERS = ["Full", "Warp", "Sparse", "Still"];
const TURNS_KEPT = 24;

export class LatencyPanel {
  constructor() {
    this.totals = new Map();
    this.latency = null;
    this.room = {};
    this.browser = {};
    this.draw();
  }

  clear() {
    this.totals.clear();
    this.latency = null;
  }

  /** Show a turn; a later event of the same turn replaces the earlier. */
  turn({ turn, stages_ms }) {
    this.latency = Object.entries(stages_ms).sort((a, b) => a[1] - b[1]);
    this.totals.set(turn, this.latency.at(-1)?.[1] ?? 0);
    if (this.totals.size > TURNS_KEPT) this.totals.delete(this.totals.keys().next().value);
    this.draw();
  }

  draw() {
    if ($("latency").hidden) return;
    const wasOpen = $("latency").querySelector("details")?.open ?? false;
    $("latency").replaceChildren(...this.#turnView(), ...this.#numbersView(wasOpen));
  }

  #turnView() {
    if (!this.latency?.length) {
      return [el("p", { className: "quiet", textContent: "How long each step of an answer took appears here after the first turn." })];
    }
    const total = Math.max(1, this.latency.at(-1)[1]);
    const head = el("p", { className: "total" }, el("b", { textContent: Math.round(total) }), el("span", { textContent: "ms until the answer" }));
    const rows = this.latency.map(([name, ms], i) => {
      const start = i ? this.latency[i - 1][1] : 0;
      const bar = el("i");
      bar.style.left = `${(100 * start) / total}%`;
      bar.style.width = `${(100 * (ms - start)) / total}%`;
      return el("div", { className: "stage-row" },
        el("dt", { textContent: STAGE_WORDS[name] ?? name.replaceAll("_", " ") }),
        el("dd", { textContent: `${Math.round(ms)} ms` }),
        el("div", { className: "track" }, bar));
    });
    const parts = [head, el("dl", { className: "bars" }, ...rows)];
    const totals = [...this.totals.values()];
    if (totals.length > 2) parts.push(el("h3", { className: "section-title", textContent: `Last ${totals.length} answers` }), sparkline(totals));
    return parts;
  }

  #numbersView(open) {
    const { browser: b, room: r } = this;
    const tile = (name, value, unit) => el("div", { className: "number" },
      el("dt", { textContent: name }),
      el("dd", {}, value ?? "–", " ", el("small", { textContent: value === undefined ? "" : unit })));
    const tiles = [
      tile("Picture", b.fps?.toFixed(0), "fps"),
      tile("Round trip", b.rttMs?.toFixed(0), "ms"),
      tile("Video", b.videoKbps?.toFixed(0), "kbit/s"),
      tile("Voice", b.audioKbps?.toFixed(0), "kbit/s"),
      tile("Packet loss", b.lossPercent?.toFixed(1), "%"),
      tile("Playout delay", b.delayMs?.toFixed(0), "ms"),
      tile("Picture after sound", b.avOffsetMs?.toFixed(0), "ms"),
      tile("Dropped frames", b.dropped?.toFixed(0), ""),
      tile("Quality", "tier" in r ? TIERS[Math.round(r.tier)] ?? r.tier : undefined, ""),
    ];
    const raw = Object.entries(r).sort().flatMap(([name, value]) => [el("dt", { textContent: name.replaceAll("_", " ") }), el("dd", { textContent: value })]);
    const more = el("details", { className: "more", open }, el("summary", { textContent: "Everything the room counts" }), el("dl", {}, ...raw));
    return [el("h3", { className: "section-title", textContent: "Right now" }), el("dl", { className: "numbers" }, ...tiles), more];
  }
}

function sparkline(values) {
  const peak = Math.max(...values);
  const points = values.map((v, i) => `${((300 * i) / (values.length - 1)).toFixed(1)},${(40 - (36 * v) / peak).toFixed(1)}`);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 300 44");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `Answer times: ${values.map(Math.round).join(", ")} milliseconds`);
  const shape = (tag, attributes) => {
    const node = document.createElementNS(svg.namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    svg.append(node);
  };
  shape("polygon", { class: "fill", points: `0,44 ${points.join(" ")} 300,44` });
  shape("polyline", { points: points.join(" "), fill: "none" });
  return svg;
}
