"""Sounds that are no speech, at speech's level: no mouth should talk to them."""

from typing import Final

import numpy as np
from jaxtyping import Float32, Float64

from models.motion.stage import SPEECH_RATE_HZ

LEVEL: Final = 0.08
"""Root mean square, about that of a voice at a comfortable level: -22 dB of full scale."""
_CHORDS_HZ: Final = (
    (261.6, 329.6, 392.0),
    (220.0, 261.6, 329.6),
    (174.6, 220.0, 261.6),
    (196.0, 246.9, 293.7),
)
"""C, A minor, F, G."""


def other_sounds(seconds: float, seed: int = 0) -> dict[str, Float32[np.ndarray, "samples"]]:
    """Return each sound by its name, 16 kHz."""
    random = np.random.default_rng(seed)
    samples = round(seconds * SPEECH_RATE_HZ)
    white = random.standard_normal(samples)
    sounds = {
        "white noise": white,
        "pink noise": _pink(white),
        "music": _music(samples),
        "clicks": _clicks(samples),
    }
    levelled = {name: _levelled(sound) for name, sound in sounds.items()}
    return {"silence": np.zeros(samples, np.float32), **levelled}


def _levelled(sound: Float64[np.ndarray, "samples"]) -> Float32[np.ndarray, "samples"]:
    return np.clip(sound * (LEVEL / np.sqrt(np.mean(sound**2))), -1.0, 1.0).astype(np.float32)


def _pink(white: Float64[np.ndarray, "samples"]) -> Float64[np.ndarray, "samples"]:
    """Let power fall by 3 dB per octave."""
    spectrum = np.fft.rfft(white)
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0.0
    return np.asarray(np.fft.irfft(spectrum, len(white)))


def _music(samples: int) -> Float64[np.ndarray, "samples"]:
    """Play a chord every half second, each with eight harmonics that die away like a piano's."""
    time_s = np.arange(samples) / SPEECH_RATE_HZ
    number, since_s = (time_s // 0.5).astype(int) % len(_CHORDS_HZ), time_s % 0.5
    notes = np.array(_CHORDS_HZ)[number].T
    tones = [np.sin(2 * np.pi * k * note * time_s) / k**1.5 for note in notes for k in range(1, 9)]
    return np.asarray(np.exp(-4.0 * since_s) * np.sum(tones, axis=0))


def _clicks(samples: int) -> Float64[np.ndarray, "samples"]:
    """Click three times a second, 5 ms each."""
    since_s = (np.arange(samples) / SPEECH_RATE_HZ) % (1 / 3)
    return np.asarray(np.exp(-since_s / 0.001) * np.cos(2 * np.pi * 2000.0 * since_s))
