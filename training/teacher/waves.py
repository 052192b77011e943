"""Slow sines of random frequency and phase: what keeps a resting body from standing still."""

import numpy as np
from jaxtyping import Float64

from models.motion.frame import FPS

Waves = Float64[np.ndarray, "*shape 2"]
"""Frequency in Hz and phase in radians."""


def draw_waves(random: np.random.Generator, low_hz: float, high_hz: float, *shape: int) -> Waves:
    """Draw waves between two frequencies."""
    frequencies_hz = random.uniform(low_hz, high_hz, shape)
    return np.stack([frequencies_hz, random.uniform(0.0, 2.0 * np.pi, shape)], axis=-1)


def waves_at(waves: Waves, frame: int) -> Float64[np.ndarray, "*shape"]:
    """Return the height of each wave in a frame, -1..1."""
    return np.asarray(np.sin(2.0 * np.pi * waves[..., 0] * (frame / FPS) + waves[..., 1]))
