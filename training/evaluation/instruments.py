"""Music to measure against, played by instruments that the corpus of `training.corpus.noises` does not have.

Sounds of 16 kHz, of any level.
"""

from typing import Final

import numpy as np
from jaxtyping import Float64

from models.motion.stage import SPEECH_RATE_HZ

Sound = Float64[np.ndarray, "samples"]
_CHORDS_HZ: Final = (
    (261.6, 329.6, 392.0),
    (220.0, 261.6, 329.6),
    (174.6, 220.0, 261.6),
    (196.0, 246.9, 293.7),
)
"""C, A minor, F, G."""


def chords(samples: int) -> Sound:
    """Play a chord every half second, each with eight harmonics that die away like a piano's."""
    time_s = _times(samples)
    number, since_s = (time_s // 0.5).astype(int) % len(_CHORDS_HZ), time_s % 0.5
    notes = np.array(_CHORDS_HZ)[number].T
    tones = [np.sin(2 * np.pi * k * note * time_s) / k**1.5 for note in notes for k in range(1, 9)]
    return np.asarray(np.exp(-4.0 * since_s) * np.sum(tones, axis=0))


def strings(samples: int) -> Sound:
    """Hold a chord for two seconds, bowed: many harmonics, vibrato, swelling. The likest to a voice."""
    time_s = _times(samples)
    number = (time_s // 2.0).astype(int) % len(_CHORDS_HZ)
    swell = np.sin(np.pi * (time_s % 2.0) / 2.0) ** 0.5
    sound = np.zeros(samples)
    for part, notes in enumerate(np.array(_CHORDS_HZ)[number].T):
        vibrato = 1.0 + 0.006 * np.sin(2 * np.pi * (5.2 + 0.3 * part) * time_s)
        phase = 2 * np.pi * np.cumsum(notes * vibrato) / SPEECH_RATE_HZ
        sound += sum(np.sin(k * phase) / k for k in range(1, 13))
    return np.asarray(swell * sound)


def plucked(samples: int, random: np.random.Generator) -> Sound:
    """Pluck broken chords, six notes a second (Karplus & Strong 1983)."""
    sound, step = np.zeros(samples), SPEECH_RATE_HZ // 6
    for number, start in enumerate(range(0, samples, step)):
        notes = _CHORDS_HZ[number // 12 % len(_CHORDS_HZ)]
        length = min(samples - start, 4 * step)
        sound[start : start + length] += _string(notes[number % 3], length, random)
    return sound


def _string(pitch_hz: float, length: int, random: np.random.Generator) -> Sound:
    """Return a plucked string: noise that goes round and is averaged, period by period."""
    period = round(SPEECH_RATE_HZ / pitch_hz)
    turn = random.uniform(-1.0, 1.0, period)
    turns = []
    for _ in range(-(-length // period)):
        turns.append(turn)
        turn = 0.498 * (turn + np.roll(turn, 1))
    return np.concatenate(turns)[:length]


def fm_band(samples: int, random: np.random.Generator) -> Sound:
    """Play bass and bells by frequency modulation (Chowning 1973), with drum and hi-hat, 120 a minute."""
    time_s = _times(samples)
    beat_s, eighth_s = time_s % 0.5, time_s % 0.25
    roots = np.array(_CHORDS_HZ)[(time_s // 2.0).astype(int) % len(_CHORDS_HZ)]
    bass = np.sin(2 * np.pi * roots[:, 0] / 4 * time_s + 2.0 * np.sin(2 * np.pi * roots[:, 0] / 4 * time_s))
    struck = roots[np.arange(samples), (time_s // 0.25).astype(int) % 3]
    bells = np.sin(4 * np.pi * struck * time_s + 1.5 * np.sin(11.2 * np.pi * struck * time_s))
    drum = np.sin(2 * np.pi * 55.0 * beat_s + 6.0 * np.exp(-beat_s / 0.03)) * np.exp(-beat_s / 0.12)
    hat = random.standard_normal(samples) * np.exp(-eighth_s / 0.03)
    return np.asarray(
        0.5 * bass * np.exp(-2.0 * beat_s) + 0.4 * bells * np.exp(-9.0 * eighth_s) + drum + 0.15 * hat
    )


def _times(samples: int) -> Sound:
    return np.arange(samples) / SPEECH_RATE_HZ
