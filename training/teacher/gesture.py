"""Arms and hands: beats on accents, and hands that rest without being stone.

A beat has a preparation of 300–600 ms, a stroke that ends with the accent, a hold of up to 500 ms and a
retraction at the end of the phrase (McNeill 1992; Rusiewicz et al. 2014; hands peak just before the pitch:
Leonard & Cummins 2011). In conversation 20–30 % of accents carry one. A portrait shows shoulders and seldom
more, so the clavicle and the shoulder take part in each, and all stays within a few degrees.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64

from models.motion.chance import Stream, bounded_normal, chance
from models.motion.easing import DT_S, Spring, smoothstep
from models.motion.frame import FINGERS, JOINT_INDEX, JOINTS
from models.motion.stage import Presence
from models.motion.style import Style
from training.teacher.cues import PREPARATION_S, Cues
from training.teacher.waves import draw_waves, waves_at

_ARM: Final = ("clavicle", "shoulder", "elbow", "wrist")
_STROKE_DEG: Final = np.array([[0.0, 0.3, 1.5], [-1.6, 0.5, 1.3], [-3.5, 1.0, 0.0], [-2.0, 0.6, 1.2]])
"""The left arm at the end of a beat of size 1: pitch (forward is negative), yaw and roll (up is positive)."""
_STROKE_SPREAD: Final = 0.5
"""Deviation of each angle, as a share of the largest of its joint: no beat is like another."""
_CURL_RAD: Final = (0.05, 0.4)
"""How far fingers open or close in a beat."""
_BACKSWING: Final = -0.3
_STROKE_S: Final = (0.12, 0.24)
_HOLD_S: Final = (0.0, 0.5)
_RETRACT_S: Final = (0.4, 0.9)
_EARLY_S, _EARLY_SPREAD_S = -0.02, 0.08
"""End of the stroke against the accent."""
_LIMIT_DEG: Final = np.array([4.0, 5.0, 9.0, 8.0])[:, None]
_REST_DEG: Final = np.array([0.25, 0.4, 0.7, 1.0])[:, None]
_REST_RAD: Final = 0.12
_REST_S: Final = 9.0
"""Mean time until the hands rest in another way."""
_MOST: Final = 2
"""Beats under way at once: one that ends and one that begins."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One beat of one hand or both."""

    arms: Float64[np.ndarray, "2 4 3"]
    """Angles at the end of the stroke in degrees; left and right."""
    curls: Float64[np.ndarray, "2 5"]
    prepare_s: float
    stroke_s: float
    hold_s: float
    retract_s: float
    age_s: float = 0.0

    @property
    def held_s(self) -> float:
        """Age at which the stroke ends and the hold begins."""
        return self.prepare_s + self.stroke_s

    @property
    def over(self) -> bool:
        """Tell whether the hand is back."""
        return self.age_s >= self.held_s + self.hold_s + self.retract_s

    def value(self) -> float:
        """Return where the hand is: 1 at the end of the stroke, below 0 as it swings back first."""
        swung = _BACKSWING * smoothstep(self.age_s / self.prepare_s)
        struck = (1.0 - _BACKSWING) * smoothstep((self.age_s - self.prepare_s) / self.stroke_s)
        left = 1.0 - smoothstep((self.age_s - self.held_s - self.hold_s) / self.retract_s)
        return (swung + struck) * left


@dataclass(frozen=True, slots=True)
class GestureState:
    """Beats under way, and how the hands rest."""

    beats: tuple[Beat, ...]
    rest: Spring
    """Of both arms' angles in degrees (24) and all fingers' curls in radians (10)."""
    aim: Float64[np.ndarray, "34"]
    rest_s: float
    waves: Float64[np.ndarray, "34 2"]
    """Stirring of each angle (`training.teacher.waves`)."""
    count: int = 0


def init_gesture(seed: int) -> GestureState:
    """Return hands at rest as in the portrait."""
    random = chance(seed, Stream.HANDS)
    size = 2 * (3 * len(_ARM) + len(FINGERS))
    waves = draw_waves(random, 0.05, 0.25, size)
    return GestureState((), Spring.at(np.zeros(size)), np.zeros(size), float(random.uniform(2.0, 6.0)), waves)


def step_gesture(
    cues: Cues, style: Style, seed: int, state: GestureState
) -> tuple[Float64[np.ndarray, "12 3"], Float32[np.ndarray, "2 5"], GestureState]:
    """Return the arms' angles in degrees, all other joints at 0; the fingers' curls; the state after it."""
    state = _rest(style, seed, replace(state, beats=_advance(cues, state.beats)))
    state = _begin(cues, style, seed, state)
    resting = state.rest.value + 0.4 * _rest_sizes() * waves_at(state.waves, cues.frame)
    arms, curls = resting[:24].reshape(2, 4, 3), resting[24:].reshape(2, 5)
    for beat in state.beats:
        arms, curls = arms + beat.value() * beat.arms, curls + beat.value() * beat.curls
    angles = np.zeros((len(JOINTS), 3))
    limited = _LIMIT_DEG * np.tanh(arms / _LIMIT_DEG)
    for side, name in enumerate(("left", "right")):
        for row, joint in enumerate(_ARM):
            angles[JOINT_INDEX[f"{joint}_{name}"]] = limited[side, row]
    return angles, np.clip(curls, -0.3, 0.8).astype(np.float32), state


def _rest_sizes() -> Float64[np.ndarray, "34"]:
    """Return how far each angle strays at rest."""
    return np.concatenate([np.tile(np.repeat(_REST_DEG[:, 0], 3), 2), np.full(2 * len(FINGERS), _REST_RAD)])


def _advance(cues: Cues, beats: tuple[Beat, ...]) -> tuple[Beat, ...]:
    """Return the beats one frame later; at the end of a phrase held hands go back."""
    older = (replace(beat, age_s=beat.age_s + DT_S) for beat in beats)
    leaving = cues.boundary or cues.presence is not Presence.SPEAKING
    going = (_let_go(beat) if leaving else beat for beat in older)
    return tuple(beat for beat in going if not beat.over)


def _let_go(beat: Beat) -> Beat:
    """End a hold now, but no stroke: a movement begun is finished."""
    held_s = beat.age_s - beat.held_s
    return replace(beat, hold_s=min(beat.hold_s, max(0.0, held_s)))


def _rest(style: Style, seed: int, state: GestureState) -> GestureState:
    """Let the hands lie another way from time to time."""
    state = replace(state, rest=state.rest.towards(state.aim, 2.0), rest_s=state.rest_s - DT_S)
    if state.rest_s > 0.0:
        return state
    random = chance(seed, Stream.HANDS, state.count + 1)
    aim = (0.5 + style.gesture) * _rest_sizes() * np.clip(random.normal(0.0, 1.0, len(state.aim)), -1.8, 1.8)
    # The fingers of a hand relax together.
    aim[24:] += np.repeat(random.uniform(0.0, 0.2, 2), len(FINGERS))
    left_s = bounded_normal(random, _REST_S, 0.4 * _REST_S, 3.0, 2.0 * _REST_S)
    return replace(state, aim=aim, rest_s=left_s, count=state.count + 1)


def _begin(cues: Cues, style: Style, seed: int, state: GestureState) -> GestureState:
    """Begin a beat for an accent that is known to come, or at once for one that was heard."""
    known = cues.far_accent > 0.0
    strength = cues.far_accent if known else cues.accent * (cues.remaining_s == float("inf"))
    likely = 0.1 + 0.3 * style.gesture
    if cues.presence is not Presence.SPEAKING or strength <= 1.0 - likely or len(state.beats) >= _MOST:
        return state
    if state.beats and state.beats[-1].age_s < state.beats[-1].held_s:
        return state
    beat = _draw(strength, style, chance(seed, Stream.GESTURE, cues.frame), known=known)
    return replace(state, beats=(*state.beats, beat))


def _draw(strength: float, style: Style, random: np.random.Generator, *, known: bool) -> Beat:
    """Draw a beat; without foresight the preparation is as short as a stroke."""
    size = (0.35 + 0.9 * style.gesture) * (0.6 + 0.5 * strength)
    both, mine = random.random() < 0.3, random.random() < 0.7
    lead = style.side if mine else -style.side
    shares = np.array([1.0 if both or lead > 0 else 0.12, 1.0 if both or lead < 0 else 0.12])
    spread = _STROKE_SPREAD * np.abs(_STROKE_DEG).max(axis=1, keepdims=True)
    left = _STROKE_DEG + spread * np.clip(random.normal(0.0, 0.6, (4, 3)), -1.2, 1.2)
    mirrored = left * np.array([1.0, -1.0, -1.0])
    way = 1.0 if random.random() < 0.4 else -0.6
    curls = way * random.uniform(*_CURL_RAD) * random.uniform(0.6, 1.0, (2, len(FINGERS)))
    stroke_s = float(random.uniform(*_STROKE_S))
    early_s = bounded_normal(random, _EARLY_S, _EARLY_SPREAD_S, -0.2, 0.05)
    # The accent is the middle of a vowel that begins after `PREPARATION_S`.
    prepare_s = PREPARATION_S + 0.04 + early_s - stroke_s if known else 0.12
    return Beat(
        size * shares[:, None, None] * np.stack([left, mirrored]),
        shares[:, None] * curls,
        prepare_s,
        stroke_s,
        float(random.uniform(*_HOLD_S)),
        float(random.uniform(*_RETRACT_S)),
    )
