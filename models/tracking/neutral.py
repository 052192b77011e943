"""`Neutral`: the face of a person at rest, learned while they begin to be seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64
from scipy.spatial.transform import Rotation

from models.motion.frame import EXPRESSIONS
from models.portrait.face import Face

CALIBRATION_FRAMES: Final = 50
"""Two seconds: a blink or a word is no more than half of them."""
HIGHEST: Final = 0.6
"""No resting face has a weight above this; whoever begins with a laugh would else be left without one."""
_RESTING_MOUTH: Final = (
    "jawLeft", "jawRight", "mouthDimple", "mouthFrown", "mouthLeft", "mouthPress", "mouthRight", "mouthSmile",
    "mouthStretch",
)  # fmt: skip
SPEECH: Final = tuple(
    i
    for i, name in enumerate(EXPRESSIONS)
    if name.startswith(("jaw", "mouth", "tongue")) and not name.startswith(_RESTING_MOUTH)
)
"""Weights that open, close and round the lips. Their rest is 0: the tracker means them absolutely, and on
tracked clips whatever was subtracted from them cost the lips agreement with the landmarks (decision 009)."""


@dataclass(frozen=True, slots=True)
class Neutral:
    """What is subtracted from everything that is seen."""

    expression: Float32[np.ndarray, "52"]
    """Weights at rest."""
    rotation: Float64[np.ndarray, "3 3"]
    """Head to camera when the person looks at the screen."""


def neutral_of(faces: Sequence[Face]) -> Neutral:
    """Return the resting face of the faces seen so far.

    Weights are medians, but 0 for what opens the lips, and the head's turn is the median of turns in each
    axis: a blink or a word changes nothing. Raises `ValueError` for no face at all.
    """
    if not faces:
        raise ValueError("a resting face needs at least one face")
    rest = np.median(np.stack([face.expression for face in faces]), axis=0)
    rest[list(SPEECH)] = 0.0
    turns = Rotation.from_matrix(np.stack([face.rotation for face in faces]))
    first = turns[len(faces) // 2]
    median = np.median((first.inv() * turns).as_rotvec(), axis=0)
    rotation = (first * Rotation.from_rotvec(median)).as_matrix()
    return Neutral(np.minimum(rest, HIGHEST).astype(np.float32), rotation)
