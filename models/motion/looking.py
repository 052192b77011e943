"""Looking at somebody who does not sit straight ahead: a turn of eyes and head under everything else.

The eyes go first and arrive after a quarter of a second; the head takes its share more slowly, and the eyes
give back what it has taken (vestibulo-ocular reflex). In shifts as small as these the eyes do the greater
part (Freedman 2008, "Coordination of the eyes and head during visual orienting"); the share is our choice.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float32

from models.motion.easing import Spring
from models.motion.frame import EXPRESSION_INDEX, MotionFrame
from models.motion.look import Look
from models.motion.pose import EYE_DEG, EYE_LIMIT_DEG, pose_joints

HEAD_SHARE: Final = 0.45
_EYES, _HEAD = 22.0, 5.5
"""Spring rates in 1/s: half way after 0.08 s and 0.3 s."""
_SETTLED_DEG: Final = 1e-3
_TURNS: Final = (("eyeLookOutLeft", "eyeLookInLeft"), ("eyeLookInRight", "eyeLookOutRight"))
_NODS: Final = (("eyeLookDownLeft", "eyeLookUpLeft"), ("eyeLookDownRight", "eyeLookUpRight"))


@dataclass(frozen=True, slots=True)
class LookState:
    """Where gaze and head are on their way, yaw and pitch in degrees."""

    gaze: Spring
    head: Spring


def init_look() -> LookState:
    """Return a look straight ahead."""
    ahead = Spring.at(np.zeros(2))
    return LookState(ahead, ahead)


def step_look(look: Look, state: LookState) -> LookState:
    """Return the state one frame later."""
    target = np.array([look.yaw_deg, look.pitch_deg])
    gaze, head = state.gaze.towards(target, _EYES), state.head.towards(HEAD_SHARE * target, _HEAD)
    if not target.any() and max(map(_size, (gaze, head))) < _SETTLED_DEG:
        return init_look()
    return LookState(gaze, head)


def add_look(frame: MotionFrame, state: LookState) -> MotionFrame:
    """Return a frame that looks elsewhere; the same one while gaze is straight ahead."""
    gaze, head = state.gaze.value, state.head.value
    if not (gaze.any() or head.any()):
        return frame
    yaw, pitch = gaze - head
    expression = _turned(_turned(frame.expression, _TURNS, yaw), _NODS, pitch)
    joints = pose_joints(np.array([head[1], head[0], 0.0]), air=0.0)
    return replace(frame, expression=expression, rotations=frame.rotations + joints)


def _turned(
    expression: Float32[np.ndarray, "52"], pairs: tuple[tuple[str, str], ...], by_deg: float
) -> Float32[np.ndarray, "52"]:
    """Turn both eyes; each pair of channels is one signed angle."""
    turned = expression.copy()
    limit = EYE_LIMIT_DEG / EYE_DEG
    for plus, minus in pairs:
        i, j = EXPRESSION_INDEX[plus], EXPRESSION_INDEX[minus]
        weight = np.clip(expression[i] - expression[j] + by_deg / EYE_DEG, -limit, limit)
        turned[i], turned[j] = max(0.0, weight), max(0.0, -weight)
    return turned


def _size(spring: Spring) -> float:
    return float(np.abs([spring.value, spring.speed]).max())
