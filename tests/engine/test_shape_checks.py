import numpy as np
import pytest
from jaxtyping import TypeCheckError

from engine.samples import to_float
from models.motion.stage import SpeechChunk


def test_a_wrong_type_of_samples_is_caught():
    with pytest.raises(TypeCheckError):
        to_float(np.zeros(4, np.float32))


def test_a_wrong_shape_in_a_dataclass_is_caught():
    with pytest.raises(TypeCheckError):
        SpeechChunk(np.zeros((2, 640), np.float32))
