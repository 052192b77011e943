"""Motions by name, for tests."""

from models.motion.frame import MotionFrame


def pose(turns_deg=None, **weights):
    """Build a frame; `eyeBlink=1` sets both sides, `{"head": (0, 8, 0)}` turns joints."""
    return MotionFrame.named(weights, turns_deg)
