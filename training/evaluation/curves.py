"""`Curves`: what the metrics look at, the same for a tracked face and for a generated one."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from models.motion.frame import EXPRESSION_INDEX
from training.evaluation.marks import BRIDGE, CHIN, NOSE_BASE

_LIDS = [EXPRESSION_INDEX[f"eyeBlink{side}"] for side in ("Left", "Right")]


@dataclass(frozen=True, slots=True)
class Curves:
    """One face over time, 25 frames a second; NaN where it was not seen."""

    aperture: Float32[np.ndarray, "frames"]
    """Distance of the inner lips over the face's height; 0 closed."""
    jaw: Float32[np.ndarray, "frames"]
    """From the nose's base to the chin, over the nose's length."""
    lips_mm: Float32[np.ndarray, "frames 40 2"]
    """Lip landmarks in the head's own frame, x to the person's left, y up."""
    points_m: Float32[np.ndarray, "frames 478 3"]
    """All landmarks as they move in space, the head's motion with them."""
    head: Float32[np.ndarray, "frames 3 3"]
    """Rotation of the head; the person's own axes, as in `models.motion.frame`."""
    expression: Float32[np.ndarray, "frames 52"]
    """ARKit weights."""

    def __len__(self) -> int:
        return len(self.aperture)

    @property
    def lids(self) -> Float32[np.ndarray, "frames"]:
        """Closure of the lids, mean of both sides."""
        return np.asarray(self.expression[:, _LIDS].mean(axis=1), np.float32)

    @property
    def head_deg(self) -> Float[np.ndarray, "frames 3"]:
        """Pitch (down), yaw (to the person's left) and roll of the head in degrees."""
        r = self.head.astype(np.float64)
        pitch = np.arcsin(np.clip(-r[:, 1, 2], -1.0, 1.0))
        yaw = np.arctan2(r[:, 0, 2], r[:, 2, 2])
        roll = np.arctan2(r[:, 1, 0], r[:, 1, 1])
        return np.degrees(np.stack([pitch, yaw, roll], axis=1))


def jaw_opening(points: Float32[np.ndarray, "frames 478 3"]) -> Float32[np.ndarray, "frames"]:
    """Return how far the chin is from the nose, over the nose's length; no unit."""
    below = np.linalg.norm(points[:, CHIN] - points[:, NOSE_BASE], axis=1)
    return np.asarray(below / np.linalg.norm(points[:, BRIDGE] - points[:, NOSE_BASE], axis=1), np.float32)
