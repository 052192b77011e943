"""Gaze: on the partner, on parts of their face, and away.

How long gaze stays and how far it goes follow Lee, Badler & Badler 2002 ("Eyes Alive") with the values of
SmartBody's saccade model; why it leaves follows Andrist, Mutlu & Gleicher 2014 ("Conversational gaze aversion
for humanlike robots"): up while thinking, to the side while talking, back before the turn is yielded.
Angles are of the gaze in the room, in degrees: yaw towards the person's left, pitch down. (0, 0) is where the
portrait looks: at the partner. What the head does not turn, the eyes do.
"""

from dataclasses import dataclass, replace
from math import cos, hypot, pi, radians, sin
from typing import Final

import numpy as np

from models.motion.chance import Stream, bounded_normal, chance
from models.motion.easing import DT_S, smoothstep
from models.motion.pose import Point
from models.motion.stage import Presence
from models.motion.style import Style
from training.teacher.cues import Cues

_CONTACT_S: Final[dict[Presence, Point]] = {
    Presence.SPEAKING: (3.1, 3.1), Presence.LISTENING: (7.9, 1.6), Presence.IDLE: (4.5, 2.0),
    Presence.THINKING: (0.3, 0.1),
}  # fmt: skip
"""Mean and deviation of a stay on the partner."""
_AWAY_S: Final[dict[Presence, Point]] = {
    Presence.SPEAKING: (0.93, 0.8), Presence.LISTENING: (0.43, 0.24), Presence.IDLE: (1.3, 0.7),
    Presence.THINKING: (1.8, 0.6),
}  # fmt: skip
_LIMIT_DEG: Final = {
    Presence.SPEAKING: 12.0, Presence.LISTENING: 10.0, Presence.IDLE: 12.0, Presence.THINKING: 16.0
}  # fmt: skip
_HEAD_SHARE: Final = {
    Presence.SPEAKING: 0.15, Presence.LISTENING: 0.1, Presence.IDLE: 0.3, Presence.THINKING: 0.25
}  # fmt: skip
_EIGHTHS: Final = np.array([15.5, 6.5, 17.7, 7.4, 16.8, 7.9, 20.4, 7.8]) / 100.0
"""Share of saccades towards 0°, 45°, … 315° (Lee et al. 2002, table 1)."""
_FACE: Final[tuple[Point, ...]] = ((-1.3, -0.3), (1.3, -0.3), (0.0, 1.6))
"""The partner's eyes and mouth at an arm's length and a half."""
_UP, _SIDE, _DOWN = 0, 1, 2


@dataclass(frozen=True, slots=True)
class GazeState:
    """A saccade from `origin` to `target`, and what comes when."""

    left_s: float
    """Until gaze comes back or leaves."""
    fixation_s: float
    """Until gaze moves on within the partner's face."""
    away: bool = False
    origin: Point = (0.0, 0.0)
    target: Point = (0.0, 0.0)
    age_s: float = 1.0
    """Since the saccade began."""
    head: Point = (0.0, 0.0)
    """Where the head should follow."""
    count: int = 0


@dataclass(frozen=True, slots=True)
class Gaze:
    """One frame of gaze."""

    point: Point
    head: Point
    """Target for the head; it follows later and slower."""
    shift_deg: float
    """Size of the shift that begins in this frame; 0 for none."""


def init_gaze(seed: int) -> GazeState:
    """Return a gaze on the partner."""
    random = chance(seed, Stream.GAZE)
    return GazeState(left_s=float(random.uniform(1.0, 4.0)), fixation_s=float(random.uniform(0.3, 1.0)))


def step_gaze(cues: Cues, style: Style, seed: int, state: GazeState) -> tuple[Gaze, GazeState]:
    """Return gaze in this frame, and the state after it."""
    left_s = _hurry(cues, seed, state, state.left_s - DT_S)
    state = replace(state, left_s=left_s, fixation_s=state.fixation_s - DT_S, age_s=state.age_s + DT_S)
    before = state
    if left_s <= 0.0:
        state = _turn(cues.presence, style, seed, state)
    elif state.fixation_s <= 0.0:
        state = _refixate(seed, state)
    shift_deg = _distance(state.origin, state.target) if state.count != before.count else 0.0
    return Gaze(_now(state), state.head, shift_deg), state


def _hurry(cues: Cues, seed: int, state: GazeState, left_s: float) -> float:
    """Bring the next turn of gaze forward where the conversation asks for it."""
    if cues.changed:
        random = chance(seed, Stream.LISTEN, cues.frame)
        if cues.presence is Presence.THINKING and not state.away:
            return min(left_s, bounded_normal(random, 0.35, 0.15, 0.1, 0.8))
        if cues.presence is Presence.SPEAKING and state.away:
            return bounded_normal(random, 1.2, 0.25, 0.5, 2.0)
        if cues.presence is Presence.LISTENING and state.away:
            return min(left_s, bounded_normal(random, 0.2, 0.1, 0.0, 0.5))
    yielding = cues.presence is Presence.SPEAKING and cues.remaining_s < 1.0
    return min(left_s, 0.2) if yielding and state.away else left_s


def _turn(presence: Presence, style: Style, seed: int, state: GazeState) -> GazeState:
    """Look away, or back; whoever thinks looks from one nowhere to the next."""
    random = chance(seed, Stream.GAZE, state.count + 1)
    away = presence is Presence.THINKING or not state.away
    mean, deviation = (_AWAY_S if away else _CONTACT_S)[presence]
    stay_s = bounded_normal(random, mean, deviation, 0.25 if away else 0.6, 2.5 * mean + 0.5)
    target = _elsewhere(presence, style, random) if away else _FACE[int(random.integers(3))]
    share = _HEAD_SHARE[presence] if away else 0.0
    return GazeState(
        left_s=stay_s if away else stay_s * style.contact,
        fixation_s=float(random.lognormal(-0.1, 0.5)),
        away=away, origin=_now(state), target=target, age_s=0.0,
        head=(share * target[0], share * target[1]), count=state.count + 1,
    )  # fmt: skip


def _refixate(seed: int, state: GazeState) -> GazeState:
    """Make a small saccade: to another part of the partner's face, or near the point looked at."""
    random = chance(seed, Stream.FIXATION, state.count + 1)
    base = state.target if state.away else _FACE[int(random.integers(3))]
    yaw, pitch = random.normal(0.0, 0.4, 2)
    target = (base[0] + float(yaw), base[1] + float(pitch))
    return replace(
        state, origin=_now(state), target=target, age_s=0.0, count=state.count + 1,
        fixation_s=float(random.lognormal(-0.1, 0.5)),
    )  # fmt: skip


def _elsewhere(presence: Presence, style: Style, random: np.random.Generator) -> Point:
    """Draw a point away from the partner."""
    amplitude = min(4.0 + float(random.exponential(4.0)), _LIMIT_DEG[presence])
    if presence is Presence.THINKING:
        way = int(random.choice(3, p=(0.7, 0.1, 0.2)))
        amplitude = max(amplitude, 9.0)
    elif random.random() < 0.6:
        way = int(random.choice(3, p=(0.1, 0.7, 0.2)))
    else:
        angle = radians(45.0 * float(random.choice(8, p=_EIGHTHS)))
        return amplitude * cos(angle), -0.7 * amplitude * sin(angle)
    side = style.side if random.random() < 0.7 else -style.side
    lean = float(random.uniform(0.15, 0.4)) * pi
    across, along = {_UP: (sin(lean), -cos(lean)), _SIDE: (1.0, 0.15), _DOWN: (sin(lean), cos(lean))}[way]
    return side * amplitude * across, 0.9 * amplitude * along


def _now(state: GazeState) -> Point:
    """Return where gaze is. A saccade of d degrees takes 25 ms + 2.4 ms·d (Bahill et al. 1975)."""
    length_s = 0.025 + 0.0024 * _distance(state.origin, state.target)
    x = smoothstep((state.age_s + 0.5 * DT_S) / length_s)
    return tuple(a + x * (b - a) for a, b in zip(state.origin, state.target, strict=True))  # type: ignore[return-value]


def _distance(a: Point, b: Point) -> float:
    return hypot(a[0] - b[0], a[1] - b[1])
