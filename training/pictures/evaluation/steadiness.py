"""How steady pictures are over time: flicker of pixels, jitter of landmarks, each beside the original's."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from models.portrait.face import CHIN, FOREHEAD


@dataclass(frozen=True, slots=True)
class Flicker:
    """The mean |x(t+1) - 2x(t) + x(t-1)| of each pixel so far."""

    earlier: UInt8[np.ndarray, "side side 3"] | None = None
    before: UInt8[np.ndarray, "side side 3"] | None = None
    total: Float32[np.ndarray, "side side"] | None = None
    """Sum of the second differences, mean over the colours, in levels; None before the third picture."""
    count: int = 0

    def add(self, picture: UInt8[np.ndarray, "side side 3"]) -> Self:
        """Return the state after one more picture, 40 ms later."""
        if self.before is None or self.earlier is None:
            return replace(self, earlier=self.before, before=picture)
        bend = picture.astype(np.float32) - 2.0 * self.before + self.earlier
        change = np.abs(bend).mean(-1, dtype=np.float32)
        total = change if self.total is None else self.total + change
        return replace(self, earlier=self.before, before=picture, total=total, count=self.count + 1)

    def mean(self, mask: Bool[np.ndarray, "side side"]) -> float:
        """Return a region's flicker in levels of 255; NaN before the third picture."""
        return float("nan") if self.total is None else float(self.total[mask].mean() / self.count)

    def beyond(self, original: "Flicker", mask: Bool[np.ndarray, "side side"]) -> float:
        """Return by how much a region's pixels flicker more than the original's, those that do less as 0."""
        if self.total is None or original.total is None:
            return float("nan")
        more = self.total[mask] / self.count - original.total[mask] / original.count
        return float(np.maximum(more, 0.0).mean())


def jitter_percent(points: Float[np.ndarray, "frames 478 _"]) -> float:
    """Return the mean length of the landmarks' second difference, in percent of the face's height.

    NaN where the face was seen in no three pictures on end.
    """
    flat = points[..., :2].astype(np.float64)
    height = np.nanmedian(np.linalg.norm(flat[:, FOREHEAD] - flat[:, CHIN], axis=-1))
    bend = np.linalg.norm(np.diff(flat, n=2, axis=0), axis=-1)
    return float(100.0 * np.nanmean(bend) / height) if np.isfinite(bend).any() else float("nan")
