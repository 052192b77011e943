"""Samplers: plain functions over `denoise(x, t) → x̂₀`, each named after its paper. All begin at time 1."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from jaxtyping import Float32

from models.motion.diffusion.schedule import alpha_sigma, times

Motion = Float32[np.ndarray, "motion"]
Denoise = Callable[[Motion, float], Motion]
Noise = Callable[[int], Motion]
"""Standard normal noise by number: 0 to begin with, n for what step n adds."""
Sampler = Callable[[Denoise, Noise, int], Motion]


def ddim(denoise: Denoise, noise: Noise, steps: int) -> Motion:
    """Song et al. 2021, η = 0: the same noise from beginning to end."""
    x, x0_hat = noise(0), noise(0)
    for t, s in pairwise(times(steps)):
        x0_hat = denoise(x, float(t))
        (a, b), (c, d) = alpha_sigma(float(t)), alpha_sigma(float(s))
        x = np.asarray(c * x0_hat + d / b * (x - a * x0_hat), np.float32)
    return x0_hat


def ddpm(denoise: Denoise, noise: Noise, steps: int) -> Motion:
    """Ho et al. 2020, the paper's sampler: the posterior's mean, and fresh noise at each step."""
    x, x0_hat = noise(0), noise(0)
    for step, (t, s) in enumerate(pairwise(times(steps)), start=1):
        x0_hat = denoise(x, float(t))
        (a, b), (c, d) = alpha_sigma(float(t)), alpha_sigma(float(s))
        # Of the noise at t, the share d²·a²/(b²·c²) was there at s; at time 1 nothing of x says anything.
        kept = (d * a / (b * c)) ** 2 if c > 0 else 0.0
        fresh = d * np.sqrt(max(0.0, 1.0 - kept))
        old = np.sqrt(max(0.0, d**2 - fresh**2)) / b
        x = np.asarray(c * x0_hat + old * (x - a * x0_hat) + fresh * noise(step), np.float32)
    return x0_hat


def consistency(denoise: Denoise, noise: Noise, steps: int) -> Motion:
    """Song et al. 2023, algorithm 1: jump to the end, noise a part of the way again, jump again."""
    x0_hat = denoise(noise(0), 1.0)
    for step, t in enumerate(times(steps)[1:-1], start=1):
        a, b = alpha_sigma(float(t))
        x0_hat = denoise(np.asarray(a * x0_hat + b * noise(step), np.float32), float(t))
    return x0_hat


SAMPLERS: dict[str, Sampler] = {"ddim": ddim, "ddpm": ddpm, "consistency": consistency}
"""By the name a configuration gives."""
