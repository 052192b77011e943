"""`MotionFrame` θ = (θᵉ, Δθᵇ): what a person does in one video frame (paper section 3.1).

θᵉ are the 52 ARKit blendshapes, the vocabulary MediaPipe tracks and Anny is rigged with. Δθᵇ are rotations
*relative to the reference portrait's pose*, so the same motion fits everyone.

Axes are the person's own: x to the person's left, y up, z forward out of the face. Rotations are axis-angle
vectors in radians, right-handed: +x nods down, +y turns towards the person's left, +z tilts the crown
towards the person's right shoulder.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from jaxtyping import Float32

FPS: Final = 25
FRAME_MS: Final = 1000 // FPS

EXPRESSIONS: Final = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight",
    "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft",
    "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight",
    "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft",
    "mouthPressRight", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft",
    "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
"""The 52 ARKit blendshape names, in MediaPipe's order with `tongueOut` last. Weights lie in 0..1."""

JOINTS: Final = (
    "spine", "chest", "neck", "head",
    "clavicle_left", "clavicle_right", "shoulder_left", "shoulder_right",
    "elbow_left", "elbow_right", "wrist_left", "wrist_right",
)  # fmt: skip
"""Joints that carry a rotation residual, root first."""

FINGERS: Final = ("thumb", "index", "middle", "ring", "little")
"""Fingers of each hand; a curl is one angle in radians spread over the finger's joints."""

EXPRESSION_INDEX: Final = {name: i for i, name in enumerate(EXPRESSIONS)}
JOINT_INDEX: Final = {name: i for i, name in enumerate(JOINTS)}
MOTION_SIZE: Final = len(EXPRESSIONS) + 3 * len(JOINTS) + 2 * len(FINGERS)


@dataclass(frozen=True, slots=True)
class MotionFrame:
    """One frame of motion: θᵉ and Δθᵇ. A frame of zeros is the reference pose with a neutral face."""

    expression: Float32[np.ndarray, "52"]
    """ARKit weights, in the order of `EXPRESSIONS`."""
    rotations: Float32[np.ndarray, "12 3"]
    """Axis-angle residuals in radians, in the order of `JOINTS`."""
    curls: Float32[np.ndarray, "2 5"]
    """Finger curls in radians; row 0 is the left hand."""

    @classmethod
    def rest(cls) -> Self:
        """Return the frame that leaves the portrait as it is."""
        return cls.from_vector(np.zeros(MOTION_SIZE, np.float32))

    @classmethod
    def from_vector(cls, vector: Float32[np.ndarray, "98"]) -> Self:
        """Split a flat vector of `MOTION_SIZE` values, as the motion model makes them."""
        e, r = len(EXPRESSIONS), 3 * len(JOINTS)
        return cls(vector[:e], vector[e : e + r].reshape(-1, 3), vector[e + r :].reshape(2, -1))

    @classmethod
    def named(
        cls, weights: Mapping[str, float], turns_deg: Mapping[str, tuple[float, float, float]] | None = None
    ) -> Self:
        """Build a frame by names.

        Args:
            weights: ARKit weights; a name without its side (`eyeBlink`) sets both.
            turns_deg: pitch, yaw and roll of joints, in degrees.

        Raises:
            ValueError: no channel or joint has the name; the message says which there are.
        """
        frame = cls.rest()
        for name, weight in weights.items():
            channels = [i for i, c in enumerate(EXPRESSIONS) if c in (name, f"{name}Left", f"{name}Right")]
            if not channels:
                raise ValueError(f"no expression {name!r}; there are: {', '.join(EXPRESSIONS)}")
            frame.expression[channels] = weight
        for joint, angles in (turns_deg or {}).items():
            if joint not in JOINT_INDEX:
                raise ValueError(f"no joint {joint!r}; there are: {', '.join(JOINTS)}")
            frame.rotations[JOINT_INDEX[joint]] = np.radians(angles)
        return frame

    def vector(self) -> Float32[np.ndarray, "98"]:
        """Return expression, rotations and curls as one flat vector."""
        return np.concatenate([self.expression, self.rotations.ravel(), self.curls.ravel()])
