"""Sound that nobody says: what lies under a voice, and what must not move a mouth.

All at 16 kHz, all of root mean square 1 unless nothing sounds, the same for the same generator.
"""

from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Float64

from models.motion.stage import SPEECH_RATE_HZ

_CHORDS: Final = ((0, 4, 7), (0, 3, 7), (0, 4, 7, 10), (0, 5, 7), (0, 7))
"""Major, minor, seventh, suspended, fifth; in semitones."""


def to_unit(sound: Float[np.ndarray, "samples"]) -> Float32[np.ndarray, "samples"]:
    """Bring the root mean square to 1; silence stays silence."""
    level = float(np.sqrt(np.mean(np.square(sound)))) if sound.size else 0.0
    return (sound / max(level, 1e-9)).astype(np.float32)


def coloured(random: np.random.Generator, samples: int, exponent: float) -> Float32[np.ndarray, "samples"]:
    """Return Gaussian noise whose power falls with frequency to the `exponent`: 0 white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(random.standard_normal(samples))
    bins = np.arange(len(spectrum))
    spectrum *= np.maximum(bins, 50 * samples / SPEECH_RATE_HZ) ** (-exponent / 2)
    return to_unit(np.fft.irfft(spectrum, samples))


def hum(random: np.random.Generator, samples: int) -> Float32[np.ndarray, "samples"]:
    """Return mains hum: 50 or 60 Hz with harmonics that fade."""
    base_hz = random.choice([50.0, 60.0]) * random.uniform(0.99, 1.01)
    harmonics = np.arange(1, 16)
    strengths = random.uniform(0.2, 1.0, 15) / harmonics
    phases = random.uniform(0, 2 * np.pi, 15)
    time_s = np.arange(samples) / SPEECH_RATE_HZ
    sound = np.zeros(samples)
    for harmonic, strength, phase in zip(harmonics, strengths, phases, strict=True):
        sound += strength * np.sin(2 * np.pi * base_hz * harmonic * time_s + phase)
    return to_unit(sound)


def music(random: np.random.Generator, samples: int) -> Float32[np.ndarray, "samples"]:
    """Return chord after chord on a beat, each tone struck and fading, with overtones."""
    sound = np.zeros(samples)
    beat = int(random.uniform(0.2, 0.8) * SPEECH_RATE_HZ)
    decay_s, brightness = random.uniform(0.1, 1.5), random.uniform(1.0, 2.5)
    for start in range(0, samples, beat):
        root_hz = 55.0 * 2 ** (random.integers(12, 48) / 12)
        length = min(samples - start, 3 * beat)
        for step in random.permuted(_CHORDS[random.integers(len(_CHORDS))]):
            tone = _tone(length, root_hz * 2 ** (step / 12), decay_s, brightness)
            sound[start : start + length] += random.uniform(0.3, 1.0) * tone
    return to_unit(sound)


def _tone(length: int, pitch_hz: float, decay_s: float, brightness: float) -> Float32[np.ndarray, "length"]:
    """Return one struck tone of up to eight overtones."""
    time_s = np.arange(length) / SPEECH_RATE_HZ
    overtones = range(1, min(9, int(SPEECH_RATE_HZ / 2 / pitch_hz)))
    tone = sum(np.sin(2 * np.pi * k * pitch_hz * time_s) * k**-brightness for k in overtones)
    attack = np.minimum(time_s / 0.01, 1.0)
    return (tone * attack * np.exp(-time_s / decay_s)).astype(np.float32)


def clicks(random: np.random.Generator, samples: int) -> Float32[np.ndarray, "samples"]:
    """Return keys being struck: pairs of short resonant bursts at uneven intervals."""
    sound = np.zeros(samples)
    at_s = random.exponential(0.15)
    while (start := int(at_s * SPEECH_RATE_HZ)) < samples:
        _strike(sound, start, random)
        _strike(sound, start + int(random.uniform(0.05, 0.12) * SPEECH_RATE_HZ), random, 0.4)
        at_s += 0.06 + random.exponential(0.15)
    return to_unit(sound)


def _strike(
    sound: Float64[np.ndarray, "samples"], start: int, random: np.random.Generator, strength: float = 1.0
) -> None:
    """Add one burst of 10 ms to a sound."""
    length = max(0, min(160, len(sound) - start))
    time_s = np.arange(length) / SPEECH_RATE_HZ
    ring = np.sin(2 * np.pi * random.uniform(800, 5000) * time_s) + random.standard_normal(length)
    sound[start : start + length] += strength * random.uniform(0.3, 1.0) * ring * np.exp(-time_s / 0.002)


def bursts(random: np.random.Generator, samples: int) -> Float32[np.ndarray, "samples"]:
    """Return noise that comes and goes a few times a second, as paper, taps and doors do."""
    knots = 2 + int(samples / SPEECH_RATE_HZ * random.uniform(1, 8))
    levels = random.uniform(0, 1, knots) ** 3
    envelope = np.interp(np.linspace(0, knots - 1, samples), np.arange(knots), levels)
    return to_unit(coloured(random, samples, random.uniform(0, 2)) * envelope)


def steady(random: np.random.Generator, samples: int) -> Float32[np.ndarray, "samples"]:
    """Return white to brown noise, or hum."""
    return hum(random, samples) if random.random() < 0.2 else coloured(random, samples, random.uniform(0, 2))


def not_speech(random: np.random.Generator, samples: int) -> Float32[np.ndarray, "samples"]:
    """Return one of the kinds above at −50 to −10 dB of full scale."""
    kinds = (music, clicks, bursts, steady)
    sound = kinds[random.integers(len(kinds))](random, samples)
    return np.clip(sound * 10 ** (random.uniform(-50, -10) / 20), -1.0, 1.0).astype(np.float32)
