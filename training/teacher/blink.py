"""Blinks: when they come, and how the lids move.

Rates from Bentivoglio et al. 1997 (17/min at rest, 26/min in conversation); log-normal intervals with a
refractory time, as spontaneous blinks have; clusters at phrase ends and with large shifts of gaze (Evinger et
al. 1994). The lid falls in about 90 ms and rises in about 200 ms (VanderWerf et al. 2003).
"""

from dataclasses import dataclass
from math import isnan
from typing import Final

from models.motion.chance import Stream, chance
from models.motion.easing import DT_S, smoothstep
from models.motion.stage import Presence
from models.motion.style import Style
from training.teacher.cues import Cues

_PER_MIN: Final = {
    Presence.IDLE: 17.0,
    Presence.LISTENING: 17.0,
    Presence.THINKING: 20.0,
    Presence.SPEAKING: 26.0,
}
_CAUSED: Final = {
    Presence.IDLE: 0.04,
    Presence.LISTENING: 0.03,
    Presence.THINKING: 0.2,
    Presence.SPEAKING: 0.14,
}
"""Share of blinks that phrase ends and gaze shifts bring; the spontaneous rate leaves them room."""
_DOWN_S, _SHUT_S, _UP_S = 0.09, 0.05, 0.2
_REFRACTORY_S: Final = 0.8
_SPREAD: Final = 0.6
"""Deviation of the logarithm of the interval."""
_AT_PHRASE_END: Final = 0.3
_FULL_SHIFT_DEG: Final = 33.0
"""From here on nearly every gaze shift carries a blink; smaller ones in proportion."""


@dataclass(frozen=True, slots=True)
class BlinkState:
    """Where the lids are in their blink, and how long until the next."""

    wait: float
    """Rest of the interval, in mean intervals, so that a change of presence changes what is left of it."""
    age_s: float = float("nan")
    """Time since the lids began to fall; NaN while they are open."""
    depth: float = 1.0
    since_s: float = 10.0
    count: int = 0


def init_blink(seed: int) -> BlinkState:
    """Return open lids, somewhere in an interval."""
    return BlinkState(wait=float(chance(seed, Stream.BLINK).random()))


def closure(age_s: float) -> float:
    """Return how far the lid has fallen, 0..1; fast down, a moment shut, slow up."""
    if isnan(age_s):
        return 0.0
    if age_s < _DOWN_S + _SHUT_S:
        return smoothstep(age_s / _DOWN_S)
    rest = 1.0 - (age_s - _DOWN_S - _SHUT_S) / _UP_S
    return float(max(0.0, rest) ** 1.6)


def step_blink(
    cues: Cues, shift_deg: float, style: Style, seed: int, state: BlinkState
) -> tuple[float, BlinkState]:
    """Return the lids' closure 0..1 in this frame, and the state after it.

    Args:
        cues: Circumstances.
        shift_deg: Size of a gaze shift that begins now; 0 for none.
        style: Whose lids.
        seed: Of the session.
        state: The lids so far.
    """
    rate_hz = _PER_MIN[cues.presence] * (1.0 - _CAUSED[cues.presence]) * style.blink / 60.0
    # The refractory time is no part of the drawn interval, so the rest of it runs faster.
    wait = state.wait - DT_S * rate_hz / (1.0 - _REFRACTORY_S * rate_hz) * (state.since_s >= _REFRACTORY_S)
    age_s = state.age_s + DT_S
    if isnan(age_s) or age_s > _DOWN_S + _SHUT_S + _UP_S:
        age_s = float("nan")
    since_s = min(state.since_s + DT_S, 100.0)
    if since_s >= _REFRACTORY_S and (wait <= 0.0 or _caused(cues, shift_deg, seed)):
        random = chance(seed, Stream.BLINK, state.count + 1)
        wait = max(wait, 0.0) if wait > 0.0 else float(random.lognormal(-(_SPREAD**2) / 2.0, _SPREAD))
        depth = 1.0 if random.random() > 0.1 else float(random.uniform(0.6, 0.9))
        begun = BlinkState(wait, float(random.uniform(0.0, DT_S)), depth, 0.0, state.count + 1)
        return begun.depth * closure(begun.age_s), begun
    return state.depth * closure(age_s), BlinkState(wait, age_s, state.depth, since_s, state.count)


def _caused(cues: Cues, shift_deg: float, seed: int) -> bool:
    likelihood = _AT_PHRASE_END * cues.boundary + min(1.0, shift_deg / _FULL_SHIFT_DEG) * (shift_deg > 8.0)
    return likelihood > 0.0 and bool(chance(seed, Stream.BLINK_CAUSE, cues.frame).random() < likelihood)
