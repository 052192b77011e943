"""One recording → the same words from other rooms, microphones, lines and throats.

Pure functions on 16 kHz sound in -1..1, seeded by their generator. None of them moves the sound in time,
except `resample_voice`, which moves the phones with it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float32

from models.motion.stage import SPEECH_RATE_HZ, Phone
from training.corpus.noises import bursts, clicks, music, steady, to_unit
from training.corpus.sound import tile

_LINE_HZ: Final = 8_000
_MU: Final = 255.0
_QUIETEST: Final = 1e-3
"""Level (−60 dB) that noise is measured against where nobody speaks."""


def resample_voice(
    pcm: Float32[np.ndarray, "samples"], phones: Sequence[Phone], factor: float
) -> tuple[Float32[np.ndarray, "samples2"], tuple[Phone, ...]]:
    """Speak `factor` times as fast and as high: another throat (0.85 to 1.2 sounds natural)."""
    import soxr

    faster = soxr.resample(pcm, SPEECH_RATE_HZ * factor, SPEECH_RATE_HZ)
    scaled = [Phone(p.symbol, p.start_s / factor, p.end_s / factor, p.stress) for p in phones]
    return faster, tile(scaled, len(faster) / SPEECH_RATE_HZ)


def augment(
    pcm: Float32[np.ndarray, "samples"],
    random: np.random.Generator,
    babble: Float32[np.ndarray, "others"] | None = None,
) -> Float32[np.ndarray, "samples"]:
    """Return the sound through a random room, line and gain; one time in eight only the gain changes.

    Args:
        pcm: 16 kHz in -1..1.
        random: Decides everything; the same generator state gives the same sound.
        babble: Other people's speech, of any length, to be heard in the background sometimes.
    """
    if random.random() > 1 / 8:
        if random.random() < 0.4:
            pcm = in_room(pcm, random.uniform(0.1, 0.5), random.uniform(-3, 15), random)
        if random.random() < 0.5:
            pcm = tilted(pcm, random.uniform(-4, 4))
        if random.random() < 0.6:
            pcm = add_noise(pcm, _background(len(pcm), random, babble), random.uniform(5, 30))
        if random.random() < 0.15:
            pcm = over_telephone(pcm)
    gain = 10 ** (random.uniform(-18, 6) / 20)
    return np.clip(pcm * gain, -1.0, 1.0).astype(np.float32)


def in_room(
    pcm: Float32[np.ndarray, "samples"], rt60_s: float, direct_db: float, random: np.random.Generator
) -> Float32[np.ndarray, "samples"]:
    """Add the reverberation of a room: noise that decays, after a direct path without delay.

    Args:
        pcm: The dry sound.
        rt60_s: Time in which the reverberation falls by 60 dB.
        direct_db: Energy of the direct path over that of the reverberation.
        random: Draws the room.
    """
    from scipy.signal import fftconvolve

    samples = int(rt60_s * SPEECH_RATE_HZ)
    decay = 10.0 ** (-3.0 * np.arange(samples) / samples)
    response = random.standard_normal(samples) * decay
    response[: int(random.uniform(0.001, 0.008) * SPEECH_RATE_HZ)] = 0.0
    response *= 10 ** (-direct_db / 20) / np.linalg.norm(response)
    response[0] = 1.0
    wet = fftconvolve(pcm, response)[: len(pcm)]
    return _level(pcm) * to_unit(wet)


def tilted(pcm: Float32[np.ndarray, "samples"], db_per_octave: float) -> Float32[np.ndarray, "samples"]:
    """Tilt the spectrum about 1 kHz, 60 Hz to 8 kHz, without moving it in time."""
    frequencies_hz = np.maximum(np.fft.rfftfreq(len(pcm), 1 / SPEECH_RATE_HZ), 60.0)
    gain = 10 ** (db_per_octave / 20 * np.log2(frequencies_hz / 1000.0))
    return to_unit(np.fft.irfft(np.fft.rfft(pcm) * gain, len(pcm))) * _level(pcm)


def add_noise(
    pcm: Float32[np.ndarray, "samples"], noise: Float32[np.ndarray, "samples"], snr_db: float
) -> Float32[np.ndarray, "samples"]:
    """Add noise `snr_db` below the sound's level."""
    level = max(_level(pcm), _QUIETEST) * 10 ** (-snr_db / 20)
    return pcm + level * to_unit(noise)


def over_telephone(pcm: Float32[np.ndarray, "samples"]) -> Float32[np.ndarray, "samples"]:
    """Pass the sound through a telephone: 8 kHz and μ-law in 8 bits (ITU-T G.711)."""
    import soxr

    narrow = np.clip(soxr.resample(pcm, SPEECH_RATE_HZ, _LINE_HZ), -1.0, 1.0)
    curved = np.sign(narrow) * np.log1p(_MU * np.abs(narrow)) / np.log1p(_MU)
    steps = np.round(curved * 127) / 127
    heard = np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(_MU)) / _MU
    wide = soxr.resample(heard.astype(np.float32), _LINE_HZ, SPEECH_RATE_HZ)
    return np.pad(wide, (0, max(0, len(pcm) - len(wide))))[: len(pcm)]


def _background(
    samples: int, random: np.random.Generator, babble: Float32[np.ndarray, "others"] | None
) -> Float32[np.ndarray, "samples"]:
    """Return something to lie under a voice: mostly steady noise, sometimes music, keys, bursts or voices."""
    if babble is not None and len(babble) and random.random() < 0.3:
        return np.resize(np.roll(babble, random.integers(len(babble))), samples)
    kinds = (steady, steady, steady, music, clicks, bursts)
    return kinds[random.integers(len(kinds))](random, samples)


def _level(pcm: Float32[np.ndarray, "samples"]) -> float:
    """Return the root mean square of what is not digital silence."""
    sounding = pcm[pcm != 0.0]
    return float(np.sqrt(np.mean(np.square(sounding)))) if sounding.size else 0.0
