"""Motions by name, for tests and contact sheets."""

import numpy as np

from models.motion.frame import EXPRESSIONS, JOINT_INDEX, MotionFrame


def pose(rotations_deg=None, **weights):
    """Build a frame; `eyeBlink=1` sets both sides, `rotations_deg={"head": (0, 8, 0)}` turns joints."""
    frame = MotionFrame.rest()
    for name, weight in weights.items():
        for index, channel in enumerate(EXPRESSIONS):
            if channel in (name, f"{name}Left", f"{name}Right"):
                frame.expression[index] = weight
    for joint, angles in (rotations_deg or {}).items():
        frame.rotations[JOINT_INDEX[joint]] = np.radians(angles)
    return frame
