"""How fast a conversation answers: real ear, recogniser, voice, motion, picture and session; an echoing mind.

Run with `visavis bench latency --json`, or `python -m benchmarks.latency`. Questions that Piper speaks are
fed to the hearing in real time, in 20 ms packets, as a browser would send them, each while the answer to the
one before still sounds. There is no browser and no network. The first turn is cold and told apart. After that
a client joins a room over the loopback and types: see `benchmarks.received`.

    user_stop_to_audible_ms   the question's last sound is fed → the answer's first sound is handed out
    audio_to_first_frame_ms   the voice's first sound is pushed → the first packet whose mouth has moved
    stages_ms                 when each stage of a turn was reached, from `user_stop`, the last word, on
    queues_max                the deepest each queue was seen
    barge_in_ms               the visitor's first sound is fed → the last sample that sounds is over
"""

import argparse
import asyncio
import json
import time
from collections import OrderedDict
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
import uvloop
from jaxtyping import Int16
from rich.console import Console
from rich.table import Table

from agent.config import Config, load_config
from agent.conversation import Conversation
from agent.faculties import Faculties, load_faculties
from agent.host import ConversationHost
from agent.latency import STAGES
from agent.picture import picture_maker
from agent.voice import Voice
from benchmarks.received import received
from engine.packets import MEDIA_RATE_HZ
from models.motion.frame import EXPRESSIONS, MotionFrame
from models.picture import Picture, PictureStage, Tier
from streaming.contract import Latency

MIC_RATE_HZ: Final = 48_000
MIC_PACKET: Final = MIC_RATE_HZ // 50
QUESTIONS: Final = (
    "Could you please tell me what the weather will be like tomorrow?",
    "Wait a moment, I have another question about your family.",
)
HIGHER: Final = 1.2
"""By so much the visitor's voice is higher than the avatar's, and quicker: three semitones."""
RECEIVED_TURNS: Final = 6
INTERRUPT_AFTER_S: Final = 1.5
LOUD: Final = 200
"""Samples beyond this are heard; the session's silence is exactly 0."""
MOUTH_MOVED: Final = 0.06
"""Change of an ARKit weight that can be seen; idle faces change less within the time measured."""
MOUTH: Final = [
    index
    for index, name in enumerate(EXPRESSIONS)
    if name in ("jawOpen", "mouthFunnel", "mouthPucker", "mouthClose") or name.startswith("mouthLowerDown")
]
QUEUES: Final = ("inbox_depth", "events_depth", "speech_waiting_s", "planned_frames", "ear_depth_ms")
ANSWER_WITHIN_S: Final = 20.0


class WatchedPicture:
    """A picture stage that remembers which mouth each of its last pictures shows."""

    def __init__(self, stage: PictureStage[Any]) -> None:
        self._stage = stage
        self._mouths: OrderedDict[int, tuple[Picture, np.ndarray]] = OrderedDict()

    @property
    def size(self) -> int:
        """Side of the square picture in pixels."""
        return self._stage.size

    def init_state(self) -> Any:
        """Return the stage's own state."""
        return self._stage.init_state()

    def step(self, motion: MotionFrame, state: Any, tier: Tier) -> tuple[Picture, Any]:
        """Draw, and remember. The picture is kept, so that its identity is not given to another."""
        picture, state = self._stage.step(motion, state, tier)
        self._mouths[id(picture)] = (picture, motion.expression[MOUTH].copy())
        while len(self._mouths) > 50:
            self._mouths.popitem(last=False)
        return picture, state

    def mouth(self, picture: Picture) -> np.ndarray | None:
        """Return the mouth's ARKit weights in `picture`, when it was drawn here lately."""
        found = self._mouths.get(id(picture))
        return None if found is None else found[1]


@dataclass(slots=True)
class Visitor:
    """Talks in one visit, and notes what came back and when."""

    visit: Conversation
    watched: WatchedPicture
    sounds_s: list[float] = field(default_factory=list)
    """Times of packets with sound."""
    over_s: list[float] = field(default_factory=list)
    """When the last loud sample of each of these is over, played from its packet's time on."""
    mouths: list[tuple[float, np.ndarray]] = field(default_factory=list)
    """Times of packets, and the mouths they show."""
    stages_ms: dict[int, dict[str, float]] = field(default_factory=dict)
    """The last known of each turn."""
    queues: dict[str, float] = field(default_factory=dict)
    voices_s: dict[int, float] = field(default_factory=dict)
    """Time at which the voice's first sound of each turn was pushed."""

    async def watch_packets(self) -> None:
        """Consume the session."""
        async for packet in self.visit.packets():
            now_s = time.perf_counter()
            self.look_at_queues()
            if len(loud := np.flatnonzero(np.abs(packet.pcm) > LOUD)):
                self.sounds_s.append(now_s)
                self.over_s.append(now_s + float(loud[-1] + 1) / MEDIA_RATE_HZ)
            if (mouth := self.watched.mouth(packet.picture)) is not None:
                self.mouths.append((now_s, mouth))

    def look_at_queues(self) -> None:
        """Note how deep the queues are."""
        for name, value in self.visit.stats().items():
            if name in QUEUES:
                self.queues[name] = max(value, self.queues.get(name, 0.0))

    async def watch_events(self) -> None:
        """Consume the events."""
        async for event in self.visit.events():
            if isinstance(event, Latency):
                self.stages_ms[event.turn] = event.stages_ms
            if isinstance(event, Latency) and "tts_first_pcm" in event.stages_ms:
                self.voices_s.setdefault(event.turn, time.perf_counter())

    async def say(self, pcm: Int16[np.ndarray, "samples"]) -> None:
        """Feed sound in real time; returns when the last of it has been said."""
        begin_s = time.perf_counter()
        for index in range(0, len(pcm), MIC_PACKET):
            await asyncio.sleep(begin_s + index / MIC_RATE_HZ - time.perf_counter())
            self.visit.push_audio(pcm[index : index + MIC_PACKET], MIC_RATE_HZ)

    async def listen_until(self, is_over: Any) -> None:
        """Feed a quiet room until `is_over()`."""
        room = np.random.default_rng(0).normal(0, 8, MIC_PACKET).astype(np.int16)
        async with asyncio.timeout(ANSWER_WITHIN_S):
            while not is_over():
                await self.say(np.concatenate([room, room]))


@dataclass(slots=True)
class Measured:
    """Milliseconds of each turn."""

    user_stop_to_audible_ms: list[float] = field(default_factory=list)
    audio_to_first_frame_ms: list[float] = field(default_factory=list)
    barge_in_ms: list[float] = field(default_factory=list)
    unmoved: int = 0
    """Answers whose mouth had not moved when they were interrupted: the machine could not draw in time."""


async def talk(visitor: Visitor, questions: list[Int16[np.ndarray, "samples"]], turns: int) -> Measured:
    """Ask, and interrupt each answer by the next question."""
    measured = Measured()
    begin_s = time.perf_counter()
    await visitor.listen_until(lambda: time.perf_counter() > begin_s + 1)
    for turn in range(1, turns + 1):
        start_s = time.perf_counter()
        speaks = bool(visitor.sounds_s) and start_s - visitor.sounds_s[-1] < 0.1
        await visitor.say(questions[turn % len(questions)])
        stop_s = time.perf_counter()
        if speaks:
            last_s = max(t for t in visitor.over_s if t < stop_s)
            measured.barge_in_ms.append(1000 * (last_s - start_s))

        def answered(after_s: float = stop_s) -> bool:
            return bool(visitor.sounds_s) and visitor.sounds_s[-1] > after_s + INTERRUPT_AFTER_S

        await visitor.listen_until(answered)
        audible_s = next(t for t in visitor.sounds_s if t > stop_s)
        measured.user_stop_to_audible_ms.append(1000 * (audible_s - stop_s))
        moved_s = _first_move_s(visitor, turn)
        if moved_s is None:
            measured.unmoved += 1
        else:
            measured.audio_to_first_frame_ms.append(1000 * moved_s)
    return measured


def _first_move_s(visitor: Visitor, turn: int) -> float | None:
    """Return seconds from the voice's first sound to the first packet whose mouth has moved, if one has."""
    pushed_s = visitor.voices_s[turn]
    before = [mouth for t, mouth in visitor.mouths if t <= pushed_s][-1]
    moved = (t for t, mouth in visitor.mouths if t > pushed_s and np.abs(mouth - before).max() > MOUTH_MOVED)
    moved_s = next(moved, None)
    return None if moved_s is None else moved_s - pushed_s


async def spoken(voice: Voice, text: str) -> Int16[np.ndarray, "samples"]:
    """Return `text` as a microphone would bring it, without silence around it, in another voice.

    The avatar's twin would be taken for its echo now and then, and nobody has a twin.
    """
    pieces = [piece async for piece in voice.speak(text)]
    pcm = np.concatenate([piece.pcm for piece in pieces]) / 32768
    sound = (soxr.resample(pcm, HIGHER * pieces[0].sample_rate_hz, MIC_RATE_HZ) * 32767).astype(np.int16)
    loud = np.flatnonzero(np.abs(sound) > LOUD)
    return np.ascontiguousarray(sound[loud[0] : loud[-1] + 1])


async def measure(config: Config, turns: int) -> dict[str, Any]:
    """Return the figures of one conversation of so many turns, the first of them apart."""
    watched: list[WatchedPicture] = []

    def picture_of(folder: Path, size: int) -> WatchedPicture:
        watched.append(WatchedPicture(picture_maker(config.picture)(folder, size)))
        return watched[-1]

    begin_s = time.perf_counter()
    faculties: Faculties = await load_faculties(config)
    async with aclosing(ConversationHost(config, faculties, picture_of)) as host:
        await host.prepare()
        ready_s = time.perf_counter() - begin_s
        questions = [await spoken(faculties.voice, text) for text in QUESTIONS]
        visit = await host.welcome(config.avatar)
        visitor = Visitor(visit, watched[-1])
        watchers = [asyncio.create_task(visitor.watch_packets()), asyncio.create_task(visitor.watch_events())]
        try:
            measured = await talk(visitor, questions, turns)
            stats = visit.stats()
        finally:
            await visit.aclose()
            await asyncio.gather(*watchers)
        over_network = await received(host, config.avatar, RECEIVED_TURNS)
    return {**report(measured, ready_s, stats, visitor), "received": over_network}


def report(measured: Measured, ready_s: float, stats: dict[str, float], visitor: Visitor) -> dict[str, Any]:
    """Return p50 and p95 of the warm turns, and the first turn apart."""
    cold, *warm_turns = (visitor.stages_ms[turn] for turn in sorted(visitor.stages_ms))
    warm = {
        "user_stop_to_audible_ms": measured.user_stop_to_audible_ms[1:],
        "audio_to_first_frame_ms": measured.audio_to_first_frame_ms,
        "barge_in_ms": measured.barge_in_ms,
    }
    return {
        **{name: _quantiles(values) for name, values in warm.items()},
        "stages_ms": {
            stage: _quantiles([turn[stage] for turn in warm_turns if stage in turn]) for stage in STAGES
        },
        "cold_stages_ms": {stage: round(cold[stage]) for stage in STAGES if stage in cold},
        "queues_max": {name: round(value, 2) for name, value in visitor.queues.items()},
        "first_turn_ms": round(measured.user_stop_to_audible_ms[0]),
        "ready_s": round(ready_s, 1),
        "unmoved_turns": measured.unmoved,
        "turns": len(measured.user_stop_to_audible_ms),
        "tier": int(stats["tier"]),
        "picture_p50_ms": round(stats["picture_p50_ms"], 1),
    }


def _quantiles(values: list[float]) -> dict[str, int]:
    return {f"p{q}": round(float(np.percentile(values, q))) for q in (50, 95)} if values else {}


def main(argv: list[str] | None = None) -> None:
    """Measure, and print a table or one JSON line."""
    parser = argparse.ArgumentParser(prog="visavis bench latency", description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument(
        "--turns", type=int, default=8, help="questions to ask; the first is not counted as warm"
    )
    parser.add_argument("--config", default="echo", help="preset, or path of a YAML file")
    arguments = parser.parse_args(argv)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(measure(load_config(arguments.config), max(2, arguments.turns)))
    if arguments.json:
        print(json.dumps(figures))
        return
    table = Table(box=None, show_header=False)
    for name, value in figures.items():
        table.add_row(name, str(value))
    Console().print(table)


if __name__ == "__main__":
    main()
