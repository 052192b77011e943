"""When do the lips close? One hears p, b and m because they do, so a film tells how late its own sound is.

People may move other lips before other sounds, and more so in running speech; these three they cannot make
before they are heard. Where tracked lips are shut at another time, sound and picture are not in step.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from jaxtyping import Float32

from models.motion.frame import FPS
from models.motion.stage import Phone
from training.evaluation.closures import BILABIALS

LAGS_FRAMES: Final = np.arange(-5, 6)
"""How much later than its sound a closure may be looked for; early is negative."""
LEAST_SAID: Final = 5
"""Fewer say nothing: lips are shut by chance, too."""


@dataclass(frozen=True, slots=True)
class Closings:
    """How far lips are apart around the p, b and m of some speech; sums add up."""

    said: int = 0
    opening: tuple[float, ...] = (0.0,) * len(LAGS_FRAMES)
    """At each of `LAGS_FRAMES` from the middle of the sound, over the speaker's 90th percentile; summed."""

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.said + other.said, tuple(a + b for a, b in zip(self.opening, other.opening, strict=True))
        )

    @property
    def late_ms(self) -> float:
        """Return how much later than their sound lips are nearest, to a part of a frame.

        A picture counts for the time at which it begins to be shown, so 20 ms are within its reach. NaN for
        fewer than `LEAST_SAID` sounds, and where the lips are nearest at the edge of what is looked at.
        """
        at = int(np.argmin(self.opening))
        if self.said < LEAST_SAID or at in (0, len(LAGS_FRAMES) - 1):
            return float("nan")
        before, least, after = self.opening[at - 1 : at + 2]
        bend = before - 2.0 * least + after
        part = 0.5 * (before - after) / bend if bend > 0.0 else 0.0
        return 1000.0 / FPS * (float(LAGS_FRAMES[at]) + part)


def find_closings(phones: Iterable[Phone], apertures: Sequence[Float32[np.ndarray, "frames"]]) -> Closings:
    """Look at one utterance; sounds near its ends or near frames without a face are left out.

    Args:
        phones: What was said, in utterance time.
        apertures: Of the inner lips, frame by frame from the utterance's start, in each sample of it; a sound
            counts once, whatever their number. Mouths that never open tell nothing.
    """
    wide = [float(np.nanpercentile(one, 90)) if np.isfinite(one).any() else 0.0 for one in apertures]
    opened = [one / most for one, most in zip(apertures, wide, strict=True) if most > 0.0]
    if not opened:
        return Closings()
    middles = [(p.start_s + p.end_s) / 2 * FPS for p in phones if p.symbol in BILABIALS]
    at = np.array(middles).reshape(-1, 1) + LAGS_FRAMES
    mean = np.mean(opened, axis=0)
    around = np.interp(at, np.arange(len(mean)), mean, left=np.nan, right=np.nan)
    known = around[np.isfinite(around).all(axis=1)]
    return Closings(len(known), tuple(known.sum(axis=0).tolist()))
