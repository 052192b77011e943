"""Guests hear each other: their voices are laid over the avatar's sound, for each without their own.

A listener's sound is one stream, so one Opus encoder does, and no connection changes when somebody comes.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
import soxr
from jaxtyping import Int16

from engine.packets import MEDIA_RATE_HZ

START_MS: Final = 60
"""Sound that waits before a voice is heard: packets come every 20 ms, not evenly, and go out by 40 ms."""
LIMIT_MS: Final = 240
"""Sound that may wait; a microphone whose clock runs faster than ours fills it in hours."""

Sound = Int16[np.ndarray, "..."]


class GuestVoice:
    """One guest's microphone between its uneven packets and the even ones that go out."""

    def __init__(self) -> None:
        self._sound = np.zeros(0, np.int16)
        self._resampler: soxr.ResampleStream | None = None
        self._rate_hz = 0
        self._flows = False
        self.dropped_s = 0.0
        """Sound that found no place."""

    @property
    def depth_ms(self) -> float:
        """Sound that waits, in milliseconds."""
        return 1000 * len(self._sound) / MEDIA_RATE_HZ

    def push(self, pcm: Sound, sample_rate_hz: int) -> None:
        """Append sound; beyond the limit, the oldest goes down to what is needed to go on.

        Raises:
            ValueError: when the rate is not positive.
        """
        if sample_rate_hz <= 0:
            raise ValueError(f"a sample rate must be positive, not {sample_rate_hz} Hz")
        if self._resampler is None or sample_rate_hz != self._rate_hz:
            self._resampler = soxr.ResampleStream(sample_rate_hz, MEDIA_RATE_HZ, 1, "int16", quality="QQ")
            self._rate_hz = sample_rate_hz
        self._sound = np.concatenate([self._sound, self._resampler.resample_chunk(pcm)])
        if self.depth_ms > LIMIT_MS:
            kept = START_MS * MEDIA_RATE_HZ // 1000
            self.dropped_s += (len(self._sound) - kept) / MEDIA_RATE_HZ
            self._sound = self._sound[-kept:]

    def take(self, samples: int) -> Sound | None:
        """Return the next samples, None while too little has come. After a gap it waits anew."""
        if not self._flows and self.depth_ms < START_MS:
            return None
        self._flows = len(self._sound) >= samples
        taken, self._sound = self._sound[:samples], self._sound[samples:]
        return taken if len(taken) == samples else np.pad(taken, (0, samples - len(taken)))


def mixed(sound: Sound, voices: Iterable[Sound | None]) -> Sound:
    """Return the sum of all, clipped; the sound itself when nobody speaks."""
    heard = [voice for voice in voices if voice is not None]
    if not heard:
        return sound
    total = np.sum([sound, *heard], axis=0, dtype=np.int32)
    return np.clip(total, -32768, 32767).astype(np.int16)
