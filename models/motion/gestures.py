"""What each gesture moves: shapes of the face and turns of the head, each with its rise, hold and fall.

Sizes and lengths are ours, chosen to suit a portrait seen from the front. Nods and shakes come at about 2 Hz,
the pace of people's heads while they speak (1.8–3.7 Hz: Hadar et al. 1983, Kinematics of head movements
accompanying speech during conversation).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Float64

from models.motion.cue import Gesture
from models.motion.easing import smoothstep
from models.motion.frame import FPS, MOTION_SIZE, MotionFrame
from models.motion.pose import pose_joints


@dataclass(frozen=True, slots=True)
class Move:
    """One movement of a gesture."""

    shapes: Mapping[str, float] = field(default_factory=dict)
    """ARKit weights at its height; a name without its side sets both."""
    head_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Pitch (down), yaw (left) and roll (to the right) of the head at its height."""
    delay_s: float = 0.0
    rise_s: float = 0.3
    hold_s: float = 0.0
    fall_s: float = 0.4

    @property
    def end_s(self) -> float:
        """When it is over, in seconds from the gesture's begin."""
        return self.delay_s + self.rise_s + self.hold_s + self.fall_s

    def size(self, age_s: float) -> float:
        """Return how much of it there is, 0..1: an S up, a plateau, an S down."""
        at_s = age_s - self.delay_s
        return smoothstep(at_s / self.rise_s) - smoothstep((at_s - self.rise_s - self.hold_s) / self.fall_s)


def _swings(axis: int, sizes_deg: tuple[float, ...], period_s: float) -> tuple[Move, ...]:
    """Return swings of the head about an axis, one after another."""
    turns = np.zeros((len(sizes_deg), 3))
    turns[:, axis] = sizes_deg
    half = period_s / 2
    return tuple(
        Move(head_deg=tuple(turn), delay_s=half * i, rise_s=half, fall_s=half) for i, turn in enumerate(turns)
    )


_SMILE: Final = {"mouthSmile": 0.55, "cheekSquint": 0.3, "eyeSquint": 0.15, "mouthDimple": 0.1}
_RAISED: Final = {"browInnerUp": 0.55, "browOuterUp": 0.5}

GESTURES: Final[Mapping[Gesture, tuple[Move, ...]]] = {
    Gesture.SMILE: (Move(_SMILE, rise_s=0.35, hold_s=1.6, fall_s=0.9),),
    Gesture.LAUGH: (
        Move(_SMILE | {"mouthSmile": 0.75, "cheekSquint": 0.5, "eyeSquint": 0.4}, hold_s=1.2, fall_s=0.9),
        *_swings(0, (-4.0, 1.5, -3.0, 1.0), 0.36),
    ),
    Gesture.NOD: _swings(0, (7.0, -1.5, 5.0), 0.46),
    Gesture.SHAKE: _swings(1, (6.0, -6.0, 5.0, -3.0), 0.56),
    Gesture.TILT: (Move(head_deg=(0.5, 1.0, 6.0), rise_s=0.45, hold_s=1.0, fall_s=0.7),),
    Gesture.BROWS: (Move(_RAISED, rise_s=0.2, hold_s=0.25, fall_s=0.4),),
    Gesture.SURPRISE: (
        Move({"browInnerUp": 0.8, "browOuterUp": 0.75, "eyeWide": 0.5}, rise_s=0.2, hold_s=0.7, fall_s=0.6),
        Move(head_deg=(-3.0, 0.0, 0.0), rise_s=0.25, hold_s=0.5, fall_s=0.7),
    ),
    Gesture.FROWN: (Move({"browDown": 0.6, "eyeSquint": 0.25, "noseSneer": 0.1}, hold_s=1.0, fall_s=0.6),),
    Gesture.SAD: (
        Move({"browInnerUp": 0.6, "mouthFrown": 0.4}, rise_s=0.5, hold_s=1.4, fall_s=0.9),
        Move(head_deg=(4.0, 0.0, 2.0), rise_s=0.6, hold_s=1.2, fall_s=0.9),
    ),
    Gesture.THINK: (
        Move({"browDown": 0.25, "eyeSquint": 0.3, "mouthPress": 0.3}, hold_s=1.0, fall_s=0.5),
        Move(head_deg=(-2.0, 3.0, -3.0), rise_s=0.45, hold_s=0.9, fall_s=0.6),
    ),
    Gesture.WINK: (
        Move({"eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.4}, rise_s=0.12, hold_s=0.12, fall_s=0.16),
        Move({"mouthSmileLeft": 0.35}, rise_s=0.2, hold_s=0.3, fall_s=0.4),
    ),
    Gesture.SHRUG: (
        Move(_RAISED | {"mouthShrugLower": 0.4, "mouthFrown": 0.2}, rise_s=0.25, hold_s=0.4, fall_s=0.45),
        Move(head_deg=(0.0, 0.0, 4.5), rise_s=0.3, hold_s=0.3, fall_s=0.45),
    ),
    # Hands are not in the picture: a wave is what the head does meanwhile.
    Gesture.WAVE: (
        Move(_SMILE | _RAISED, rise_s=0.3, hold_s=0.9, fall_s=0.7),
        *_swings(2, (5.0, -3.0, 4.0), 0.6),
    ),
}  # fmt: skip


def length_s(gesture: Gesture) -> float:
    """Return how long a gesture takes."""
    return max(move.end_s for move in GESTURES[gesture])


def offset(gesture: Gesture, frame: int) -> Float64[np.ndarray, "98"]:
    """Return what a gesture adds to a motion vector `frame` frames after its begin."""
    total = np.zeros(MOTION_SIZE)
    for move, whole in zip(GESTURES[gesture], _wholes(gesture), strict=True):
        total += move.size((frame + 1) / FPS) * whole
    return total


@cache
def _wholes(gesture: Gesture) -> tuple[Float64[np.ndarray, "98"], ...]:
    """Return each move of a gesture at its height, as a motion vector."""
    wholes = []
    for move in GESTURES[gesture]:
        face = MotionFrame.named(move.shapes)
        joints = pose_joints(np.array(move.head_deg), air=0.0)
        wholes.append(MotionFrame(face.expression, joints, face.curls).vector().astype(np.float64))
    return tuple(wholes)
