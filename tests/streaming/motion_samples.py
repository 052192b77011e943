"""Motion of every kind to send, and the JavaScript codec to send it to."""

import base64
import json
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.speechlike import speechlike
from models.motion.diffusion.stage import DiffusionMotion
from models.motion.frame import MOTION_SIZE, MotionFrame
from models.motion.stage import SPEECH_RATE_HZ, Presence, SpeechChunk
from streaming.motion.channels import HIGHEST, LOWEST, from_units, to_units
from streaming.motion.config import MotionConfig
from streaming.motion.encoder import MotionEncoder
from streaming.motion.errors import MotionStreamError
from streaming.motion.packet import read_packet
from tests.house.repository import ROOT

VECTORS = ROOT / "docs" / "motion-stream-vectors.json"
KINDS = ("smooth", "sparse", "still", "noise", "wild")


def sample(kind, frames, random):
    """Return motion, `frames 98`."""
    time = np.arange(frames)[:, None] / 25
    motion = np.zeros((frames, MOTION_SIZE))
    if kind == "smooth":
        pace, phase = random.uniform(0.2, 3, MOTION_SIZE), random.uniform(0, 6, MOTION_SIZE)
        motion = random.uniform(0, 0.3, MOTION_SIZE) * (1 + np.sin(2 * np.pi * pace * time + phase))
        motion[:, random.random(MOTION_SIZE) < 0.8] = 0.0
        motion += random.normal(0, 0.004, motion.shape)
    elif kind == "sparse":
        motion[random.random(motion.shape) < 0.03] = 0.5
    elif kind == "still":
        motion += random.uniform(-0.5, 0.5, MOTION_SIZE)
        motion[frames // 2 :] += random.choice([0.0, 0.3])
    elif kind == "noise":
        motion = random.uniform(-1, 1, motion.shape)
    else:
        motion = random.normal(0, 3, motion.shape)
        motion[random.random(motion.shape) < 0.02] = np.nan
        motion[random.random(motion.shape) < 0.02] = np.inf
        motion[random.random(motion.shape) < 0.02] = -np.inf
    return motion.astype(np.float32)


def talking(seconds):
    """Return motion made by rules for a sound like speech, `frames 98`."""
    pcm = speechlike(seconds, SPEECH_RATE_HZ).astype(np.float32) / 32_768
    stage = DiffusionMotion()
    chunk = SpeechChunk(pcm, Presence.SPEAKING, segment=1)
    return np.stack([frame.vector() for frame in stage.step(chunk, stage.init_state(0))[0]])


def settings(random):
    """Return any settings, and the tick to begin at."""
    finest, coarsest = sorted(random.integers(0, 16, 2).tolist())
    parts = [part for part in ("face", "body", "hands") if random.random() < 0.8]
    config = MotionConfig(
        packet_ticks=int(random.integers(1, 9)),
        echoes=int(random.integers(0, 8)),
        finest=finest,
        coarsest=coarsest,
        target_bps=int(random.choice([1000, 4000, 8000, 200_000])),
        overhead_bytes=int(random.choice([0, 30, 93])),
        still_ticks=int(random.integers(1, 12)),
        keepalive_ticks=int(random.integers(1, 26)),
        parts=tuple(parts),
    )
    return config, int(random.integers(0, 70_000))


def send(config, tick, motion):
    """Return the packets of the whole; a row of NaN is a tick in which nothing is known."""
    encoder, packets = MotionEncoder(config), []
    state = encoder.init_state(tick)
    for row in motion:
        made, state = encoder.skip(1, state) if np.isnan(row).all() else encoder.step(row[None], state)
        packets += made
    return packets + encoder.flush(state)[0]


def read_here(packet):
    """Return what Python reads, as the peer says it."""
    try:
        read = read_packet(packet)
    except MotionStreamError as error:
        return {"error": str(error)}
    return {"header": asdict(read.header), "frames": text(read.frames), "echoes": text(read.echoes)}


def text(array):
    return base64.b64encode(np.ascontiguousarray(array, np.float32).tobytes()).decode()


def vectors():
    """Return what `VECTORS` holds: settings, frames in units, packets, and the rows they are read as."""
    still = to_units(MotionFrame.named({"mouthSmile": 0.4}, {"head": (4, -7, 2)}).vector()[None])
    ends = np.array([LOWEST, HIGHEST, LOWEST, HIGHEST], np.int32)
    spoken = to_units(talking(1.0))[8:21]
    return [
        vector("speech at the default settings", {}, spoken),
        vector("a low rate", {"target_bps": 1000, "overhead_bytes": 0, "echoes": 2}, spoken),
        vector("stillness", {"echoes": 0}, still, 40),
        vector("the largest residuals, and a tick that wraps", {"finest": 0, "target_bps": 99_000}, ends, 2),
    ]


def vector(name, settings, units, repeat=1):
    motion = np.repeat(from_units(units), repeat, 0)
    packets = send(MotionConfig(**settings), 65_532, motion)
    rows = [[row for _, row in read_packet(packet).timed()] for packet in packets]
    return {
        "name": name,
        "config": settings,
        "tick": 65_532,
        "units": units.tolist(),
        "repeat": repeat,
        "packets": [packet.hex() for packet in packets],
        "read": [to_units(np.stack(each)).tolist() for each in rows],
    }


def plausible(header, rest):
    """Return bytes whose header is one of version 1."""
    bits = bytes([16 | header[0] & 3, *header[1:4], header[4] & 0xF0 | header[4] % 5, header[5] & 0xF7])
    return bits + rest


def camel(config):
    """Return settings under the names JavaScript has for them."""
    words = {name: name.split("_") for name in MotionConfig.model_fields}
    return {w[0] + "".join(map(str.title, w[1:])): getattr(config, name) for name, w in words.items()}


class NodePeer:
    """The JavaScript codec in a process of its own."""

    def __init__(self):
        node = shutil.which("node")
        assert node
        command = [
            node, "--no-warnings", str(Path(__file__).with_name("motion_peer.mjs")),
            str(ROOT / "streaming" / "page" / "motion.js"),
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, question):
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def send(self, config, tick, motion):
        question = {"config": camel(config), "tick": tick, "motion": text(motion)}
        return [bytes.fromhex(packet) for packet in self.ask(question)]

    def read(self, packets):
        return self.ask({"read": [packet.hex() for packet in packets]})

    def close(self):
        self._process.stdin.close()
        assert self._process.wait(10) == 0
        self._process.stdout.close()


def main():
    """Write `VECTORS` anew (`python -m tests.streaming.motion_samples`): with a new version of the stream."""
    lines = json.dumps(vectors()).replace("], [", "],\n[").replace('", "', '",\n"')
    VECTORS.write_text(lines + "\n", "utf-8")


if __name__ == "__main__":
    main()
