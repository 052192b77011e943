// One call: a peer connection, its event channel, and what becomes of them.
//
// Events: "event" (detail: a message of the room), "stream" (detail: MediaStream),
// "phase" (detail: "connecting" | "live" | "interrupted" | "failed" | "ended").

import * as api from "./api.js";
import { wait } from "./dom.js";
import { VoiceCarrier } from "./voice-carrier.js";

const GATHER_LOCAL_MS = 40;
const GATHER_SERVERS_MS = 2500;
const CONNECT_MS = 6000;
const INTERRUPTED_MS = 4000;
const UNSENT_MAX = 20;
const MOTION_OWED_BYTES = 4000;
const LOSS_MS = 1000; // how often it is looked how much of the voice gets lost
const CHANNEL_BYTES = 93; // headers of every layer around a packet on the data channel

export class Call extends EventTarget {
  /** `pass` says with whom; with `pass.call` motion is sent, too. */
  constructor(avatar, settings, pass) {
    super();
    this.avatar = avatar;
    this.pass = pass;
    this.settings = settings;
    this.phase = "new";
    this.visit = null;
    this.rttMs = null;
    this.unsent = [];
  }

  /** Connect. The microphone may come later, see `setMicrophone`: nobody waits for a permission prompt. */
  async open() {
    this.#setPhase("connecting");
    const pc = new RTCPeerConnection({
      iceServers: this.settings.ice_servers,
      iceTransportPolicy: this.settings.relay_only ? "relay" : "all",
      bundlePolicy: "max-bundle",
    });
    this.pc = pc;
    this.sound = pc.addTransceiver("audio", { direction: "sendrecv" });
    pc.addTransceiver("video", { direction: "recvonly" });
    const stream = new MediaStream();
    pc.ontrack = ({ track, receiver }) => {
      if (this.settings.jitter_target_ms && "jitterBufferTarget" in receiver) {
        receiver.jitterBufferTarget = this.settings.jitter_target_ms;
      }
      stream.addTrack(track);
      this.#emit("stream", stream);
    };
    pc.onconnectionstatechange = () => this.#follow(pc.connectionState);
    this.#openChannel();
    this.carrier = this.pass.call ? VoiceCarrier.on(this.sound.sender) : null;
    if (this.pass.call) this.motion = pc.createDataChannel("motion", { ordered: false, maxRetransmits: 0 });
    await pc.setLocalDescription();
    await this.#gathered();
    if (this.carrier && !(await this.carrier.isReady)) {
      this.carrier.close();
      this.carrier = null;
    }
    if (this.phase === "ended") return;
    if (this.carrier) this.losses = setInterval(() => this.#noteLoss(), LOSS_MS);
    performance.mark("visavis:offered");
    const pass = this.carrier ? { ...this.pass, voice_carries_motion: true } : this.pass;
    const answer = await api.offer(pc.localDescription.sdp, this.avatar, pass);
    performance.mark("visavis:answered");
    this.visit = answer.visit;
    if (this.phase === "ended") {
      this.#endVisit();
      return;
    }
    await pc.setRemoteDescription({ type: answer.type, sdp: answer.sdp });
    // Browsers may look for a way for half a minute; a second try often finds one at once.
    setTimeout(() => this.phase === "connecting" && this.#follow("failed"), CONNECT_MS);
  }

  /** Send this track from now on; null sends nothing. */
  async setMicrophone(track) {
    if (this.phase !== "ended") await this.sound?.sender.replaceTrack(track);
  }

  /** Send a message, or keep it until the channel opens. Returns false when there is no use in waiting. */
  send(message) {
    const state = this.channel?.readyState;
    if (state === "open") this.channel.send(JSON.stringify(message));
    else if (state === "connecting" && this.unsent.length < UNSENT_MAX) this.unsent.push(message);
    else return false;
    return true;
  }

  /** Whether motion goes with the voice, so that each look may send a packet of its own. */
  get voiceCarries() {
    return this.carrier?.isGoing ?? false;
  }

  /** Bytes around each packet of motion. */
  get motionOverheadBytes() {
    return this.voiceCarries ? this.carrier.overheadBytes : CHANNEL_BYTES;
  }

  /** Send a packet of motion, or let it go: a late one is worth nothing. `onLeft(bytes, atMs)` tells what and when. */
  sendMotion(packet, onLeft) {
    if (this.carrier?.ride(packet, onLeft)) return;
    if (this.motion?.readyState !== "open" || this.motion.bufferedAmount >= MOTION_OWED_BYTES) return;
    this.motion.send(packet);
    onLeft(CHANNEL_BYTES + 4 * Math.ceil(packet.length / 4), performance.now());
  }

  close() {
    if (this.phase === "ended") return;
    this.#setPhase("ended");
    clearInterval(this.pings);
    clearInterval(this.losses);
    this.#endVisit();
    this.pc?.close();
    this.carrier?.close();
  }

  #endVisit() {
    if (!this.visit) return;
    api.endVisit(this.visit).catch(() => {}); // a visit that is over already needs no end
    this.visit = null;
  }

  #openChannel() {
    this.channel = this.pc.createDataChannel("events");
    this.channel.onopen = () => {
      for (const message of this.unsent.splice(0)) this.send(message);
      const ping = () => this.send({ type: "ping", sent_ms: performance.now(), av_offset_ms: this.avOffsetMs });
      ping();
      this.pings = setInterval(ping, 2000);
    };
    // The room hangs up by closing the channel; browsers tell of the lost connection much later.
    this.channel.onclose = () => this.#follow("failed");
    this.channel.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.kind === "pong") this.rttMs = performance.now() - message.sent_ms;
      this.#emit("event", message);
    };
  }

  /** Tell the carrier which part of the voice's packets the room says it lost since it said so last. */
  async #noteLoss() {
    const reports = [...(await this.sound.sender.getStats()).values()];
    this.carrier?.noteLoss(reports.find(({ type }) => type === "remote-inbound-rtp")?.fractionLost ?? 0);
  }

  /** Wait for addresses. On one network none are needed: the room learns ours from our first packet. */
  async #gathered() {
    const { pc } = this;
    if (pc.iceGatheringState === "complete") return;
    const complete = new Promise((done) => {
      pc.addEventListener("icegatheringstatechange", () => pc.iceGatheringState === "complete" && done());
    });
    await Promise.race([complete, wait(this.settings.ice_servers.length ? GATHER_SERVERS_MS : GATHER_LOCAL_MS)]);
  }

  #follow(state) {
    if (this.phase === "ended") return;
    if (state === "connected") {
      performance.mark("visavis:connected");
      this.#setPhase("live");
    } else if (state === "failed" || state === "closed") this.#setPhase("failed");
    else if (state === "disconnected") {
      this.#setPhase("interrupted");
      setTimeout(() => this.pc.connectionState === "disconnected" && this.#setPhase("failed"), INTERRUPTED_MS);
    }
  }

  #setPhase(phase) {
    if (this.phase === phase || this.phase === "ended") return;
    this.phase = phase;
    this.#emit("phase", phase);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
