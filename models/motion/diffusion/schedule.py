"""The noise schedule: variance preserving, cosine (Nichol & Dhariwal 2021), with time t in 0..1.

x_t = cos(πt/2)·x₀ + sin(πt/2)·ε. Time 0 is the motion itself, time 1 nothing but noise.
"""

import numpy as np
from jaxtyping import Float64


def alpha_sigma(t: float) -> tuple[float, float]:
    """Return the shares of motion and noise at time `t`."""
    return float(np.cos(0.5 * np.pi * t)), float(np.sin(0.5 * np.pi * t))


def times(steps: int) -> Float64[np.ndarray, "visited"]:
    """Return the times a sampler of `steps` steps visits, from 1 to 0.

    Raises:
        ValueError: Fewer than one step.
    """
    if steps < 1:
        raise ValueError(f"{steps} steps: a sampler takes at least one")
    return np.linspace(1.0, 0.0, steps + 1)
