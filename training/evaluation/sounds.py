"""Sounds that are no speech, at speech's level: no mouth should talk to them.

Neither the motion network nor what tells speech from music was trained or tuned on any of these.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64

from models.motion.stage import SPEECH_RATE_HZ
from training.evaluation.instruments import chords, fm_band, plucked, strings

LEVEL: Final = 0.08
"""Root mean square, about that of a voice at a comfortable level: -22 dB of full scale."""

Sound = Float64[np.ndarray, "samples"]
_MAKERS: Final[dict[str, Callable[[int, np.random.Generator], Sound]]] = {
    "white noise": lambda samples, random: random.standard_normal(samples),
    "pink noise": lambda samples, random: _pink(random.standard_normal(samples)),
    "music": lambda samples, _: chords(samples),
    "strings": lambda samples, _: strings(samples),
    "plucked": plucked,
    "band": fm_band,
    "clicks": lambda samples, _: _clicks(samples),
    "typing": lambda samples, random: _typing(samples, random),
    "coughs": lambda samples, random: _coughs(samples, random),
}


def other_sounds(seconds: float, seed: int = 0) -> dict[str, Float32[np.ndarray, "samples"]]:
    """Return each sound by its name, 16 kHz."""
    samples = round(seconds * SPEECH_RATE_HZ)
    levelled = {name: _levelled(make(samples, np.random.default_rng(seed))) for name, make in _MAKERS.items()}
    return {"silence": np.zeros(samples, np.float32), **levelled}


def over_music(speech: Float32[np.ndarray, "samples"], below_db: float) -> Float32[np.ndarray, "samples"]:
    """Return speech with a band playing under it.

    Args:
        speech: 16 kHz in -1..1.
        below_db: Power of the speech over that of the music.
    """
    music = fm_band(len(speech), np.random.default_rng(0))
    power = np.mean(speech.astype(np.float64) ** 2) / np.mean(music**2) * 10 ** (-below_db / 10)
    return np.clip(speech + np.sqrt(power) * music, -1.0, 1.0).astype(np.float32)


def _levelled(sound: Sound) -> Float32[np.ndarray, "samples"]:
    return np.clip(sound * (LEVEL / np.sqrt(np.mean(sound**2))), -1.0, 1.0).astype(np.float32)


def _pink(white: Sound) -> Sound:
    """Let power fall by 3 dB per octave."""
    spectrum = np.fft.rfft(white)
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0.0
    return np.asarray(np.fft.irfft(spectrum, len(white)))


def _clicks(samples: int) -> Sound:
    """Click three times a second, 5 ms each."""
    since_s = (np.arange(samples) / SPEECH_RATE_HZ) % (1 / 3)
    return np.asarray(np.exp(-since_s / 0.001) * np.cos(2 * np.pi * 2000.0 * since_s))


def _typing(samples: int, random: np.random.Generator) -> Sound:
    """Strike keys about seven times a second: a thud and a rattle each."""
    sound = np.zeros(samples)
    length = round(0.03 * SPEECH_RATE_HZ)
    time_s = np.arange(length) / SPEECH_RATE_HZ
    for at in np.cumsum(random.uniform(0.07, 0.25, samples)):
        start = round(at * SPEECH_RATE_HZ)
        if start + length > samples:
            break
        thud = np.sin(2 * np.pi * random.uniform(150, 400) * time_s)
        rattle = random.standard_normal(length) * np.exp(-time_s / 0.004)
        sound[start : start + length] += (0.4 * thud * np.exp(-time_s / 0.01) + rattle) * random.uniform(
            0.4, 1
        )
    return sound


def _coughs(samples: int, random: np.random.Generator) -> Sound:
    """Cough about once a second: a burst, breath, and a short hoarse end."""
    sound = np.zeros(samples)
    length = round(0.35 * SPEECH_RATE_HZ)
    time_s = np.arange(length) / SPEECH_RATE_HZ
    for at in np.cumsum(random.uniform(0.6, 1.4, samples)) - 0.5:
        start = round(at * SPEECH_RATE_HZ)
        if start + length > samples:
            break
        noise = np.convolve(random.standard_normal(length), np.ones(4) / 4, "same")
        breath = noise * (np.exp(-time_s / 0.04) + 0.25 * np.exp(-(((time_s - 0.16) / 0.06) ** 2)))
        hoarse = np.sign(np.sin(2 * np.pi * 170.0 * time_s)) * (0.5 + 0.5 * noise)
        sound[start : start + length] += breath + 0.12 * hoarse * np.exp(-(((time_s - 0.25) / 0.04) ** 2))
    return sound
