"""Breathing: 12–18 a minute, 35 % in, 45 % out, 20 % rest; in speech it waits for the ends of phrases."""

from dataclasses import dataclass
from typing import Final

from models.motion.chance import Stream, chance
from models.motion.easing import DT_S, smoothstep
from models.motion.stage import Presence
from models.motion.style import Style
from training.teacher.cues import Cues

_IN, _OUT = 0.35, 0.45
_HASTE: Final = 2.5
"""How much faster the rest of a breath runs once a phrase has ended and air is needed."""


@dataclass(frozen=True, slots=True)
class BreathState:
    """Place within the breath, 0..1, from the start of breathing in."""

    phase: float
    hasty: bool = False


def init_breath(seed: int) -> BreathState:
    """Return a place somewhere in a breath."""
    return BreathState(float(chance(seed, Stream.BREATH).random()))


def volume(phase: float) -> float:
    """Return the air in the lungs, 0..1, at a place within the breath."""
    if phase < _IN:
        return smoothstep(phase / _IN)
    return 1.0 - smoothstep((phase - _IN) / _OUT)


def step_breath(cues: Cues, style: Style, state: BreathState) -> tuple[float, BreathState]:
    """Return the air in the lungs, 0..1, and the state after this frame."""
    hasty = state.hasty or (cues.presence is Presence.SPEAKING and cues.boundary and state.phase > _IN)
    phase = state.phase + DT_S * style.breaths_per_min / 60.0 * (_HASTE if hasty else 1.0)
    if phase >= 1.0:
        return volume(phase - 1.0), BreathState(phase - 1.0)
    return volume(phase), BreathState(phase, hasty)
