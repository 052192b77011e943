"""Counter-based randomness: what happens at the n-th event depends on seed, stream and n, on nothing else.

No generator has to be carried or copied in a state, and chunks cannot change what is drawn (Salmon et al.
2011, "Parallel random numbers: as easy as 1, 2, 3").
"""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """Independent sources of chance, one for each habit."""

    STYLE = 0
    DRIFT = 1
    ACCENT = 2
    HEAD = 3
    POSTURE = 4
    GAZE = 5
    FIXATION = 6
    BLINK = 7
    BLINK_CAUSE = 8
    BREATH = 9
    FACE = 10
    BROW = 11
    LISTEN = 12
    GESTURE = 13
    HANDS = 14
    WEIGHT = 15
    DIFFUSION = 100


def chance(seed: int, stream: Stream, index: int = 0) -> np.random.Generator:
    """Return the generator of event `index` in a stream; equal arguments give equal draws."""
    key = np.array([seed % 2**64, int(stream)], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[index % 2**64, 0, 0, 0]))


def bounded_normal(
    random: np.random.Generator, mean: float, deviation: float, low: float, high: float
) -> float:
    """Draw from a normal distribution, clamped to low..high."""
    return float(min(max(random.normal(mean, deviation), low), high))
