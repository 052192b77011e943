"""From θᵉ to the weights a particular face needs.

The articulators (jaw, lips, tongue) are absolute: a closed mouth is closed in every portrait. The mood
channels (brows, cheeks, smile) add to what the portrait already shows, so that a smiling photo stays itself.
Blinks are scaled so that a weight of 1 closes this person's eyes, whatever their shape.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from jaxtyping import Float32

from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS
from models.portrait.marks import shared_marks

_KEPT: Final = {
    "brow": 1.0, "cheekSquint": 0.8, "noseSneer": 0.8, "eyeSquint": 1.0, "eyeWide": 1.0, "eyeLook": 1.0,
    "mouthSmile": 0.75, "mouthDimple": 0.8, "mouthFrown": 0.8, "mouthLeft": 0.6, "mouthRight": 0.6,
    "mouthShrugUpper": 0.5, "mouthShrugLower": 0.5, "mouthStretch": 0.5, "mouthPress": 0.3,
}  # fmt: skip
"""Share of the portrait's own expression that stays, by the channel's beginning; 0 for all others."""
_LIDS: Final = {"Right": (159, 145), "Left": (386, 374)}
"""Landmarks in the middle of the upper and lower lid."""
_HIGHEST: Final = 1.6
"""Weights beyond this distort the lids more than they close them."""


@dataclass(frozen=True, slots=True)
class ExpressionMap:
    """Turns motion into this person's weights."""

    kept: Float32[np.ndarray, "52"]
    """What stays of the portrait's expression."""
    gain: Float32[np.ndarray, "52"]
    """Scale of each channel of the motion."""

    @classmethod
    def of(cls, shape: Float32[np.ndarray, "components"], expression: Float32[np.ndarray, "52"]) -> Self:
        """Calibrate for one person: their shape and the expression of their portrait."""
        share = np.array(
            [max([v for k, v in _KEPT.items() if name.startswith(k)], default=0.0) for name in EXPRESSIONS],
            np.float32,
        )
        kept, gain = expression * share, np.ones(52, np.float32)
        marks = shared_marks()
        for side, (upper, lower) in _LIDS.items():
            blink = EXPRESSION_INDEX[f"eyeBlink{side}"]
            kept[blink] = expression[blink]
            rest = marks.rest(shape, kept)
            opening = rest[upper, 1] - rest[lower, 1]
            closing = marks.expression[blink, lower, 1] - marks.expression[blink, upper, 1]
            gain[blink] = np.clip(opening / closing, 0.1, _HIGHEST - kept[blink])
        return cls(kept, gain)

    def __call__(self, motion: Float32[np.ndarray, "52"]) -> Float32[np.ndarray, "52"]:
        """Return the weights to pose with."""
        return np.clip(self.kept + self.gain * motion, 0.0, _HIGHEST)
