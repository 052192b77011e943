"""How fast pictures are made: sessions of speech and silence, live or as fast as they go.

Run with `visavis bench picture --json`, or `python -m benchmarks.picture`.
"""

import argparse
import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args

import numpy as np
import uvloop
from av import VideoFrame
from rich.console import Console
from rich.table import Table

from benchmarks.speechlike import speechlike
from engine.clock import LoopClock
from engine.compute import ThreadCompute
from engine.config import SessionConfig
from engine.packets import MEDIA_RATE_HZ, AVPacket
from engine.session import Session
from models.motion.frame import FPS
from models.motion.stage import MotionStage
from models.picture import BoxPicture, PictureStage, Tier
from models.video.runtime import TIMES, RuntimeName

SPEECH_S, TURN_S = 4.0, 6.0
"""Seconds of speech in each turn of so many seconds; the rest is silence."""
WARM_UP_FRAMES = 2 * FPS
"""Left out of the measurement: compilers and caches."""

T = TypeVar("T")


@dataclass(slots=True)
class Stopwatch:
    """Milliseconds by stage, of real time spent in it."""

    took_ms: dict[str, list[float]] = field(default_factory=dict)

    def time(self, stage: str, frames: int, work: Callable[[], T]) -> T:
        """Return `work()`, and note how long it took per frame."""
        begun_s = time.perf_counter()
        result = work()
        taken_ms = 1000 * (time.perf_counter() - begun_s) / frames
        self.took_ms.setdefault(stage, []).extend([taken_ms] * frames)
        return result

    def quantiles(self) -> dict[str, dict[str, float]]:
        """Return p50, p95 and p99 of each stage."""
        return {
            f"{stage}_ms": {f"p{q}": round(float(np.percentile(took, q)), 2) for q in (50, 95, 99)}
            for stage, took in self.took_ms.items()
        }


StateT = TypeVar("StateT")


@dataclass(frozen=True, slots=True)
class TimedMotion(Generic[StateT]):
    """A `MotionStage` under a stopwatch."""

    stage: MotionStage[StateT]
    watch: Stopwatch

    def init_state(self, seed: int) -> StateT:
        """Return the stage's own state."""
        return self.stage.init_state(seed)

    def step(self, chunk: Any, state: StateT) -> Any:
        """Time the stage's own step."""
        return self.watch.time("motion", chunk.frames, lambda: self.stage.step(chunk, state))


@dataclass(frozen=True, slots=True)
class TimedPicture(Generic[StateT]):
    """A `PictureStage` under a stopwatch."""

    stage: PictureStage[StateT]
    watch: Stopwatch

    @property
    def size(self) -> int:
        """Side of the square picture in pixels."""
        return self.stage.size

    def init_state(self) -> StateT:
        """Return the stage's own state."""
        return self.stage.init_state()

    def step(self, motion: Any, state: StateT, tier: Tier) -> Any:
        """Time the stage's own step."""
        return self.watch.time("picture", 1, lambda: self.stage.step(motion, state, tier))


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured."""

    seconds: float
    stage: Literal["box", "warp", "learned"]
    runtime: Any
    steps: int
    avatar: str | None
    live: bool
    encode: Literal["none", "VP8", "H264"]


def measure(options: Options) -> dict[str, Any]:
    """Run one session for `options.seconds` of media and return what it took."""
    watch = Stopwatch()
    picture = TimedPicture(_picture_stage(options), watch)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(options, picture, watch))


async def _measure(options: Options, picture: TimedPicture[Any], watch: Stopwatch) -> dict[str, Any]:
    from models.motion.diffusion.stage import DiffusionMotion

    compute = ThreadCompute()
    config = SessionConfig(pacing="live" if options.live else "free", chunk_frames=4)
    motion = TimedMotion(DiffusionMotion(), watch)
    encode = _encoder(options, watch)
    tiers: Counter[str] = Counter()
    late = 0
    async with Session(motion, picture, clock=LoopClock(), compute=compute, config=config) as session:
        for number in range(WARM_UP_FRAMES):
            _talk(session, number)
            await asyncio.to_thread(encode, await anext(session))
        watch.took_ms.clear()
        begun = time.perf_counter(), time.process_time()
        frames = round(options.seconds * FPS)
        for number in range(frames):
            _talk(session, number + WARM_UP_FRAMES)
            packet = await anext(session)
            await asyncio.to_thread(encode, packet)
            tiers[packet.tier.name] += 1
            late += packet.late
        wall_s, cpu_s = time.perf_counter() - begun[0], time.process_time() - begun[1]
        stats = session.stats()
    await compute.aclose()
    return {
        "benchmark": "picture",
        "stage": options.stage,
        "runtime": options.runtime,
        "steps": options.steps,
        "size": picture.size,
        "mode": "live" if options.live else "free",
        "encode": options.encode,
        "cores": os.cpu_count(),
        "frames": frames,
        "fps": round(frames / wall_s, 2),
        "realtime_factor": round(frames / FPS / wall_s, 3),
        "cpu_fraction_of_two_cores": round(cpu_s / wall_s / 2, 3),
        "cpu_ms_per_frame": round(1000 * cpu_s / frames, 2),
        "late_fraction": round(late / frames, 4),
        "skipped_frames": stats["skipped_frames"],
        "handout_p95_ms": round(stats["handout_p95_ms"], 2),
        "tier_frames": dict(tiers),
        **watch.quantiles(),
    }


def _talk(session: Session, number: int) -> None:
    """Begin to speak at the beginning of each turn."""
    if number % round(TURN_S * FPS) == FPS:
        session.push_audio(speechlike(SPEECH_S, MEDIA_RATE_HZ), MEDIA_RATE_HZ)
        session.end_segment()


def _picture_stage(options: Options) -> PictureStage[Any]:
    if options.stage == "box":
        return BoxPicture(512)
    from models.avatar import load_avatar
    from models.video.open import open_picture

    avatar = load_avatar(_avatar_folder(options.avatar))
    return open_picture(avatar, 512, options.stage, options.runtime, options.steps)


def _avatar_folder(name: str | None) -> Path:
    """Return the folder of an avatar by name or path, or of the default, which is made when it is missing."""
    from models.home import avatars_root
    from models.portrait.create import default_avatar

    if name is None:
        return default_avatar(avatars_root(), progress=lambda step, fraction: None)
    return Path(name) if Path(name).is_dir() else avatars_root() / name


def _encoder(options: Options, watch: Stopwatch) -> Callable[[AVPacket], None]:
    """Return what encodes a packet's picture as the room does, or does nothing."""
    if options.encode == "none":
        return lambda packet: None
    from streaming.config import VideoBitrate
    from streaming.encoders import PictureEncoder

    encoder = PictureEncoder(options.encode, VideoBitrate())

    def encode(packet: AVPacket) -> None:
        frame = VideoFrame.from_ndarray(packet.picture, format="rgb24")
        frame.pts, frame.time_base = packet.index, Fraction(1, FPS)
        watch.time("encode", 1, lambda: encoder.encode(frame))

    return encode


def _options(argv: list[str] | None) -> tuple[Options, bool]:
    parser = argparse.ArgumentParser(prog="visavis bench picture", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument("--seconds", type=float, default=20.0, help="media time to measure, in seconds")
    parser.add_argument(
        "--stage", choices=("box", "warp", "learned"), default="learned", help="what makes the pictures"
    )
    parser.add_argument(
        "--runtime", choices=get_args(RuntimeName), default="auto", help="what runs the learned picture"
    )
    parser.add_argument("--steps", type=int, choices=tuple(TIMES), default=1, help="of its sampler")
    parser.add_argument("--avatar", help="name or folder; the default avatar if not given")
    parser.add_argument("--live", action="store_true", help="pace in real time, as for a visitor")
    parser.add_argument(
        "--encode", choices=("none", "VP8", "H264"), default="none", help="encode as the room"
    )
    asked = parser.parse_args(argv)
    return Options(
        asked.seconds, asked.stage, asked.runtime, asked.steps, asked.avatar, asked.live, asked.encode
    ), asked.json


def main(argv: list[str] | None = None) -> None:
    """Measure, and print one JSON line or a table."""
    options, as_json = _options(argv)
    figures = measure(options)
    if as_json:
        print(json.dumps(figures))
        return
    table = Table("figure", "value", title="Pictures")
    for name, value in figures.items():
        table.add_row(name, str(value))
    Console().print(table)


if __name__ == "__main__":
    main()
