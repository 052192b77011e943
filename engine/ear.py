"""What the avatar hears while it listens: the other's voice, for the motion stage, a few frames deep."""

from typing import Final

import numpy as np
from jaxtyping import Float32, Int16

from engine.samples import SampleQueue, StreamResampler, to_float
from models.motion.stage import SAMPLES_PER_FRAME, SPEECH_RATE_HZ

KEPT_SAMPLES: Final = 3 * SAMPLES_PER_FRAME
"""120 ms: a microphone's unevenness fits in, and a nod that comes later than that comes too late."""


class Ear:
    """Sound of a live microphone, cut into frames for whoever listens. The oldest goes first, and is counted.

    A frame that has not come whole is silence, and what there is of it stays: so what waits grows to what
    the microphone's unevenness needs.
    """

    def __init__(self) -> None:
        self._sound = SampleQueue(np.float32)
        self._resampler: StreamResampler | None = None
        self._rate_hz = 0
        self._dropped_samples = 0

    @property
    def depth_ms(self) -> float:
        """Sound that waits, in milliseconds."""
        return 1000.0 * len(self._sound) / SPEECH_RATE_HZ

    @property
    def dropped_ms(self) -> float:
        """Sound that found no place, in milliseconds."""
        return 1000.0 * self._dropped_samples / SPEECH_RATE_HZ

    def push(self, pcm: Int16[np.ndarray, "samples"], sample_rate_hz: int) -> None:
        """Take mono sound of any rate. Raises `ValueError` for a rate that is not positive."""
        if sample_rate_hz <= 0:
            raise ValueError(f"a sample rate of {sample_rate_hz} Hz is not positive")
        if self._resampler is None or sample_rate_hz != self._rate_hz:
            self._resampler = StreamResampler(sample_rate_hz, SPEECH_RATE_HZ)
            self._rate_hz = sample_rate_hz
        self._sound.push(self._resampler.push(to_float(pcm)))
        self._dropped_samples += len(self._sound.take(max(0, len(self._sound) - KEPT_SAMPLES)))

    def take(self) -> Float32[np.ndarray, "640"]:
        """Return the next frame; silence when it has not come whole."""
        if len(self._sound) < SAMPLES_PER_FRAME:
            return np.zeros(SAMPLES_PER_FRAME, np.float32)
        return np.asarray(self._sound.take(SAMPLES_PER_FRAME))

    def skip(self) -> None:
        """Let a frame pass unheard: the avatar does not listen now."""
        self._sound.take(SAMPLES_PER_FRAME)
