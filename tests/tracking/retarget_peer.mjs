// The JavaScript twin as a peer: faces in, poses out, a line of JSON each. Null is a frame without a face.

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { Retarget } = await import(pathToFileURL(process.argv[2]).href);
const stage = new Retarget();
for await (const line of createInterface({ input: process.stdin })) {
  const { motion, trust } = stage.step(JSON.parse(line));
  console.log(JSON.stringify({ motion: [...motion], trust, calibrated: stage.calibrated }));
}
