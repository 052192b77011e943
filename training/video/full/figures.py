"""Figures of table 3 of the paper: how near a reenacted video is to the true one, by part of the body."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32
from skimage.metrics import structural_similarity

from models.body.rig import Region

Video = Float32[np.ndarray, "frames 3 side side"]
_INNER: Final = (Region.HEAD, Region.EYE_LEFT, Region.EYE_RIGHT, Region.SOCKET, Region.MOUTH, Region.TONGUE)
PARTS: Final[Mapping[str, tuple[Region, ...]]] = {
    "face": _INNER, "body": (Region.TORSO,), "hands": (Region.HAND,),
}  # fmt: skip
"""Classes of Cᵐ that make up each part."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over a video; NaN for a part that it does not show."""

    face_psnr_db: float
    face_l1: float
    body_psnr_db: float
    body_l1: float
    hands_psnr_db: float
    hands_l1: float
    psnr_db: float
    ssim: float
    l1: float
    """Absolute error, of a range of 1."""
    flicker: float
    """Absolute error of what changes from frame to frame, of a range of 1."""

    def as_dict(self) -> dict[str, float]:
        """Return them by name."""
        return asdict(self)


def measure(made: Video, truth: Video, semantic: Float32[np.ndarray, "frames 9 side side"]) -> Figures:
    """Compare two videos in -1..1.

    Args:
        made: what the model drew.
        truth: what it ought to be.
        semantic: Cᵐ one-hot, says which pixel belongs to which part.
    """
    error = 0.5 * (made - truth)
    parts: dict[str, float] = {}
    for name, regions in PARTS.items():
        mask = semantic[:, [int(region) + 1 for region in regions]].sum(1) > 0
        parts[f"{name}_psnr_db"], parts[f"{name}_l1"] = _inside(error, mask)
    steps = error[1:] - error[:-1]
    psnr_db, l1 = _inside(error, np.ones_like(error[:, 0], bool))
    ssim = [
        structural_similarity(one, other, channel_axis=0, data_range=2.0)
        for one, other in zip(made, truth, strict=True)
    ]
    return Figures(**parts, psnr_db=psnr_db, ssim=float(np.mean(ssim)), l1=l1, flicker=_mean(np.abs(steps)))


def mean_of(figures: list[Figures]) -> Figures:
    """Return the mean over videos, each figure over those that have it."""
    rows = np.array([list(f.as_dict().values()) for f in figures], np.float64)
    known = ~np.isnan(rows)
    sums, counts = np.where(known, rows, 0).sum(0), known.sum(0)
    return Figures(*(float(s / c) if c else float("nan") for s, c in zip(sums, counts, strict=True)))


def _inside(error: Video, mask: Bool[np.ndarray, "frames side side"]) -> tuple[float, float]:
    inside = error.transpose(0, 2, 3, 1)[mask]
    if not len(inside):
        return float("nan"), float("nan")
    return float(-10 * np.log10(max(1e-12, float(np.square(inside).mean())))), float(np.abs(inside).mean())


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")
