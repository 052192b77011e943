// Runs beside the page, where the voice's packets pass by: each takes along the motion that waits.
// The layout is in docs/motion-stream.md; streaming/motion/in_voice.py is the twin that reads.

const RIDERS_MAX = 3;
const RTP_PER_MS = 48;
const LATE_MS = 200; // what waited longer is worth nothing
let waiting = []; // { id, packet, atMs, rode }
let isLossy = false; // then everything rides twice

/** What waits and is worth sending; the latest, where it is too much for one packet. */
function riders(nowMs) {
  const fresh = waiting.filter(({ atMs }) => nowMs - atMs < LATE_MS).slice(-RIDERS_MAX);
  waiting = isLossy ? fresh.filter(({ rode }) => !rode).map((rider) => ({ ...rider, rode: true })) : [];
  return fresh;
}

/** A packet of voice that carries these of motion. */
function join(voice, packets) {
  const size = packets.reduce((sum, { length }) => sum + length, voice.byteLength + packets.length + 1);
  const joined = new Uint8Array(size);
  joined.set(new Uint8Array(voice));
  let at = voice.byteLength;
  for (const packet of packets) {
    joined.set(packet, at);
    at += packet.length;
  }
  joined.set([...packets.map(({ length }) => length), packets.length], at);
  return joined.buffer;
}

function load(frame, controller) {
  const nowMs = performance.now();
  const riding = riders(nowMs);
  frame.data = join(frame.data, riding.map(({ packet }) => packet));
  controller.enqueue(frame);
  const { rtpTimestamp, captureTime } = frame.getMetadata();
  const moment = captureTime === undefined ? null : { rtpMs: rtpTimestamp / RTP_PER_MS, atMs: performance.timeOrigin + captureTime };
  postMessage({ left: riding.map(({ id }) => id), atMs: performance.timeOrigin + nowMs, moment });
}

onmessage = ({ data }) => {
  if (data.packet) waiting.push({ ...data, atMs: performance.now(), rode: false });
  else ({ isLossy } = data);
};
onrtctransform = ({ transformer }) => {
  transformer.readable.pipeThrough(new TransformStream({ transform: load })).pipeTo(transformer.writable);
};
postMessage({ ready: true });
