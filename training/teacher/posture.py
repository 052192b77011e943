"""The trunk: how it leans in each presence, and shifts of weight now and then and when the floor passes.

People shift posture at turns and when the topic changes (Cassell et al. 2001, "Non-verbal cues for discourse
structure"); the amplitudes are ours and small, since a portrait shows shoulders from near.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float64

from models.motion.chance import Stream, bounded_normal, chance
from models.motion.easing import DT_S, Spring
from models.motion.frame import JOINT_INDEX, JOINTS
from models.motion.stage import Presence
from models.motion.style import Style
from training.teacher.cues import Cues
from training.teacher.waves import draw_waves, waves_at

_LEAN_DEG: Final = {
    Presence.IDLE: -0.3,
    Presence.LISTENING: 1.0,
    Presence.THINKING: -0.8,
    Presence.SPEAKING: 0.5,
}
_SHIFT_DEG: Final = np.array([0.8, 1.1, 1.2])
"""Deviation of a posture: pitch, yaw and roll of the spine."""
_SHIFT_S: Final = {
    Presence.IDLE: 11.0,
    Presence.LISTENING: 14.0,
    Presence.THINKING: 9.0,
    Presence.SPEAKING: 8.0,
}
_AT_TURN: Final = 0.4
"""Share of passings of the floor that bring a shift."""
_CHEST: Final = np.array([0.5, 0.4, -0.7])
"""The chest against the spine: it leans and turns along, and takes the roll back as weight moves to a hip."""
_SWAY_DEG: Final = np.array([0.15, 0.2, 0.25])
_SETTLE: Final = 2.2
"""Spring rate in 1/s."""


@dataclass(frozen=True, slots=True)
class PostureState:
    """Where the trunk is going, and when it shifts next."""

    trunk: Spring
    aim: Float64[np.ndarray, "3"]
    left_s: float
    waves: Float64[np.ndarray, "3 2"]
    """Sway of each axis (`training.teacher.waves`)."""
    count: int = 0


def init_posture(seed: int) -> PostureState:
    """Return a trunk at rest."""
    random = chance(seed, Stream.WEIGHT)
    waves = draw_waves(random, 0.06, 0.22, 3)
    return PostureState(Spring.at(np.zeros(3)), np.zeros(3), float(random.uniform(3.0, 9.0)), waves)


def step_posture(
    cues: Cues, style: Style, seed: int, state: PostureState
) -> tuple[Float64[np.ndarray, "12 3"], PostureState]:
    """Return the angles of spine and chest in degrees, all other joints at 0, and the state after it."""
    state = replace(state, left_s=state.left_s - DT_S)
    turned = cues.changed and chance(seed, Stream.LISTEN, cues.frame + 2**32).random() < _AT_TURN
    if turned or state.left_s <= 0.0:
        state = _shift(cues, style, seed, state)
    lean = np.array([_LEAN_DEG[cues.presence], 0.0, 0.0])
    state = replace(state, trunk=state.trunk.towards(state.aim + lean, _SETTLE))
    spine = state.trunk.value + style.drift * _SWAY_DEG * waves_at(state.waves, cues.frame)
    angles = np.zeros((len(JOINTS), 3))
    angles[JOINT_INDEX["spine"]], angles[JOINT_INDEX["chest"]] = spine, _CHEST * spine
    return angles, state


def _shift(cues: Cues, style: Style, seed: int, state: PostureState) -> PostureState:
    """Draw the next posture."""
    random = chance(seed, Stream.WEIGHT, state.count + 1)
    aim = style.drift * _SHIFT_DEG * np.clip(random.normal(0.0, 0.8, 3), -1.6, 1.6)
    mean_s = _SHIFT_S[cues.presence]
    left_s = bounded_normal(random, mean_s, 0.4 * mean_s, 3.0, 2.0 * mean_s)
    return replace(state, aim=aim, left_s=left_s, count=state.count + 1)
