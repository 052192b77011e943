"""The baseline to beat: a jaw that opens with loudness, and nothing else."""

from typing import Final

import numpy as np

from models.motion.frame import EXPRESSION_INDEX, MotionFrame
from models.motion.stage import SAMPLES_PER_FRAME, SpeechChunk

_WIDEST: Final = 0.4
"""`jawOpen` of loud speech: about as wide as people open their mouths."""
_LOUD: Final = 0.25
"""Root mean square from which speech is loud. Without a limit the baseline is worse, 0.34 on GRID."""


class EnergyJaw:
    """A `MotionStage` without any state: None."""

    def init_state(self, seed: int) -> None:
        """Begin; the seed changes nothing."""

    def step(self, chunk: SpeechChunk, state: None) -> tuple[list[MotionFrame], None]:
        """Open the jaw by each frame's root mean square."""
        frames = []
        for pcm in chunk.pcm.reshape(-1, SAMPLES_PER_FRAME):
            frame = MotionFrame.rest()
            level = float(np.sqrt(np.mean(pcm**2)))
            frame.expression[EXPRESSION_INDEX["jawOpen"]] = _WIDEST * min(1.0, level / _LOUD)
            frames.append(frame)
        return frames, None
