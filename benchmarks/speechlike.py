"""A sound with the rhythm of speech, for measurements that need no words."""

import numpy as np
from jaxtyping import Float, Int16

SYLLABLES_HZ = 4.5
"""Speech has 3 to 6 syllables in a second."""


def speechlike(length_s: float, rate_hz: int) -> Int16[np.ndarray, "samples"]:
    """Return a voiced sound whose loudness rises and falls with syllables, mono."""
    time_s = np.arange(round(length_s * rate_hz)) / rate_hz
    loudness = np.clip(np.sin(np.pi * SYLLABLES_HZ * time_s) ** 2 - 0.1, 0, None)
    return as_loud(loudness, rate_hz)


def as_loud(loudness: Float[np.ndarray, "samples"], rate_hz: int) -> Int16[np.ndarray, "samples"]:
    """Return a voiced sound of wandering pitch that is so loud, 0..1, at each sample."""
    time_s = np.arange(len(loudness)) / rate_hz
    pitch = 2 * np.pi * np.cumsum(120 + 15 * np.sin(2 * np.pi * 0.7 * time_s)) / rate_hz
    voice = sum(np.sin(harmonic * pitch) / harmonic for harmonic in range(1, 12))
    return np.rint(8_000 * voice * loudness).astype(np.int16)
