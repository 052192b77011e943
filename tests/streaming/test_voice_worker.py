"""The page's worker lets motion ride on the voice as `streaming.motion.in_voice` reads it; run in node."""

import json
import shutil
import subprocess
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies

from streaming.motion.in_voice import RIDER_MAX_BYTES, RIDERS_MAX, split

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="no node on the PATH")

WORKER = Path(__file__).parents[2] / "streaming/page/voice-worker.js"
HARNESS = """
const told = [];
globalThis.postMessage = (message) => told.push(message);
let now = 0;
Object.defineProperty(globalThis, "performance", { value: { timeOrigin: 1000, now: () => now } });
WORKER
const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
const { voices, late, lossy } = JSON.parse(require("fs").readFileSync(0, "utf8"));
onmessage({ data: { isLossy: lossy } });
(async () => {
  const readable = new ReadableStream({
    start(controller) {
      let id = 0;
      for (const { voice, riders } of voices) {
        const getMetadata = () => ({ rtpTimestamp: 4800, captureTime: now - 20 });
        const frame = { data: bytes(voice).buffer, getMetadata };
        frame.before = () => {
          riders.forEach((rider) => onmessage({ data: { id: id++, packet: bytes(rider) } }));
          now += late;
        };
        controller.enqueue(frame);
      }
      controller.close();
    },
  }, { highWaterMark: 1 });
  const one = (frame, out) => {
    frame.before();
    out.enqueue(frame);
  };
  const before = new TransformStream({ transform: one }, undefined, { highWaterMark: 0 });
  const made = [];
  const keep = ({ data }) => void made.push(Buffer.from(data).toString("hex"));
  const writable = new WritableStream({ write: keep });
  const done = new Promise((resolve) => {
    const ends = new TransformStream({ flush: resolve });
    ends.readable.pipeTo(writable);
    onrtctransform({ transformer: { readable: readable.pipeThrough(before), writable: ends.writable } });
  });
  await done;
  await new Promise((resolve) => setTimeout(resolve, 5));
  console.log(JSON.stringify({ made, told }));
})();
"""


def carry(voices, late_ms=0, *, is_lossy=False):
    """Return what the worker makes of packets of voice, each with the motion that came before it."""
    script = HARNESS.replace("WORKER", WORKER.read_text("utf-8"))
    given = {"voices": [{"voice": v.hex(), "riders": [r.hex() for r in riders]} for v, riders in voices]}
    done = subprocess.run(
        ["node", "-e", script],
        input=json.dumps(given | {"late": late_ms, "lossy": is_lossy}),
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    return [bytes.fromhex(made) for made in answer["made"]], answer["told"]


@hypothesis.settings(max_examples=15, deadline=None)
@hypothesis.given(
    strategies.lists(
        strategies.tuples(
            strategies.binary(min_size=1, max_size=100),
            strategies.lists(strategies.binary(min_size=1, max_size=RIDER_MAX_BYTES), max_size=RIDERS_MAX),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_rides_is_read_again(voices):
    made, told = carry(voices)
    assert [split(packet) for packet in made] == voices
    assert told[0] == {"ready": True}
    left = [number for message in told[1:] for number in message["left"]]
    assert left == list(range(sum(len(riders) for _, riders in voices)))
    assert told[1]["moment"] == {"rtpMs": 100, "atMs": 980}


def test_the_latest_ride_and_what_waited_long_stays():
    made, told = carry([(b"v", [b"a", b"b", b"c", b"d"])])
    assert split(made[0]) == (b"v", [b"b", b"c", b"d"])
    assert told[1]["left"] == [1, 2, 3]
    made, _ = carry([(b"v", [b"a"])], late_ms=250)
    assert split(made[0]) == (b"v", [])


def test_on_a_bad_line_everything_rides_twice_and_no_more():
    made, told = carry([(b"v", [b"a"]), (b"v", [b"b", b"c"]), (b"v", []), (b"v", [])], is_lossy=True)
    assert [split(packet)[1] for packet in made] == [[b"a"], [b"a", b"b", b"c"], [b"b", b"c"], []]
    assert [message["left"] for message in told[1:]] == [[0], [0, 1, 2], [1, 2], []]
