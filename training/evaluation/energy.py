"""The baseline to beat: a jaw that opens with loudness, and nothing else."""

from typing import Final

import numpy as np

from models.motion.frame import EXPRESSION_INDEX, MotionFrame
from models.motion.stage import SAMPLES_PER_FRAME, SpeechChunk

_GAIN: Final = 1.5
"""Loud speech, at a root mean square of 0.3, opens the mouth about as wide as people do."""


class EnergyJaw:
    """A `MotionStage` without any state: None."""

    def init_state(self, seed: int) -> None:
        """Begin; the seed changes nothing."""

    def step(self, chunk: SpeechChunk, state: None) -> tuple[list[MotionFrame], None]:
        """Open the jaw by each frame's root mean square."""
        frames = []
        for pcm in chunk.pcm.reshape(-1, SAMPLES_PER_FRAME):
            frame = MotionFrame.rest()
            frame.expression[EXPRESSION_INDEX["jawOpen"]] = min(1.0, _GAIN * float(np.sqrt(np.mean(pcm**2))))
            frames.append(frame)
        return frames, None
