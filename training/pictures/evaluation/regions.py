"""Parts of a picture that are measured apart: boxes around landmarks, and classes of Cᵐ."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, Int

from models.body.rig import Region as Surface
from models.controls.controls import Controls
from models.portrait.face import CHIN, FOREHEAD
from training.evaluation.marks import LIPS

BOXES: Final = ("full", "face", "mouth", "eyes")
"""Regions that are a box."""
CLASSES: Final = ("body", "hands", "unseen")
"""Regions that are a class of pixels; `unseen` is what the reference picture does not show."""
NAMES: Final = (*BOXES, *CLASSES)
LEAST_PIXELS: Final = 64
"""A smaller region is not measured."""
FACE_MARGIN, MOUTH_MARGIN, EYES_MARGIN = 0.12, 0.09, 0.07
"""How far boxes reach beyond their landmarks, over the face's height."""
_EYES: Final = [
    33, 133, 159, 145, 468, 469, 471, 362, 263, 386, 374, 473, 474, 476,
    70, 63, 105, 107, 336, 296, 334, 300,
]  # fmt: skip
"""Lids, irises and the upper edge of the brows."""


@dataclass(frozen=True, slots=True)
class Region:
    """One part of a picture."""

    left: int
    top: int
    right: int
    """One beyond the last column."""
    bottom: int
    mask: Bool[np.ndarray, "side side"]
    """Which pixels count."""

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def regions_of(
    marks: Float32[np.ndarray, "478 2"], side: int, controls: Controls | None = None
) -> dict[str, Region]:
    """Return the regions of a picture that are large enough, by name.

    Args:
        marks: face landmarks of the true picture, in its pixels.
        side: side of the square picture.
        controls: of the pose the true picture shows, `side` wide; without them only boxes are known.
    """
    height = float(np.linalg.norm(marks[FOREHEAD] - marks[CHIN]))
    found = {
        "full": _box(np.array([[0, 0], [side, side]], np.float32), 0.0, side),
        "face": _box(marks, FACE_MARGIN * height, side),
        "mouth": _box(marks[LIPS], MOUTH_MARGIN * height, side),
        "eyes": _box(marks[_EYES], EYES_MARGIN * height, side),
    }
    if controls is not None:
        found["body"] = _class(controls.semantic == Surface.TORSO + 1)
        found["hands"] = _class(controls.semantic == Surface.HAND + 1)
        found["unseen"] = _class((controls.semantic > 0) & ~controls.visible)
    return {name: region for name, region in found.items() if region.mask.sum() >= LEAST_PIXELS}


def _box(points: Float32[np.ndarray, "points 2"], margin_px: float, side: int) -> Region:
    low = np.clip(np.floor(points.min(0) - margin_px), 0, side).astype(int)
    high = np.clip(np.ceil(points.max(0) + margin_px), 0, side).astype(int)
    mask = np.zeros((side, side), bool)
    mask[low[1] : high[1], low[0] : high[0]] = True
    return Region(int(low[0]), int(low[1]), int(high[0]), int(high[1]), mask)


def _class(mask: Bool[np.ndarray, "side side"]) -> Region:
    rows, columns = (_ends(np.flatnonzero(mask.any(axis))) for axis in (1, 0))
    return Region(columns[0], rows[0], columns[1], rows[1], mask)


def _ends(places: Int[np.ndarray, "places"]) -> tuple[int, int]:
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)
