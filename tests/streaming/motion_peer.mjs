// The JavaScript codec as a peer: a line of JSON in, a line of JSON out. Arrays of float32 travel in base64.

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { MotionEncoder, MotionStreamError, readPacket } = await import(pathToFileURL(process.argv[2]).href);

const floats = (text) => {
  const bytes = Buffer.from(text, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};
const text = (rows) => Buffer.from(Float32Array.from(rows.flatMap((row) => [...row])).buffer).toString("base64");

function encode({ config, tick, motion }) {
  const encoder = new MotionEncoder(config, tick);
  const values = floats(motion);
  const packets = [];
  for (let at = 0; at < values.length; at += 98) {
    const frame = values.subarray(at, at + 98);
    packets.push(frame.every(Number.isNaN) ? encoder.skip(1) : encoder.push(frame));
  }
  packets.push(encoder.flush());
  return packets.filter(Boolean).map((packet) => Buffer.from(packet).toString("hex"));
}

function read(hex) {
  try {
    const { header, frames, echoes } = readPacket(Uint8Array.from(Buffer.from(hex, "hex")));
    return { header, frames: text(frames), echoes: text(echoes) };
  } catch (error) {
    if (!(error instanceof MotionStreamError)) throw error;
    return { error: error.message };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  console.log(JSON.stringify(asked.motion === undefined ? asked.read.map(read) : encode(asked)));
}
