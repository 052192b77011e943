"""`Media`: pictures and sound that were sent or received, kept to be looked at."""

from dataclasses import dataclass, field
from typing import ClassVar, Final

import numpy as np
import soxr
from jaxtyping import Float, Float32, Int16, Num

from benchmarks.lips import AROUND_S, Opening, Region, crop, expected_opening
from models.motion.stage import SPEECH_RATE_HZ

SMALL: Final = 128
"""Side of the pictures that are kept."""
LOUD: Final = 0.01
"""Root mean square of 10 ms from which they are heard."""
PAUSE_S: Final = 0.8
"""Silence that parts one answer from the next."""


@dataclass(slots=True)
class Media:
    """Pictures and sound with their times in seconds."""

    STEP_S: ClassVar[float] = 0.01
    """Loudness is told in steps so long."""

    region: Region
    """Where the mouth is."""
    picture_s: list[float] = field(default_factory=list)
    pictures: list[Float32[np.ndarray, "side side"]] = field(default_factory=list)
    """Grey, small."""
    mouths: list[Float32[np.ndarray, "height width"]] = field(default_factory=list)
    """Grey, as they came."""
    sounds: list[tuple[float, Int16[np.ndarray, "samples"]]] = field(default_factory=list)
    """Pieces and the times of their first samples."""
    rate_hz: int = 0

    def add_picture(self, at_s: float, grey: Num[np.ndarray, "side side"]) -> None:
        """Keep a picture, small, and its mouth."""
        step = max(1, grey.shape[0] // SMALL)
        self.picture_s.append(at_s)
        self.pictures.append(grey[: SMALL * step : step, : SMALL * step : step].astype(np.float32))
        self.mouths.append(crop(grey, self.region).astype(np.float32))

    def add_sound(self, at_s: float, pcm: Int16[np.ndarray, "samples"], rate_hz: int) -> None:
        """Keep sound; all of one rate."""
        self.sounds.append((at_s, pcm.copy()))
        self.rate_hz = rate_hz

    def shift(self, picture_s: float, sound_s: float) -> None:
        """Count both from another zero."""
        self.picture_s = [at_s + picture_s for at_s in self.picture_s]
        self.sounds = [(at_s + sound_s, pcm) for at_s, pcm in self.sounds]

    def sound(self) -> tuple[float, Float32[np.ndarray, "samples"]]:
        """Return the time of the first sample, and all of them in -1..1; silence where none came."""
        begin_s = self.sounds[0][0]
        starts = [round((at_s - begin_s) * self.rate_hz) for at_s, _ in self.sounds]
        whole = np.zeros(
            max(at + len(pcm) for at, (_, pcm) in zip(starts, self.sounds, strict=True)), np.float32
        )
        for at, (_, pcm) in zip(starts, self.sounds, strict=True):
            whole[max(0, at) : at + len(pcm)] = pcm[max(0, -at) :] / np.float32(32768)
        return begin_s, whole

    def loudness(self) -> tuple[Float[np.ndarray, "steps"], Float[np.ndarray, "steps"]]:
        """Return the root mean square of each 10 ms, and their times."""
        begin_s, pcm = self.sound()
        size = round(self.rate_hz * self.STEP_S)
        steps = pcm[: len(pcm) // size * size].reshape(-1, size)
        return begin_s + self.STEP_S * np.arange(len(steps)), np.sqrt(np.mean(steps**2, axis=1))

    def stretches_s(self) -> list[tuple[float, float]]:
        """Return when each answer begins and ends."""
        step_s, level = self.loudness()
        loud = step_s[level > LOUD]
        breaks = np.flatnonzero(np.diff(loud) > PAUSE_S)
        return [
            (float(part[0]), float(part[-1]) + self.STEP_S)
            for part in np.split(loud, breaks + 1)
            if len(part)
        ]

    def opening(self, text: str, begin_s: float, end_s: float) -> Opening:
        """Return how lips move that say `text` in a stretch of the sound. Raises `AlignmentError`."""
        zero_s, pcm = self.sound()
        first, last = (
            round((at_s - zero_s) * self.rate_hz) for at_s in (begin_s - AROUND_S, end_s + AROUND_S)
        )
        heard = soxr.resample(pcm[max(0, first) : last], self.rate_hz, SPEECH_RATE_HZ)
        return expected_opening(heard.astype(np.float32), text, zero_s + max(0, first) / self.rate_hz)
