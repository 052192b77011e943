// Motion that goes with the voice: it waits for the voice's next packet, at most 40 ms, and costs no headers.

const RIDER_MAX_BYTES = 255;
const START_MS = 1000;
const QUIET_MS = 250; // without a packet of voice for so long, nothing can ride
const KEPT = 32;
const MOMENTS = 15; // of which the median counts
const LOSSY = 0.02; // part of the voice's packets that get lost, from which motion is sent twice
const LOSSY_MS = 8000; // for so long after it was seen last

export class VoiceCarrier {
  /** Stand beside a sender of voice, before the connection is described. Returns null where browsers cannot. */
  static on(sender) {
    return "RTCRtpScriptTransform" in window ? new VoiceCarrier(sender) : null;
  }

  constructor(sender) {
    this.sender = sender;
    this.worker = new Worker(new URL("voice-worker.js", import.meta.url));
    this.bytes = 0; // that rode
    this.waiting = new Map(); // id: what to do when it has left
    this.nextId = 0;
    this.lastBytes = 0;
    this.passedMs = -Infinity;
    this.lossyMs = -Infinity;
    this.isLossy = false;
    this.moments = [];
    this.isReady = new Promise((done) => {
      this.worker.onmessage = ({ data }) => (data.ready ? done(true) : this.#passed(data));
      this.worker.onerror = () => done(false);
      setTimeout(done, START_MS, false);
    });
    sender.transform = new RTCRtpScriptTransform(this.worker, {});
  }

  /** Whether packets of voice pass by. */
  get isGoing() {
    return performance.now() - this.passedMs < QUIET_MS;
  }

  /** Bytes around each packet: its length and, where it rides twice, about as much as the one before once more. */
  get overheadBytes() {
    return this.isLossy ? 1 + this.lastBytes : 1;
  }

  /** Let a packet ride; `onLeft(bytes, atMs)` tells when it has. Returns false for one that cannot. */
  ride(packet, onLeft) {
    if (!this.isGoing || packet.length > RIDER_MAX_BYTES) return false;
    this.waiting.set(this.nextId, { bytes: packet.length + 1, onLeft });
    this.waiting.delete(this.nextId - KEPT);
    this.worker.postMessage({ id: this.nextId, packet });
    this.lastBytes = packet.length + 1;
    this.nextId += 1;
    return true;
  }

  /** Note which part of the voice's packets was lost lately; on bad lines every packet of motion rides twice. */
  noteLoss(part) {
    const nowMs = performance.now();
    if (part > LOSSY) this.lossyMs = nowMs;
    const isLossy = nowMs - this.lossyMs < LOSSY_MS;
    if (isLossy !== this.isLossy) this.worker.postMessage({ isLossy });
    this.isLossy = isLossy;
  }

  /** Leave the voice alone: the call is over, or the worker did not start. */
  close() {
    this.sender.transform = null;
    this.worker.terminate();
  }

  /** Time of the voice, as RTP counts it, less the page's; null where the browser does not tell. */
  get aheadMs() {
    const ordered = [...this.moments].sort((a, b) => a - b);
    return ordered.length ? ordered[ordered.length >> 1] : null;
  }

  #passed({ left, atMs, moment }) {
    this.passedMs = performance.now();
    if (moment) this.moments = [...this.moments.slice(1 - MOMENTS), moment.rtpMs - (moment.atMs - performance.timeOrigin)];
    for (const id of left) {
      const { bytes, onLeft } = this.waiting.get(id) ?? {};
      if (!bytes) continue;
      this.bytes += bytes;
      onLeft(bytes, atMs - performance.timeOrigin);
    }
  }
}
