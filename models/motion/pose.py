"""From angles to joints, and from gaze to the eyes' blendshapes."""

from typing import Final

import numpy as np
from jaxtyping import Float32, Float64

from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS, JOINT_INDEX, JOINTS

Point = tuple[float, float]
"""Yaw towards the person's left and pitch down, in degrees."""

_SHARES: Final = {"head": 0.55, "neck": 0.30, "chest": 0.10, "spine": 0.05}
"""How a turn of the head spreads down the spine."""
_CHEST_DEG, _CLAVICLE_DEG = 0.7, 1.6
"""A full breath leans the chest back and lifts the collar bones by this much."""
EYE_DEG: Final = 30.0
"""Angle of an `eyeLook…` weight of 1."""
EYE_LIMIT_DEG: Final = 22.0
_LID_FOLLOWS: Final = 0.35
"""The upper lid falls with a look down, as a share of the look's weight."""


def pose_joints(
    head_deg: Float64[np.ndarray, "3"], air: float, body_deg: Float64[np.ndarray, "12 3"] | None = None
) -> Float32[np.ndarray, "12 3"]:
    """Return axis-angle residuals of all joints.

    Args:
        head_deg: Pitch, yaw and roll of the head against the room; below 12° they add as vectors.
        air: Air in the lungs, 0..1.
        body_deg: Posture and gesture, joint by joint; none where it is left out.
    """
    still = np.zeros((len(JOINTS), 3))
    rotations = np.radians(still if body_deg is None else body_deg).astype(np.float32)
    # The neck takes the posture back, so that the head stays where `head_deg` says.
    trunk = rotations[JOINT_INDEX["spine"]] + rotations[JOINT_INDEX["chest"]]
    rotations[JOINT_INDEX["neck"]] -= trunk
    for joint, share in _SHARES.items():
        rotations[JOINT_INDEX[joint]] += np.radians(share * head_deg)
    lean = np.radians(_CHEST_DEG * air)
    rotations[JOINT_INDEX["chest"], 0] -= lean
    rotations[JOINT_INDEX["neck"], 0] += lean
    rotations[JOINT_INDEX["clavicle_left"], 2] += np.radians(_CLAVICLE_DEG * air)
    rotations[JOINT_INDEX["clavicle_right"], 2] -= np.radians(_CLAVICLE_DEG * air)
    return rotations


def turn_eyes(gaze: Point, head_deg: Float64[np.ndarray, "3"], lids: float) -> Float32[np.ndarray, "52"]:
    """Return the ARKit weights of the eyes.

    Args:
        gaze: Where to look in the room; the eyes turn by what the head does not (vestibulo-ocular reflex).
        head_deg: Pitch, yaw and roll of the head.
        lids: Closure of the lids by a blink, 0..1.
    """
    yaw, pitch = (
        np.clip((gaze[0] - head_deg[1], gaze[1] - head_deg[0]), -EYE_LIMIT_DEG, EYE_LIMIT_DEG) / EYE_DEG
    )
    weights = np.zeros(len(EXPRESSIONS), np.float32)
    for name, weight in (
        ("eyeLookOutLeft", yaw), ("eyeLookInRight", yaw), ("eyeLookInLeft", -yaw), ("eyeLookOutRight", -yaw),
        ("eyeLookDownLeft", pitch), ("eyeLookDownRight", pitch),
        ("eyeLookUpLeft", -pitch), ("eyeLookUpRight", -pitch),
    ):  # fmt: skip
        weights[EXPRESSION_INDEX[name]] = max(0.0, weight)
    lowered = _LID_FOLLOWS * max(0.0, pitch)
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        weights[EXPRESSION_INDEX[name]] = lids + (1.0 - lids) * lowered
    return weights
