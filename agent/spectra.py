"""The last frames of a sound's spectrum, and how well what one side hears agrees with what another plays."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float32
from numpy.lib.stride_tricks import sliding_window_view

from models.speech.scorer import WINDOW

HOP: Final = WINDOW // 2
"""Samples from one frame to the next; a frame is as long as a window of the detector."""
AUDIBLE_DB: Final = 6.0
"""Level over the floor from which something sounds at all."""
BANDS: Final = WINDOW // 2 + 1
_BINS: Final = slice(4, 116)
"""125 to 3,600 Hz, where harmonics can be told apart."""
_SMOOTH: Final = 6
"""The spectrum is compared with its mean over so many bins to either side."""
_FLOOR: Final = 1e-4
"""Power of a bin below which there is nothing but noise; about -63 dB of full scale in all."""

Frames = Float32[np.ndarray, "frames 112"]
Powers = Float32[np.ndarray, "frames 257"]


@dataclass(frozen=True, slots=True)
class Side:
    """The last frames of one sound."""

    tail: Float32[np.ndarray, "samples"]
    """Samples that wait for their frame."""
    fine: Frames
    """Each spectrum's fine structure in dB."""
    level_db: Float32[np.ndarray, "frames"]
    """Each frame's mean level over the floor."""
    power: Powers
    """Each frame's spectrum, with the tail of those before."""
    count: int = 0
    """Frames since the beginning."""

    @classmethod
    def silent(cls, frames: int) -> "Side":
        """Return silence of so many frames."""
        fine = np.zeros((frames, _BINS.stop - _BINS.start), np.float32)
        power = np.zeros((frames, BANDS), np.float32)
        return cls(np.zeros(HOP, np.float32), fine, np.zeros(frames, np.float32), power)

    def after(self, pcm: Float32[np.ndarray, "samples"], tail: float) -> "Side":
        """Return what is known when more sound has come, of which a room keeps `tail` from frame to frame."""
        sound = np.concatenate([self.tail, pcm])
        count = max(0, (len(sound) - WINDOW) // HOP + 1)
        if not count:
            return replace(self, tail=sound)
        power = _spectra(sliding_window_view(sound, WINDOW)[::HOP][:count], self.power[-1], tail)
        fine, level_db = _fine(power)
        kept = len(self.fine)
        return Side(
            sound[count * HOP :],
            np.concatenate([self.fine, fine])[-kept:],
            np.concatenate([self.level_db, level_db])[-kept:],
            np.concatenate([self.power, power])[-kept:],
            self.count + count,
        )


def agreements(heard: Side, played: Side) -> Float32[np.ndarray, "delays"]:
    """Return for each delay, in hops, how well what is heard agrees with what was played: -1..1."""
    loud = np.clip((heard.level_db - AUDIBLE_DB) / 20.0, 0.0, 1.0)[:, None]
    mine = heard.fine * loud
    theirs = sliding_window_view(played.fine, len(mine), axis=0)[::-1]  # delays, bins, frames
    common = np.einsum("fb,dbf->d", mine, theirs)
    power = np.einsum("fb,dbf->d", loud * np.ones_like(mine), theirs**2)
    return np.asarray(common / np.sqrt(power * (mine * heard.fine).sum() + 1e-6), np.float32)


def _spectra(
    frames: Float32[np.ndarray, "frames 512"], before: Float32[np.ndarray, "257"], tail: float
) -> Powers:
    """Return the power of each frame's spectrum, with the tail of those before it."""
    power = (np.abs(np.fft.rfft(frames * np.hanning(WINDOW))) ** 2).astype(np.float32)
    if tail:
        for index in range(len(power)):
            power[index] += np.float32(tail) * (power[index - 1] if index else before)
    return power


def _fine(power: Powers) -> tuple[Frames, Float32[np.ndarray, "frames"]]:
    """Return the fine structure of each spectrum, and its level over the floor; both in dB."""
    level = 10.0 * np.log10((power + _FLOOR) / _FLOOR)
    total = np.cumsum(np.pad(level, ((0, 0), (1, 0))), axis=1)
    bins = np.arange(_BINS.start, _BINS.stop)
    first, last = np.maximum(bins - _SMOOTH, 0), bins + _SMOOTH + 1
    mean = (total[:, last] - total[:, first]) / (last - first)
    return (level[:, _BINS] - mean).astype(np.float32), level[:, _BINS].mean(axis=1).astype(np.float32)
