"""No hard edges after an interruption: sound fades out, motion eases over."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int16

from engine.packets import MEDIA_RATE_HZ
from models.motion.frame import MotionFrame


def fade_samples(fade_ms: float) -> int:
    """Return the length of a fade in samples at `MEDIA_RATE_HZ`."""
    return round(fade_ms * MEDIA_RATE_HZ / 1000)


def fade_out(pcm: Int16[np.ndarray, "samples"]) -> Int16[np.ndarray, "samples"]:
    """Fall from full to nothing over all of `pcm`, along half a cosine."""
    return np.asarray(np.rint(pcm * _half_cosine(len(pcm))), np.int16)


def mix(pcm: Int16[np.ndarray, "samples"], head: Int16[np.ndarray, "fewer"]) -> Int16[np.ndarray, "samples"]:
    """Add `head` to the beginning of `pcm`, clipped."""
    mixed = pcm.astype(np.int32)
    mixed[: len(head)] += head
    return np.clip(mixed, -32768, 32767).astype(np.int16)


def _half_cosine(length: int) -> Float32[np.ndarray, "length"]:
    phase = (np.arange(length) + 0.5) / max(1, length)
    return (0.5 * (1.0 + np.cos(np.pi * phase))).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Ease:
    """Part of the way from the motion shown before an interruption to the motion after it."""

    start: MotionFrame
    part: float
    """0 is all `start`, 1 is all the new motion."""

    def towards(self, frame: MotionFrame) -> MotionFrame:
        """Return the motion between. Residual rotations are small, so a straight line will do."""
        start, end = self.start.vector(), frame.vector()
        return MotionFrame.from_vector((start + np.float32(self.part) * (end - start)).astype(np.float32))
