"""The head: drift, posture, nods and beats, in degrees of pitch (down), yaw (left) and roll (to the right).

Nods sit on accents and head motion follows pitch (Munhall et al. 2004, "Visual prosody and speech
intelligibility"); ordinary movements lie at 1.8–3.7 Hz (Hadar et al. 1983), the ambient drift at 0.1–0.4 Hz.
Listeners nod about every five seconds. Amplitudes stay small, since a portrait is seen from the front.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float64

from models.motion.chance import Stream, bounded_normal, chance
from models.motion.easing import DT_S, Pulse, Spring, advance, total
from models.motion.stage import Presence
from models.motion.style import Style
from training.teacher.cues import Cues
from training.teacher.gaze import Gaze
from training.teacher.waves import draw_waves, waves_at

LIMIT_DEG: Final = np.array([10.0, 12.0, 8.0])
_DRIFT_DEG: Final = np.array([0.8, 1.0, 0.7])
_LIVELINESS: Final = {
    Presence.IDLE: 0.9,
    Presence.LISTENING: 0.7,
    Presence.THINKING: 0.8,
    Presence.SPEAKING: 1.2,
}
_POSTURE_S: Final = {
    Presence.IDLE: 9.0,
    Presence.LISTENING: 8.0,
    Presence.THINKING: 5.0,
    Presence.SPEAKING: 4.0,
}
_POSTURE_DEG: Final = np.array([1.0, 2.2, 1.3])
_LISTENER_NOD_S: Final = 5.0
_NODS_AT_PHRASES: Final = 0.55
"""Share of the other's phrases that a listener answers with a nod."""
_PITCH_DEG_PER_ST: Final = 0.3
_FOLLOW, _SETTLE, _VOICE = 6.0, 3.0, 9.0
"""Spring rates in 1/s: after gaze (the head begins some 100 ms after the eyes), of posture, of pitch."""


@dataclass(frozen=True, slots=True)
class HeadState:
    """Springs, pulses under way, and what comes when."""

    waves: Float64[np.ndarray, "3 3 2"]
    """Drift of each axis: three sines (`training.teacher.waves`)."""
    posture: Spring
    follow: Spring
    voice: Spring
    liveliness: Spring
    aim: Float64[np.ndarray, "3"]
    posture_s: float
    nod_s: float
    pulses: tuple[Pulse, ...] = ()
    count: int = 0


def init_head(seed: int) -> HeadState:
    """Return a head at rest, about to drift."""
    random = chance(seed, Stream.DRIFT)
    waves = draw_waves(random, 0.08, 0.4, 3, 3)
    still = Spring.at(np.zeros(3))
    return HeadState(
        waves, still, still, Spring.at(np.zeros(1)), Spring.at(np.zeros(1)), np.zeros(3), 2.0, 3.0
    )


def step_head(
    cues: Cues, gaze: Gaze, style: Style, seed: int, state: HeadState
) -> tuple[Float64[np.ndarray, "3"], HeadState]:
    """Return pitch, yaw and roll in degrees for this frame, and the state after it."""
    state = _posture(cues, style, seed, replace(state, pulses=advance(state.pulses)))
    state = _nods(cues, style, seed, state)
    lively = state.liveliness.towards(np.array([_LIVELINESS[cues.presence] * style.drift]), _SETTLE)
    voiced = cues.prosody.pitch_st if cues.presence is Presence.SPEAKING else 0.0
    state = replace(
        state,
        posture=state.posture.towards(state.aim + _attitude(cues.presence, style), _SETTLE),
        follow=state.follow.towards(np.array([gaze.head[1], gaze.head[0], 0.0]), _FOLLOW),
        voice=state.voice.towards(np.array([-_PITCH_DEG_PER_ST * voiced]), _VOICE),
        liveliness=lively,
    )
    angles = lively.value * _drift(state.waves, cues.frame) + state.posture.value + state.follow.value
    angles = angles + total(state.pulses, 3)
    angles[0] += state.voice.value[0]
    return LIMIT_DEG * np.tanh(angles / LIMIT_DEG), state


def _drift(waves: Float64[np.ndarray, "3 3 2"], frame: int) -> Float64[np.ndarray, "3"]:
    """Return the ambient drift: a function of time alone, so hours cannot add up an error."""
    return np.asarray(1.4 * _DRIFT_DEG * waves_at(waves, frame).mean(axis=1))


def _attitude(presence: Presence, style: Style) -> Float64[np.ndarray, "3"]:
    """Return how the head is held in each presence."""
    if presence is Presence.THINKING:
        return np.array([-1.5, 2.0 * style.side, -(1.5 + style.tilt_deg) * style.side])
    if presence is Presence.LISTENING:
        return np.array([0.8, 0.0, style.tilt_deg * style.side])
    return np.zeros(3)


def _posture(cues: Cues, style: Style, seed: int, state: HeadState) -> HeadState:
    """Shift the weight now and then."""
    left_s = state.posture_s - DT_S
    if left_s > 0.0:
        return replace(state, posture_s=left_s)
    random = chance(seed, Stream.POSTURE, state.count)
    aim = style.drift * _POSTURE_DEG * np.clip(random.normal(0.0, 0.7, 3), -1.5, 1.5)
    mean_s = _POSTURE_S[cues.presence]
    left_s = bounded_normal(random, mean_s, 0.35 * mean_s, 1.5, 2.0 * mean_s)
    return replace(state, aim=aim, posture_s=left_s, count=state.count + 1)


def _nods(cues: Cues, style: Style, seed: int, state: HeadState) -> HeadState:
    """Begin a beat on an accent, or a listener's nod."""
    if cues.presence is Presence.SPEAKING and cues.accent > 1.0 - style.beat and len(state.pulses) < 2:
        beat = _beat(cues, style, seed)
        return replace(state, pulses=(*state.pulses, beat))
    if cues.presence is not Presence.LISTENING:
        return state
    left_s, random = state.nod_s - DT_S, chance(seed, Stream.HEAD, cues.frame)
    # Right after a nod a phrase end brings no other.
    answered = cues.heard_out and left_s < _LISTENER_NOD_S - 1.0 and random.random() < _NODS_AT_PHRASES
    if left_s > 0.0 and not answered:
        return replace(state, nod_s=left_s)
    nods = _listener_nods(style, random)
    pause_s = bounded_normal(random, _LISTENER_NOD_S, 1.5, 2.0, 10.0)
    return replace(state, pulses=(*state.pulses, *nods), nod_s=pause_s)


def _beat(cues: Cues, style: Style, seed: int) -> Pulse:
    """Mark an accent: mostly a nod of 2–6°, sometimes a turn or a tilt; stronger accents move more."""
    random = chance(seed, Stream.HEAD, cues.frame)
    size = style.nod * (1.6 + 2.8 * cues.accent * float(random.random()))
    kind = random.random()
    sign = 1.0 if random.random() < 0.5 else -1.0
    axes = (size, 0.15 * sign * size, 0.0)
    if kind > 0.85:
        axes = (0.3 * size, 0.2 * sign * size, 0.6 * sign * size)
    elif kind > 0.7:
        axes = (0.3 * size, 0.8 * sign * size, 0.0)
    return Pulse(axes, float(random.uniform(0.36, 0.52)))


def _listener_nods(style: Style, random: np.random.Generator) -> tuple[Pulse, ...]:
    """Nod one to three times, each smaller than the one before."""
    size, length_s = style.nod * float(random.uniform(2.0, 3.6)), float(random.uniform(0.42, 0.56))
    times = 1 + int(random.choice(3, p=(0.5, 0.35, 0.15)))
    return tuple(Pulse((size * 0.7**n, 0.0, 0.0), length_s, 0.85 * n * length_s) for n in range(times))
