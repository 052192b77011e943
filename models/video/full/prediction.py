"""What a network predicts, x₀, ε or v, and the wrapper that makes x̂₀ of it. Samplers know none of this."""

from jaxtyping import Float
from torch import Tensor

from models.video.full.net import Cond, VideoNet
from models.video.full.samplers import Denoise
from models.video.full.schedule import Schedule
from models.video.full.spec import Prediction

Clip = Float[Tensor, "batch frames channels height width"]
Share = Float[Tensor, "batch frames 1 1 1"]


def target(prediction: Prediction, x0: Clip, noise: Clip, alpha: Share, sigma: Share) -> Clip:
    """Return what the network ought to say."""
    if prediction == "x0":
        return x0
    return noise if prediction == "eps" else alpha * noise - sigma * x0


def to_x0(prediction: Prediction, said: Clip, x: Clip, alpha: Share, sigma: Share) -> Clip:
    """Return x̂₀ of what the network said about `x`."""
    if prediction == "x0":
        return said
    return (x - sigma * said) / alpha if prediction == "eps" else alpha * x - sigma * said


def denoiser(net: VideoNet, schedule: Schedule, prediction: Prediction, *, clip: bool) -> Denoise[Cond]:
    """Make `denoise` of a network.

    Args:
        net: the network.
        schedule: the one it was trained with.
        prediction: what it predicts.
        clip: keep x̂₀ within -1..1 (static thresholding, Saharia et al. 2022); not for latents.
    """

    def denoise(x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        alpha, sigma = (part[..., None, None, None] for part in schedule.alpha_sigma(t))
        x0_hat = to_x0(prediction, net(x, t, cond).to(x.dtype), x, alpha, sigma)
        return x0_hat.clamp(-1.0, 1.0) if clip else x0_hat

    return denoise
