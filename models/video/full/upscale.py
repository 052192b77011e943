"""Super resolution: the same network, shown the smaller clip enlarged and a little noisy (paper section 3.2).

Noise on the smaller clip, of a level the network is told, keeps it from copying the base model's mistakes
(noise conditioning augmentation, Ho et al. 2022, "Cascaded diffusion models").
"""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from models.video.full.schedule import Schedule

Clip = Float[Tensor, "batch frames 3 height width"]


def enlarge(low: Clip, side: int) -> Float[Tensor, "batch frames 3 side side"]:
    """Return a clip at `side` pixels, bicubic."""
    large = functional.interpolate(low.flatten(0, 1), (side, side), mode="bicubic", align_corners=False)
    return large.unflatten(0, low.shape[:2])


def shrink(high: Clip, side: int) -> Float[Tensor, "batch frames 3 side side"]:
    """Return a clip at `side` pixels, the mean of the pixels it had: what training sharpens again."""
    small = functional.interpolate(high.flatten(0, 1), (side, side), mode="area")
    return small.unflatten(0, high.shape[:2])


def augmented(
    low: Clip, side: int, t: Float[Tensor, "batch frames"], schedule: Schedule, noise: Tensor
) -> Float[Tensor, "batch frames 3 side side"]:
    """Return the smaller clip as the network sees it.

    Args:
        low: the smaller clip, in -1..1.
        side: pixels of the larger one.
        t: diffusion time each frame is noised to.
        schedule: the noise schedule.
        noise: standard normal, of the larger size.
    """
    alpha, sigma = (part[..., None, None, None] for part in schedule.alpha_sigma(t))
    return alpha * enlarge(low, side) + sigma * noise
