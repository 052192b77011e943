"""2D body keypoints: a disc for each joint of the body, the sparse control of the paper's first ablation."""

from typing import Final

import cv2
import numpy as np
from jaxtyping import UInt8

from models.body.body import joint_rotations
from models.body.rig import RIG
from models.controls.reference import Reference
from models.controls.window import Window
from models.motion.frame import MotionFrame

_RADIUS: Final = 1 / 64
"""Of each disc, as a share of the side."""
_FINER: Final = 16
"""Places are drawn to this part of a pixel, as OpenCV's shift of four bits has it."""


def draw_keypoints(
    reference: Reference, motion: MotionFrame, window: Window, side: int
) -> UInt8[np.ndarray, "side side"]:
    """Return 255 in a disc around each joint of the posed body, 0 elsewhere.

    Args:
        reference: the portrait.
        motion: the frame.
        window: what of the picture is drawn.
        side: its side in pixels, drawn.
    """
    weights = reference.mapping(motion.expression)
    rotations = joint_rotations(
        MotionFrame(weights, motion.rotations, motion.curls), reference.avatar.fit.rotations
    )
    identity = reference.identity
    joints = np.concatenate(
        [
            identity.carry(identity.joints[number : number + 1], number, rotations)
            for number in range(len(RIG))
        ]
    )
    points, depth = reference.project(joints.astype(np.float32))
    picture = np.zeros((side, side), np.uint8)
    for x, y in window.inside(points[depth > 0], side):
        centre = (round((float(x) - 0.5) * _FINER), round((float(y) - 0.5) * _FINER))
        cv2.circle(picture, centre, round(_RADIUS * side * _FINER), 255, cv2.FILLED, shift=4)
    return picture
