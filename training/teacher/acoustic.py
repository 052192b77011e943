"""Sound without text → mouth: four bands of the spectrum choose between open, wide, round and hissing.

All there is where no phones are known, and a share of the opening where they are. How wide a mouth opens it
tells (`visavis evaluate motion --system rules-sound`); closures and rounding it can only guess, and late.
"""

from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64

from models.motion.stage import SPEECH_RATE_HZ
from training.teacher.articulation import VISEMES
from training.teacher.prosody import WINDOW

_BANDS_HZ: Final = ((120.0, 500.0), (500.0, 1200.0), (1700.0, 3000.0), (3500.0, 7800.0))
"""Closed vowels' F1, open vowels' F1, front vowels' F2 (Peterson & Barney 1952), hiss."""
_OPEN, _WIDE, _ROUND, _HISS, _REST = (VISEMES.index(name) for name in ("aa", "E", "U", "SS", "sil"))
_ATTACK, _RELEASE = 0.75, 0.5
"""Share of the way to the new shape in one frame: mouths open faster than they close."""


@cache
def _filters() -> Float64[np.ndarray, "4 bins"]:
    hz = np.fft.rfftfreq(WINDOW, 1.0 / SPEECH_RATE_HZ)
    filters = np.array([(hz >= low) & (hz < high) for low, high in _BANDS_HZ], np.float64)
    filters.setflags(write=False)
    return filters


def listen(
    window: Float32[np.ndarray, "1024"], loudness: float, before: Float32[np.ndarray, "15"]
) -> Float32[np.ndarray, "15"]:
    """Return viseme weights after the newest 64 ms of sound.

    Args:
        window: Sound up to and with the frame, 16 kHz.
        loudness: `Prosody.loudness` of the frame.
        before: Weights of the frame before.
    """
    power = np.abs(np.fft.rfft(window * np.hanning(WINDOW))) ** 2
    closed, opened, front, hiss = np.sqrt(_filters() @ power + 1e-9)
    # Weights undo speech's fall of some 12 dB per octave above the first formant.
    shares = np.array([1.3 * opened, 2.0 * front, max(0.0, closed - 2.0 * front), 2.5 * hiss])
    shares /= shares.sum() + 1e-6
    target = np.zeros(len(VISEMES), np.float32)
    target[[_OPEN, _WIDE, _ROUND, _HISS]] = shares * min(1.0, 1.4 * max(0.0, loudness - 0.25))
    target[_REST] = 1.0 - target.sum()
    pace = np.where(target > before, _ATTACK, _RELEASE).astype(np.float32)
    return np.asarray(before + pace * (target - before), np.float32)
