// What the browser measures of a call, and a diagnosis in plain words.

import { $, el, icon } from "./dom.js";

/** Reads RTCPeerConnection.getStats() and keeps what is needed for rates. */
export class NetworkProbe {
  #before = null;

  /** Returns { browser, pair }: numbers for the panel, and the candidate pair in use. */
  async read(pc, rttMs) {
    const reports = [...(await pc.getStats()).values()];
    const inbound = (kind) => reports.find((r) => r.type === "inbound-rtp" && r.kind === kind) ?? {};
    const now = { video: inbound("video"), audio: inbound("audio") };
    const before = this.#before;
    this.#before = now;
    const transport = reports.find((r) => r.type === "transport");
    const pair = reports.find((r) => r.id === transport?.selectedCandidatePairId);
    const find = (id) => reports.find((r) => r.id === id);
    return {
      pair: pair && { local: find(pair.localCandidateId), remote: find(pair.remoteCandidateId) },
      browser: {
        rttMs: pair?.currentRoundTripTime !== undefined ? 1000 * pair.currentRoundTripTime : (rttMs ?? undefined),
        dropped: now.video.framesDropped,
        avOffsetMs: playedApart(now),
        ...(before && rates(before, now)),
      },
    };
  }
}

/** By how much pictures are played later than their sound; both times are the sender's, of what plays now. */
function playedApart({ video, audio }) {
  const [picture, sound] = [video.estimatedPlayoutTimestamp, audio.estimatedPlayoutTimestamp];
  return picture > 0 && sound > 0 && Math.abs(sound - picture) < 60_000 ? sound - picture : undefined;
}

function rates(before, now) {
  const seconds = (now.video.timestamp - before.video.timestamp) / 1000;
  const gained = (kind, field) => (now[kind][field] ?? 0) - (before[kind][field] ?? 0);
  const lost = gained("video", "packetsLost") + gained("audio", "packetsLost");
  const received = gained("video", "packetsReceived") + gained("audio", "packetsReceived");
  const emitted = gained("video", "jitterBufferEmittedCount");
  if (!(seconds > 0)) return {};
  return {
    fps: gained("video", "framesDecoded") / seconds,
    videoKbps: gained("video", "bytesReceived") / 125 / seconds,
    audioKbps: gained("audio", "bytesReceived") / 125 / seconds,
    lossPercent: (100 * Math.max(0, lost)) / Math.max(1, lost + received),
    delayMs: emitted ? (1000 * gained("video", "jitterBufferDelay")) / emitted : undefined,
  };
}

/** "good", "fair" or "bad", for the dot in the header. */
export function health({ fps, lossPercent, rttMs }) {
  if (fps < 12 || lossPercent > 8 || rttMs > 500) return "bad";
  if (fps < 22 || lossPercent > 2 || rttMs > 200) return "fair";
  return "good";
}

const ROUTES = {
  host: "directly",
  srflx: "through your router",
  prflx: "directly",
  relay: "through a TURN relay",
};

/** The checks of the connection panel, in the order things can go wrong. */
function checks({ call, microphone, pair, fps }) {
  const ice = call?.pc?.iceConnectionState ?? "new";
  const up = ["connected", "completed"].includes(ice);
  const failed = ["failed", "disconnected", "closed"].includes(ice);
  return [
    { name: "Page", verdict: isSecureContext ? "good" : "bad", text: isSecureContext ? "Secure: camera and microphone are possible." : "Not served over HTTPS, so browsers withhold camera and microphone." },
    { name: "Room server", verdict: call?.visit ? "good" : failed ? "bad" : "open", text: call?.visit ? "Answered and has a place for you." : "Not asked yet." },
    { name: "Path for sound and picture", verdict: up ? "good" : failed ? "bad" : "open", text: up ? pathText(pair) : failed ? "No way through was found." : `Looking for a way (${ice}).` },
    { name: "Picture", verdict: fps >= 12 ? "good" : fps === undefined ? "open" : "bad", text: fps === undefined ? "Nothing received yet." : `${fps.toFixed(0)} frames a second.` },
    { name: "Microphone", verdict: microphone.track ? "good" : microphone.problem ? "bad" : "open", text: microphone.track?.label || microphone.problem || "Not in use; typing works." },
  ];
}

function pathText(pair) {
  if (!pair?.local) return "Connected.";
  const address = pair.remote?.address ? ` to ${pair.remote.address}:${pair.remote.port}` : "";
  return `Connected ${ROUTES[pair.local.candidateType] ?? ""}${address} over ${(pair.local.relayProtocol ?? pair.local.protocol ?? "udp").toUpperCase()}.`;
}

/** What to do about it, or null when all is well. */
export function advise({ call, pair, browser }) {
  const ice = call?.pc?.iceConnectionState;
  const servers = call?.settings.ice_servers ?? [];
  const turn = servers.some((server) => [server.urls].flat().some((url) => url.startsWith("turn")));
  if (ice === "failed" || ice === "disconnected") {
    return turn
      ? { verdict: "bad", title: "Even the relay was not reached.", text: "The TURN server may be down, or its credentials may have run out. A turns: address on TCP port 443 passes nearly every firewall." }
      : { verdict: "bad", title: "UDP seems to be blocked on the way.", text: "A firewall or VPN may be the reason. Try another network, or give the room a TURN server (ice_servers in its configuration), best with a turns: address on TCP port 443." };
  }
  if (browser.lossPercent > 5) return { verdict: "bad", title: "Many packets get lost.", text: "Wi-Fi far from the router, or a full line, is the usual cause. Sound is protected; the picture gives way first." };
  if (pair && browser.fps < 12) return { verdict: "bad", title: "The picture stutters.", text: "The path is fine, so the room's machine, or this one, is busy. The Latency tab shows the room's quality tier." };
  if (browser.rttMs > 300) return { verdict: "bad", title: "The way is long.", text: `A round trip takes ${Math.round(browser.rttMs)} ms, so answers feel late. A relay or VPN far away may be in between.` };
  return null;
}

export function drawNetwork(facts) {
  if ($("network").hidden) return;
  const advice = advise(facts);
  const all = facts.call?.phase === "live" ? { title: "All is well.", text: "Sound and picture arrive as they should." } : null;
  const shown = advice ?? all;
  const rows = checks({ ...facts, fps: facts.browser.fps }).map(({ name, verdict, text }) => {
    const sign = el("span", { className: "sign" }, verdict === "bad" ? icon("close") : verdict === "good" ? icon("check") : "…");
    const row = el("div", { className: "check" }, sign, el("b", { textContent: name }), el("p", { textContent: text }));
    row.dataset.verdict = verdict;
    return row;
  });
  const box = shown && el("div", { className: "advice" }, el("b", { textContent: shown.title }), shown.text);
  if (box) box.dataset.verdict = shown.verdict ?? "good";
  $("network").replaceChildren(...(box ? [box] : []), el("div", { className: "checks" }, ...rows));
}
