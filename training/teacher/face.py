"""The rest of the face: brows on accents, a hint of a smile, a thinking look, small stirrings when idle."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Float64

from models.motion.chance import Stream, bounded_normal, chance
from models.motion.easing import DT_S, Pulse, Spring, advance, total
from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS
from models.motion.stage import Presence
from models.motion.style import Style
from training.teacher.cues import Cues

_LOOKS: Final[dict[Presence, dict[str, float]]] = {
    Presence.IDLE: {"mouthSmile": 0.03},
    Presence.LISTENING: {"mouthSmile": 0.05, "browInnerUp": 0.06, "eyeWide": 0.04},
    Presence.THINKING: {"browInnerUp": 0.16, "browDown": 0.10, "mouthPress": 0.12, "eyeSquint": 0.08},
    Presence.SPEAKING: {"mouthSmile": 0.02, "browInnerUp": 0.02},
}
_MOODS: Final[tuple[dict[str, float], dict[str, float]]] = (
    {"browDown": 0.14, "browInnerUp": 0.10, "mouthFrown": 0.06, "eyeSquint": 0.05},
    {"mouthSmile": 0.20, "cheekSquint": 0.14, "eyeSquint": 0.06, "browOuterUp": 0.04},
)
"""Earnest and smiling, at their largest."""
_ANSWERS: Final[tuple[dict[str, float], ...]] = (
    {"mouthSmile": 0.55, "cheekSquint": 0.3, "eyeSquint": 0.15},
    {"browInnerUp": 0.5, "browOuterUp": 0.5},
)
"""What a listener's face says at the end of a phrase, if anything."""
_ANSWERED: Final = 0.4
_RAISE: Final = {"browInnerUp": 0.8, "browOuterUp": 0.7, "eyeWide": 0.15}
_FROWN: Final = {"browDown": 0.5, "eyeSquint": 0.2}
_STIRRINGS: Final[tuple[dict[str, float], ...]] = (
    {"mouthSmile": 0.5, "cheekSquint": 0.3, "eyeSquint": 0.25},
    {"mouthPress": 0.6, "mouthRollLower": 0.2},
    {"browInnerUp": 0.6, "browOuterUp": 0.3},
    {"mouthShrugLower": 0.35, "mouthPress": 0.3},
    {"eyeSquint": 0.5, "browDown": 0.3},
    {"noseSneer": 0.25, "mouthUpperUp": 0.1},
)
"""Micro-expressions at their largest; each comes at a quarter to a half of it."""
_STIRRING_S: Final = {
    Presence.IDLE: 7.0,
    Presence.LISTENING: 9.0,
    Presence.THINKING: 4.0,
    Presence.SPEAKING: 12.0,
}
_PACE: Final = 4.5
"""Spring rate in 1/s at which one look turns into the next."""
_BROW_REFRACTORY_S: Final = 0.7


@dataclass(frozen=True, slots=True)
class FaceState:
    """The look, brief movements over it, and when the next comes."""

    look: Spring
    pulses: tuple[Pulse, ...]
    stirring_s: float
    since_brow_s: float = 10.0
    count: int = 0


def init_face(seed: int) -> FaceState:
    """Return a neutral face."""
    first_s = float(chance(seed, Stream.FACE).uniform(2.0, 8.0))
    return FaceState(Spring.at(np.zeros(len(EXPRESSIONS))), (), first_s)


def step_face(
    cues: Cues, style: Style, seed: int, state: FaceState
) -> tuple[Float64[np.ndarray, "52"], FaceState]:
    """Return ARKit weights to add to the mouth, and the state after this frame."""
    look = state.look.towards(_look(cues.presence, style), _PACE)
    state = replace(state, look=look, pulses=advance(state.pulses), since_brow_s=state.since_brow_s + DT_S)
    state = _answer(cues, seed, _brows(cues, style, seed, state))
    state = _stir(cues, style, seed, state)
    return look.value + total(state.pulses, len(EXPRESSIONS)), state


@cache
def _weights(shapes: tuple[tuple[str, float], ...]) -> Float64[np.ndarray, "52"]:
    """Return the shapes as a vector; a name without side stands for both."""
    vector = np.zeros(len(EXPRESSIONS))
    for shape, weight in shapes:
        for name in (shape, f"{shape}Left", f"{shape}Right"):
            if name in EXPRESSION_INDEX:
                vector[EXPRESSION_INDEX[name]] = weight
    vector.setflags(write=False)
    return vector


@cache
def _sides() -> Float64[np.ndarray, "52"]:
    """Return 1 for shapes of the left, -1 for the right, 0 for the middle and for the eyes."""
    sides = [name.endswith("Left") * 1.0 - name.endswith("Right") * 1.0 for name in EXPRESSIONS]
    return np.array(
        [0.0 if name.startswith("eye") else side for name, side in zip(EXPRESSIONS, sides, strict=True)]
    )


def _look(presence: Presence, style: Style) -> Float64[np.ndarray, "52"]:
    """Return the look of a presence on this person's face."""
    smile = style.smile if presence is not Presence.THINKING else 0.3 * style.smile
    vector = _weights(tuple(_LOOKS[presence].items())) + smile * _weights((("mouthSmile", 1.0),))
    vector = vector + abs(style.mood) * _weights(tuple(_MOODS[style.mood > 0.0].items()))
    skew = 2.0 * style.asymmetry if presence is not Presence.THINKING else 0.5 * style.side
    return vector * (1.0 + skew * _sides())


def _brows(cues: Cues, style: Style, seed: int, state: FaceState) -> FaceState:
    """Raise the brows on some strong accents, now and then knit them."""
    if cues.accent < 0.55 or state.since_brow_s < _BROW_REFRACTORY_S:
        return state
    random = chance(seed, Stream.BROW, cues.frame)
    if random.random() > 0.6:
        return state
    shapes = _RAISE if random.random() < 0.8 else _FROWN
    size = style.brow * (0.15 + 0.3 * float(random.random()) * cues.accent)
    return _begin(state, shapes, size, float(random.uniform(0.35, 0.7)), since_brow_s=0.0)


def _answer(cues: Cues, seed: int, state: FaceState) -> FaceState:
    """Smile or raise the brows at the end of the other's phrase, now and then."""
    if not cues.heard_out:
        return state
    random = chance(seed, Stream.LISTEN, cues.frame)
    if random.random() > _ANSWERED:
        return state
    shapes = _ANSWERS[int(random.integers(len(_ANSWERS)))]
    return _begin(state, shapes, float(random.uniform(0.2, 0.5)), float(random.uniform(0.6, 1.4)))


def _stir(cues: Cues, style: Style, seed: int, state: FaceState) -> FaceState:
    """Let the face stir by itself."""
    left_s = state.stirring_s - DT_S
    if left_s > 0.0:
        return replace(state, stirring_s=left_s)
    random = chance(seed, Stream.FACE, state.count + 1)
    # A mouth that speaks has no room for a lip press.
    choices = _STIRRINGS[:1] + _STIRRINGS[2:3] if cues.presence is Presence.SPEAKING else _STIRRINGS
    shapes = choices[int(random.integers(len(choices)))]
    mean_s = _STIRRING_S[cues.presence]
    pause_s = bounded_normal(random, mean_s, 0.4 * mean_s, 2.0, 3.0 * mean_s)
    state = replace(state, stirring_s=pause_s, count=state.count + 1)
    return _begin(state, shapes, float(random.uniform(0.25, 0.5)), float(random.uniform(0.9, 2.2)))


def _begin(
    state: FaceState,
    shapes: dict[str, float],
    size: float,
    length_s: float,
    since_brow_s: float | None = None,
) -> FaceState:
    vector = size * _weights(tuple(shapes.items()))
    pulse = Pulse(tuple(float(weight) for weight in vector), length_s)
    since_s = state.since_brow_s if since_brow_s is None else since_brow_s
    return replace(state, pulses=(*state.pulses, pulse), since_brow_s=since_s)
