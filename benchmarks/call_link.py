"""A call over a bad line, on virtual time: sender, line and player, tick by tick."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from jaxtyping import Float32

from models.motion.diffusion.stage import DiffusionMotion
from models.motion.stage import SAMPLES_PER_FRAME, Presence, SpeechChunk
from streaming.motion.channels import from_units, step_sizes
from streaming.motion.config import MotionConfig
from streaming.motion.encoder import MotionEncoder
from streaming.motion.packet import read_packet
from streaming.motion.player import MotionPlayer, numbers

SAME: Final = 1e-4
"""Frames that differ less, in weights and radians, are the same picture."""
VISIBLE: Final = from_units(np.array([step_sizes(8)], np.int32))[0]
"""A change of a channel that can be seen: 1/32 of a lip's weight, half a degree of the head."""
LOUD: Final = 0.01
"""Root mean square of a tick in which somebody speaks."""


@dataclass(frozen=True, slots=True)
class Line:
    """What happens to packets on the way."""

    loss: float = 0.0
    outage: tuple[int, int] = (0, 0)
    """Ticks between which nothing passes, sound neither."""
    delay_ticks: tuple[int, int] = (1, 3)
    """Packets take from the first to below the second."""
    seed: int = 0


@dataclass(slots=True)
class Call:
    """What came of a call."""

    seen: Float32[np.ndarray, "frames 98"]
    shown: Float32[np.ndarray, "frames 98"]
    packets: list[bytes] = field(default_factory=list)
    counts: dict[str, float] = field(default_factory=dict)

    @property
    def longest_freeze_ms(self) -> int:
        """Return how long the same picture stood at most while the person moved on visibly."""
        longest = start = 0
        for tick in range(1, len(self.shown)):
            if np.abs(self.shown[tick] - self.shown[start]).max() >= SAME:
                start = tick
            elif (np.abs(self.seen[tick] - self.seen[start]) > VISIBLE).any():
                longest = max(longest, tick - start)
        return 40 * longest


def call(
    motion: Float32[np.ndarray, "frames 98"],
    sound: Float32[np.ndarray, "samples"],
    config: MotionConfig,
    line: Line,
    playout_ticks: int,
) -> Call:
    """Send motion over a line; a tick is shown `playout_ticks` after it was seen, when its sound is heard."""
    encoder, player = MotionEncoder(config), MotionPlayer(DiffusionMotion())
    sending, playing = encoder.init_state(), player.init_state(line.seed)
    random = np.random.default_rng(line.seed)
    arriving: dict[int, list[bytes]] = {}
    made, shown = Call(motion, motion[:0]), []
    for now in range(len(motion) + playout_ticks):
        packets, sending = encoder.step(motion[now : now + 1], sending)
        if now == len(motion) - 1:
            last, sending = encoder.flush(sending)
            packets += last
        made.packets += packets
        for packet in packets:
            is_lost = random.random() < line.loss or line.outage[0] <= now < line.outage[1]
            arrives = now + int(random.integers(*line.delay_ticks))
            if not is_lost:
                arriving.setdefault(arrives, []).append(packet)
        for packet in arriving.pop(now, []):
            playing = player.push(read_packet(packet), playing)
        if now >= playout_ticks:
            heard = _heard(sound, now - playout_ticks, line)
            frame, playing = player.step(now - playout_ticks, heard, playing)
            shown.append(frame.vector())
    made.shown, made.counts = np.stack(shown), numbers(playing)
    return made


def _heard(sound: Float32[np.ndarray, "samples"], tick: int, line: Line) -> SpeechChunk:
    """Return the sound of a tick as the receiver has it."""
    pcm = sound[tick * SAMPLES_PER_FRAME : (tick + 1) * SAMPLES_PER_FRAME]
    pcm = np.pad(pcm, (0, SAMPLES_PER_FRAME - len(pcm)))
    if line.outage[0] <= tick < line.outage[1]:
        pcm = np.zeros_like(pcm)
    is_loud = float(np.sqrt(np.mean(pcm**2))) > LOUD
    return SpeechChunk(pcm, Presence.SPEAKING if is_loud else Presence.LISTENING, segment=int(is_loud))


def settings(**changes: Any) -> MotionConfig:
    """Return the default settings with some changed, checked."""
    return MotionConfig.model_validate(changes)
