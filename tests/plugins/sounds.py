"""Speech to send, and what was heard of it."""

import numpy as np

RATE_HZ = 24_000


def tone(seconds, rate_hz=RATE_HZ, peak=8000):
    """Return a tone that is nowhere zero for long, as int16."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return (peak * np.sin(2 * np.pi * 330 * time_s + 0.3)).astype(np.int16)


def sounding_s(pcm, rate_hz=RATE_HZ, quiet=2):
    """Return the seconds of int16 samples louder than `quiet`, a few zero crossings included."""
    loud = np.abs(np.asarray(pcm, np.int32)) > quiet
    return float(np.convolve(loud, np.ones(9), "same").astype(bool).sum()) / rate_hz if len(loud) else 0.0
