"""What is seen of a person, whenever it is seen, becomes packets: one frame for each tick of 40 ms.

A camera has a rate of its own. Ticks between two of its pictures get something of both; a gap lets ticks
pass. `streaming/page/motion-sender.js` is the twin.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float32

from models.motion.frame import FPS
from streaming.motion.config import MotionConfig
from streaming.motion.encoder import EncoderState, MotionEncoder

TICK_S: Final = 1.0 / FPS
GAP_TICKS: Final = 5
"""A longer time between two pictures is no movement but a gap."""


@dataclass(frozen=True, slots=True)
class SenderState:
    """The encoder's state, the next tick, and what was seen last."""

    encoder: EncoderState
    tick: int = 0
    before: tuple[Float32[np.ndarray, "98"], float] | None = None


class MotionSender:
    """Codes poses and their times. Holds settings alone; `step` takes and returns the state."""

    def __init__(self, config: MotionConfig | None = None) -> None:
        self._encoder = MotionEncoder(config or MotionConfig())

    def init_state(self) -> SenderState:
        """Return the state before the first picture; tick 0 is at 0 s."""
        return SenderState(self._encoder.init_state())

    def step(
        self, motion: Float32[np.ndarray, "98"] | None, at_s: float, state: SenderState
    ) -> tuple[list[bytes], SenderState]:
        """Take what was seen at `at_s`, None while nothing is known; return the packets that are complete."""
        due = int(np.floor(at_s / TICK_S)) + 1
        if motion is None:
            packets, state = self._skip(due - state.tick, state)
            return packets, replace(state, before=None)
        packets = []
        if state.before is None or due - state.tick > GAP_TICKS:
            packets, state = self._skip(due - state.tick - 1, state)
        while state.tick < due:
            row = _between(state, motion, at_s)
            made, encoder = self._encoder.step(row[None], state.encoder)
            packets += made
            state = replace(state, encoder=encoder, tick=state.tick + 1)
        return packets, replace(state, before=(motion, at_s))

    def flush(self, state: SenderState) -> tuple[list[bytes], SenderState]:
        """Send what waits."""
        packets, encoder = self._encoder.flush(state.encoder)
        return packets, replace(state, encoder=encoder)

    def _skip(self, ticks: int, state: SenderState) -> tuple[list[bytes], SenderState]:
        if ticks <= 0:
            return [], state
        packets, encoder = self._encoder.skip(ticks, state.encoder)
        return packets, replace(state, encoder=encoder, tick=state.tick + ticks)


def _between(state: SenderState, motion: Float32[np.ndarray, "98"], at_s: float) -> Float32[np.ndarray, "98"]:
    """Return the motion of the state's tick, which lies between what was seen before and what is seen now."""
    if state.before is None:
        return motion
    earlier, before_s = state.before
    part = np.clip((state.tick * TICK_S - before_s) / max(1e-3, at_s - before_s), 0.0, 1.0)
    return (earlier + np.float32(part) * (motion - earlier)).astype(np.float32)
