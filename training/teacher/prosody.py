"""Loudness, pitch and accents of the voice, frame by frame, from what has sounded so far."""

from dataclasses import dataclass
from functools import cache
from math import isnan, log2, log10
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64

from models.motion.easing import DT_S, approach
from models.motion.stage import SAMPLES_PER_FRAME, SPEECH_RATE_HZ

WINDOW: Final = 1024
"""64 ms of sound: two periods of a 50 Hz voice, and the frame itself."""
_SILENCE_DB: Final = -55.0
_RANGE_DB: Final = 30.0
"""Speech spans about 30 dB from weak consonants to strong vowels (Byrne et al. 1994, LTASS)."""
_PITCH_HZ: Final = (65.0, 400.0)
_VOICED: Final = 0.45
"""Normalised autocorrelation from which a frame counts as voiced (Boersma 1993)."""
_PITCH_MEMORY_S: Final = 3.0
_ACCENT: Final = 1.0
"""Rise that makes an accent: three semitones, or a third of the loudness range, or half of each."""
_REFRACTORY_S: Final = 0.4
PAUSE_S: Final = 0.24


@dataclass(frozen=True, slots=True)
class ProsodyState:
    """What was heard last, and the running means the next frame is compared with."""

    window: Float32[np.ndarray, "1024"]
    peak_db: float = -30.0
    pitch_mean: float = float("nan")
    """Semitones over 100 Hz; NaN before the first voiced frame."""
    voiced_s: float = 0.0
    loudness_mean: float = 0.5
    vigour: float = 0.65
    score: float = 0.0
    phrase_s: float = 0.0
    """Voiced time since the last pause."""
    climb: float = 0.0
    """How far the score has risen without a fall."""
    since_accent_s: float = 10.0
    silent_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Prosody:
    """One frame of voice."""

    loudness: float
    """0 silent … 1 as loud as this voice gets."""
    vigour: float
    """The loudness of the last syllables, without the silences between; about 0.65 in ordinary speech."""
    pitch_st: float
    """Semitones over the voice's running mean; 0 where unvoiced."""
    accent: float
    """Strength 0..1 of an accent that has just peaked; 0 elsewhere."""
    pause: bool
    """True in the one frame in which a pause became `PAUSE_S` long."""
    phrase_s: float = 0.0
    """Voiced time of the phrase so far, or of the one that the pause ended: little of it is no speech."""


def init_prosody() -> ProsodyState:
    """Return the state before any sound: silence."""
    return ProsodyState(np.zeros(WINDOW, np.float32))


def hear(pcm: Float32[np.ndarray, "640"], state: ProsodyState) -> tuple[Prosody, ProsodyState]:
    """Return the prosody of one frame of 16 kHz sound, and the state after it."""
    window = np.concatenate([state.window[SAMPLES_PER_FRAME:], pcm])
    level_db = 10.0 * log10(float(pcm @ pcm) / len(pcm) + 1e-12)
    peak_db = max(level_db, state.peak_db - 1.0 * DT_S, -45.0)
    loudness = 0.0 if level_db < _SILENCE_DB else min(1.0, max(0.0, 1.0 + (level_db - peak_db) / _RANGE_DB))
    pitch = _pitch(window) if loudness > 0.3 else float("nan")
    voiced = not isnan(pitch)
    voiced_s = min(state.voiced_s + DT_S * voiced, _PITCH_MEMORY_S)
    pitch_mean = _pitch_mean(state.pitch_mean, pitch, voiced_s)
    pitch_st = min(max(pitch - pitch_mean, -8.0), 8.0) if voiced else 0.0
    silent_s = state.silent_s + DT_S if loudness < 0.2 else 0.0
    vigour = approach(state.vigour, loudness, 0.4) if loudness > 0.35 else state.vigour
    loudness_mean = approach(state.loudness_mean, loudness, 1.5) if loudness > 0.2 else state.loudness_mean
    score = max(0.0, pitch_st) / 3.0 + max(0.0, loudness - loudness_mean) / 0.3 if voiced else 0.0
    accented = score < state.score and state.climb > _ACCENT and state.since_accent_s > _REFRACTORY_S
    pause = silent_s >= PAUSE_S > state.silent_s
    phrase_s = state.phrase_s + DT_S * voiced
    after = ProsodyState(
        window, peak_db, pitch_mean, voiced_s, loudness_mean, vigour, score, 0.0 if pause else phrase_s,
        state.climb + score - state.score if score > state.score else 0.0,
        0.0 if accented else state.since_accent_s + DT_S, min(silent_s, 10.0),
    )  # fmt: skip
    accent = min(1.0, state.score / 2.5) if accented else 0.0
    return Prosody(loudness, vigour, pitch_st, accent, pause, phrase_s), after


def _pitch_mean(mean: float, pitch: float, voiced_s: float) -> float:
    """Average the pitch over the last seconds of voiced speech, evenly while there are few of them."""
    if isnan(pitch):
        return mean
    return pitch if isnan(mean) else mean + (pitch - mean) * DT_S / voiced_s


@cache
def _taper() -> tuple[Float64[np.ndarray, "window"], Float64[np.ndarray, "window"]]:
    """Return the window and its own normalised autocorrelation, lag by lag (Boersma 1993, equation 9)."""
    taper = np.hanning(WINDOW)
    own = np.correlate(taper, taper, "full")[WINDOW - 1 :]
    return taper, own / own[0]


def _pitch(window: Float32[np.ndarray, "1024"]) -> float:
    """Return the pitch in semitones over 100 Hz by autocorrelation; NaN where unvoiced."""
    shortest, longest = (round(SPEECH_RATE_HZ / hz) for hz in reversed(_PITCH_HZ))
    taper, own = _taper()
    spectrum = np.fft.rfft(window * taper, 2 * WINDOW)
    correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[: longest + 1]
    if correlation[0] <= 0.0:
        return float("nan")
    lags = np.arange(shortest, longest + 1)
    # A slight cost for long lags keeps the octave below from winning by a hair.
    strength = correlation[shortest:] / correlation[0] / own[lags] - 0.02 * np.log2(lags / shortest)
    best = int(np.argmax(strength))
    return (
        12.0 * log2(SPEECH_RATE_HZ / float(lags[best]) / 100.0) if strength[best] > _VOICED else float("nan")
    )
