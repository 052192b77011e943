// The page: a lobby, a call, and the way between them.

import * as api from "./api.js";
import { Call } from "./call.js";
import { Chat } from "./chat.js";
import { CreateDialog } from "./create.js";
import { $, toast, wait } from "./dom.js";
import { InCall } from "./in-call.js";
import { LatencyPanel } from "./latency.js";
import { Microphone } from "./microphone.js";
import { drawNetwork, health, NetworkProbe } from "./network.js";
import { Settings, showHint } from "./settings.js";
import { drawPeople, Stage } from "./stage.js";
import { Panel } from "./tabs.js";
import { Together } from "./together.js";

const RECONNECT_DELAYS_MS = [300, 1500, 4000];
const MEASURE_MS = 1000;
const PATIENCE_MS = 1500;

const stage = new Stage();
const chat = new Chat((text) => say(text));
const latency = new LatencyPanel();
const together = new Together();
const inCall = new InCall(stage);
const microphone = new Microphone(inCall.call ? "The others cannot hear you." : undefined);
const panel = new Panel(() => showPanels());
new Settings(microphone, stage.video, () => startMicrophone(), () => inLobby() && microphone.close());
const create = new CreateDialog((name) => meetNew(name));

const inLobby = () => document.body.dataset.phase === "lobby";

let cards = [];
let chosen = null;
let ice = null;
let call = null;
let probe = null;
let facts = { call: null, microphone, pair: null, browser: {} };
let attempts = 0;
let measuring = null;

// What tests and benchmarks may read.
window.visavis = {
  get frames() { return stage.frames; },
  get phase() { return document.body.dataset.phase; },
  get state() { return document.body.dataset.state; },
  get browser() { return facts.browser; },
  get call() { return inCall; },
  /** What the room counted last, by name. */
  get room() { return latency.room; },
  get joinMs() { return performance.getEntriesByName("visavis:join").at(-1)?.duration ?? null; },
  /** Milliseconds from the click to each step of joining. */
  get joinStages() {
    const marks = performance.getEntriesByType("mark").filter((mark) => mark.name.startsWith("visavis:"));
    const click = marks.find((mark) => mark.name === "visavis:click")?.startTime;
    return Object.fromEntries(marks.map((mark) => [mark.name.slice(8), mark.startTime - click]));
  },
};

// --- lobby -----------------------------------------------------------------

async function loadLobby(name = null) {
  [cards, ice] = await Promise.all([api.avatars(), ice ?? api.iceSettings()]);
  await Promise.all(cards.map(async (card) => (card.url = await api.pictureUrl(card.preview))));
  $("text").maxLength = ice.text_max_chars;
  if (inCall.call) {
    inCall.dress(ice);
    await inCall.look();
  }
  const wanted = name ?? (await together.look()) ?? new URLSearchParams(location.search).get("avatar");
  const card = cards.find((one) => one.name === wanted) ?? cards[0];
  if (card) choose(card);
  else {
    $("avatar-title").textContent = "Nobody yet";
    $("join").disabled = $("join-text").disabled = true;
    drawPeople([], null, choose, () => create.open());
  }
}

function choose(card) {
  chosen = card;
  $("join").disabled = $("join-text").disabled = false;
  $("avatar-title").textContent = card.title;
  document.title = `${card.title} · visavis`;
  stage.setPoster(card.url, card.title);
  drawPeople(cards, card.name, choose, () => create.open());
  inCall.choose(card);
}

async function meetNew(name) {
  await loadLobby(name);
  toast(`${chosen.title} is ready to meet you.`);
  $("join").focus();
}

// --- call ------------------------------------------------------------------

async function join({ withMicrophone }) {
  performance.clearMarks();
  performance.clearMeasures();
  performance.mark("visavis:click");
  attempts = 0;
  chat.clear();
  latency.clear();
  stage.setPhase("joining");
  $("status").hidden = false;
  $("panel-toggle").hidden = false;
  $("dock").hidden = false;
  panel.toggle(!inCall.call);
  if (inCall.call) inCall.begin(withMicrophone);
  if (withMicrophone || inCall.call) startMicrophone();
  await connect();
}

async function connect() {
  setStatus("Connecting…", "fair");
  const mine = new Call(chosen.name, ice, inCall.call ? inCall.pass() : together.pass());
  call = mine;
  inCall.attach(mine);
  probe = new NetworkProbe();
  facts = { call, microphone, pair: null, browser: {} };
  mine.addEventListener("stream", ({ detail }) => call === mine && stage.show(detail));
  mine.addEventListener("event", ({ detail }) => call === mine && obey(detail));
  mine.addEventListener("phase", ({ detail }) => call === mine && follow(detail));
  setTimeout(() => {
    if (call === mine && mine.phase === "connecting") stage.cover("Connecting…", { spinner: true, cancel: leave });
  }, PATIENCE_MS);
  try {
    await mine.open();
    if (microphone.track) await mine.setMicrophone(microphone.track);
  } catch (error) {
    if (call === mine) refused(error);
  }
}

function follow(phase) {
  if (phase === "live") {
    attempts = 0;
    stage.setPhase("live");
    if (!inCall.call || (inCall.shown && inCall.wantsPicture)) stage.uncover();
    setStatus("Live", "good");
    showHint(microphone);
    clearInterval(measuring);
    measuring = setInterval(measure, MEASURE_MS);
  } else if (phase === "interrupted") setStatus("Unsteady…", "bad");
  else if (phase === "failed") reconnect();
}

async function reconnect() {
  const lost = call;
  call = null;
  lost.close();
  if (attempts === RECONNECT_DELAYS_MS.length) {
    setStatus("Not connected", "bad");
    panel.select($("tab-network"));
    facts.call = lost;
    stage.cover("The connection is lost", {
      hint: "The Connection tab says what may be wrong.",
      action: "Reconnect",
      run: () => {
        attempts = 0;
        stage.cover("Reconnecting…", { spinner: true, cancel: leave });
        connect();
      },
      cancel: leave,
    });
    return;
  }
  stage.cover("Reconnecting…", { spinner: true, cancel: leave });
  await wait(RECONNECT_DELAYS_MS[attempts++]);
  if (call === null && !inLobby()) await connect();
}

function refused(error) {
  if (error.status === 0 && attempts < RECONNECT_DELAYS_MS.length && call) {
    reconnect();
    return;
  }
  call?.close();
  if (error.status === 403 && inCall.call) {
    leave();
    inCall.refuse();
    toast(error.message, "error");
    return;
  }
  setStatus("Not connected", "bad");
  const full = error.status === 503;
  stage.cover(full ? "The room is full" : "That did not work", { hint: error.message, action: "Try again", run: () => { stage.cover("Connecting…", { spinner: true, cancel: leave }); connect(); }, cancel: leave });
}

function leave() {
  clearInterval(measuring);
  const over = call;
  call = null;
  over?.close();
  microphone.close();
  microphone.problem = null;
  stage.uncover();
  stage.setPhase("lobby");
  stage.subtitle("");
  (inCall.call ? inCall.end() : together.leave()).catch((error) => toast(error.message, "warning"));
  for (const id of ["status", "panel-toggle", "dock", "hint", "panel"]) $(id).hidden = true;
  $("join").focus();
}

stage.onfirstframe = () => {
  if (performance.getEntriesByName("visavis:join").length) return;
  performance.mark("visavis:first-frame");
  performance.measure("visavis:join", "visavis:click", "visavis:first-frame");
};

function obey(event) {
  if (event.kind === "caption") {
    const { speaker } = event;
    const other = speaker && speaker !== together.me ? { name: speaker, colour: together.colour(speaker) } : null;
    chat.caption(event, other);
    if (event.who === "avatar") stage.subtitle(event.text);
  } else if (event.kind === "state") stage.setState(event.state, together.floorOfOthers);
  else if (event.kind === "people") inCall.here(event).forEach((words) => toast(words));
  else if (event.kind === "guests") together.here(event).forEach((words) => chat.note(words));
  else if (event.kind === "talking") {
    together.speaking(event);
    stage.setState(document.body.dataset.state, together.floorOfOthers);
  } else if (event.kind === "latency") latency.turn(event);
  else if (event.kind === "stats") {
    latency.room = event.values;
  } else if (event.kind === "notice") toast(event.text, event.level);
}

// --- measuring -------------------------------------------------------------

async function measure() {
  if (!call?.pc) return;
  const mine = call;
  const read = await probe.read(mine.pc, mine.rttMs);
  if (call !== mine) return;
  facts = { call, microphone, ...read };
  call.avOffsetMs = read.browser.avOffsetMs;
  if (inCall.call) await inCall.measure(mine.pc, read.browser);
  if (call?.phase === "live") {
    const { rttMs } = facts.browser;
    setStatus(rttMs === undefined ? "Live" : `Live · ${Math.max(1, Math.round(rttMs))} ms`, health(facts.browser));
  }
  showPanels();
}

function showPanels() {
  latency.browser = facts.browser;
  latency.draw();
  drawNetwork(facts);
}

function setStatus(text, verdict) {
  $("status-text").textContent = text;
  $("status").dataset.health = verdict;
}

// --- microphone and words --------------------------------------------------

async function startMicrophone() {
  const track = await microphone.open();
  if (inLobby() && !$("settings").open) {
    microphone.close();
    return;
  }
  await call?.setMicrophone(track);
  if (microphone.problem) toast(microphone.problem, "warning");
  showHint(microphone);
}

microphone.onlevel = (level) => {
  $("level").style.scale = 1 + 0.45 * level;
  $("settings-level").style.transform = `scaleX(${level})`;
};
microphone.addEventListener("hold", () => call?.send({ type: "hold" }));
microphone.addEventListener("release", () => call?.send({ type: "release" }));
microphone.addEventListener("lost", () => toast(microphone.problem, "warning"));

function say(text) {
  if (!text) return;
  if (call?.send({ type: "say", text })) {
    $("text").value = "";
    $("send").disabled = true;
  } else toast("Not connected yet; your words are still in the box.", "warning");
}

function wireMicrophoneButton() {
  const button = $("mic");
  button.addEventListener("pointerdown", (event) => {
    if (microphone.mode !== "talk" || !microphone.track) return;
    button.setPointerCapture(event.pointerId);
    microphone.hold();
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(end, () => microphone.release());
  button.addEventListener("click", () => {
    if (!microphone.track) startMicrophone();
    else if (microphone.mode === "open") microphone.toggleMute();
  });
}

/** Space talks anywhere but in a field where it is a space, or on a button that it presses. */
function wireSpaceBar() {
  const talks = ({ code, target }) => code === "Space" && call && microphone.mode === "talk"
    && (target === $("mic") || !target.closest("input, select, textarea, button, dialog, summary"));
  addEventListener("keydown", (event) => {
    if (!talks(event)) return;
    event.preventDefault();
    if (!event.repeat) microphone.hold();
  });
  addEventListener("keyup", (event) => {
    if (event.code !== "Space" || !microphone.held) return;
    event.preventDefault();
    microphone.release();
  });
  addEventListener("blur", () => microphone.release());
}

// --- beginning -------------------------------------------------------------

$("join").onclick = () => join({ withMicrophone: true });
$("join-text").onclick = () => join({ withMicrophone: false }).then(() => $("text").focus());
$("leave").onclick = leave;
$("invite").onclick = () => (inCall.call ? inCall : together).invite();
$("status").onclick = () => {
  panel.toggle(true);
  panel.select($("tab-network"));
};
$("text").oninput = () => ($("send").disabled = !$("text").value.trim());
$("dock").onsubmit = (event) => {
  event.preventDefault();
  say($("text").value.trim());
};
wireMicrophoneButton();
wireSpaceBar();
addEventListener("pagehide", () => call?.close());

try {
  await loadLobby();
} catch (error) {
  stage.cover("The room is not reachable", { hint: error.message, action: "Try again", run: () => location.reload() });
}
document.body.dataset.ready = "true";
