"""From generated motion to `Curves`: through the body model, as a viewer would see it.

The mean body wears the motion. `face_marks` tells where MediaPipe's landmarks lie on it, so aperture and jaw
are measured as they are on a video. Where lips at rest touch, their landmarks may yet lie apart on the body;
that distance is taken off the aperture.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64

from models.body.body import Identity, joint_rotations, shared_body
from models.body.expression import ExpressionMap
from models.body.rig import RIG, RIG_INDEX
from models.motion.frame import EXPRESSIONS, MotionFrame
from models.portrait.marks import shared_marks
from training.evaluation.curves import Curves, jaw_opening
from training.evaluation.marks import CHIN, FOREHEAD, INNER_LOWER, INNER_UPPER, LIPS

_HEAD: Final = RIG_INDEX["head"]
_REFERENCE: Final = np.zeros((len(RIG), 3), np.float32)


@lru_cache(maxsize=1)
def _person() -> tuple[Identity, ExpressionMap]:
    """Return the mean body, and its way to wear an expression."""
    shape = np.zeros(shared_body().components, np.float32)
    return shared_body().identity(shape), ExpressionMap.of(shape, np.zeros(len(EXPRESSIONS), np.float32))


def curves_of_motion(motion: Float32[np.ndarray, "frames 98"]) -> Curves:
    """Return what the metrics look at."""
    frames = [MotionFrame.from_vector(row) for row in motion]
    points = face_points(motion[:, : len(EXPRESSIONS)])
    placed = [_place(face, frame) for face, frame in zip(points, frames, strict=True)]
    return Curves(
        aperture_of(points),
        jaw_opening(points.astype(np.float32)),
        (1000.0 * points[:, LIPS, :2]).astype(np.float32),
        np.array([face for face, _ in placed], np.float32).reshape(-1, points.shape[1], 3),
        np.array([turn for _, turn in placed], np.float32).reshape(-1, 3, 3),
        motion[:, : len(EXPRESSIONS)],
    )


def face_points(expression: Float32[np.ndarray, "frames 52"]) -> Float64[np.ndarray, "frames 478 3"]:
    """Return the landmarks on the mean body at rest that makes these faces, in metres."""
    _, wear = _person()
    worn = np.array([wear(weights) for weights in expression], np.float64).reshape(-1, len(EXPRESSIONS))
    marks = shared_marks()
    return marks.mean + np.tensordot(worn, marks.expression, 1)


def aperture_of(points: Float64[np.ndarray, "frames 478 3"]) -> Float32[np.ndarray, "frames"]:
    """Return the distance of the inner lips beyond their distance at rest, over the face's height at rest."""
    rest = shared_marks().mean
    height = np.linalg.norm(rest[FOREHEAD] - rest[CHIN])
    apart = points[:, INNER_UPPER, 1] - points[:, INNER_LOWER, 1]
    touching = rest[INNER_UPPER, 1] - rest[INNER_LOWER, 1]
    return np.asarray(np.maximum(apart - touching, 0.0) / height, np.float32)


def _place(
    face: Float64[np.ndarray, "478 3"], frame: MotionFrame
) -> tuple[Float32[np.ndarray, "478 3"], Float32[np.ndarray, "3 3"]]:
    """Carry the face with the body, and tell how the head is turned."""
    person, _ = _person()
    probes = np.concatenate([face, np.eye(3), np.zeros((1, 3))]).astype(np.float32)
    moved = person.carry(probes, _HEAD, joint_rotations(frame, _REFERENCE))
    return moved[:-4], (moved[-4:-1] - moved[-1]).T
