"""Where MediaPipe's 478 landmarks lie on the body: loads what `training.face_marks` made."""

from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float64
from safetensors.numpy import load_file

from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS
from models.portrait.solve import MarkModel, Priors

ASSET: Final = Path(__file__).with_name("face_marks.safetensors")
PHENOTYPES: Final = 24
"""The first shape coefficients: age, sex, weight and so on; the rest are local changes of the face."""
EXPRESSION_SPREAD: Final = 0.25
"""Standard deviation of the expression's weights around what the tracker saw."""
JAW_SPREAD: Final = 0.07
"""The same of a photograph's jaw: trackers are good judges of jaws, and lips may part without them."""


@lru_cache(maxsize=1)
def shared_marks() -> MarkModel:
    """Return the shipped landmark model, read once."""
    arrays = {name: array.astype(np.float64) for name, array in load_file(ASSET).items()}
    return MarkModel(arrays["mean"], arrays["shape"], arrays["expression"])


def fit_priors(components: int) -> Priors:
    """Return what is expected of the face in a photograph."""
    expression = np.full(len(EXPRESSIONS), EXPRESSION_SPREAD)
    expression[[index for name, index in EXPRESSION_INDEX.items() if name.startswith("jaw")]] = JAW_SPREAD
    return Priors(shape_spread(components), expression)


def shape_spread(components: int) -> Float64[np.ndarray, "components"]:
    """Return the expected standard deviation of each shape coefficient."""
    return np.where(np.arange(components) < PHENOTYPES, 1.5, 0.6)
