"""The loss of section 3.1: x₀ prediction, temporal losses for face and body, and an ear that names phones."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from models.motion.frame import EXPRESSIONS
from training.motion.config import DropConfig, LossConfig
from training.motion.data import Batch
from training.motion.network import MotionNet

_FACE = len(EXPRESSIONS)


@dataclass(frozen=True, slots=True)
class Losses:
    """The weighted sum and its parts."""

    total: Tensor
    mouth: Tensor
    eyes: Tensor
    rest: Tensor
    temporal: Tensor
    phones: Tensor


def noised(x: Tensor, t: Tensor) -> Tensor:
    """Return x at diffusion time t; see `models.motion.diffusion.schedule`."""
    half = 0.5 * torch.pi * t
    return half.cos() * x + half.sin() * torch.randn_like(x)


def repeat(x: Tensor, times: int) -> Tensor:
    """Return the batch `times` times over."""
    return x.repeat(times, *(1,) * (x.dim() - 1))


def draw_times(batch: int, frames: int) -> Float[Tensor, "batch frames"]:
    """Draw a time for each frame. A fifth of them is pure noise, where samplers of few steps begin."""
    t = torch.rand(batch, frames)
    return torch.where(torch.rand(batch, frames) < 0.2, torch.ones_like(t), t)


def noised_past(
    x: Float[Tensor, "batch frames motion"], mouth: Tensor, drop: DropConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the past as a stream will have it: not quite right. And the times it was noised to.

    The mouth's past is often withheld, because lips that live by going on as before do not listen.
    """
    batch = len(x)
    mouth_t = torch.where(torch.rand(batch) < drop.mouth_past, torch.ones(batch), torch.rand(batch))
    # Mostly as little noise as a good frame is wrong by: how fast a head turns drowns in more.
    rest_t = torch.where(torch.rand(batch) < 0.2, torch.rand(batch), 0.3 * torch.rand(batch) ** 3)
    t = torch.where(mouth, mouth_t[:, None, None], rest_t[:, None, None]).expand_as(x)
    return noised(x, t), mouth_t, rest_t


def steady(net: MotionNet, rest_t: Float[Tensor, "batch"]) -> Float[Tensor, "batch 1 motion"]:
    """Return how much an error of each channel counts: as much as it is foreseeable from such a past.

    A channel that changes little in a frame is known to within that change where the past is clean, and to
    within the noise where it is not.
    """
    noise = torch.sin(0.5 * torch.pi * rest_t)[:, None, None] ** 2
    return 1.0 / (1.0 / net.steadiness + noise)


def motion_loss(net: MotionNet, batch: Batch, weights: LossConfig, drop: DropConfig) -> Losses:
    """Return the loss of one batch, over `LossConfig.draws` draws of noise for each past."""
    x = net.normalise(batch.motion)
    audio = net.hear(batch.heard)
    condition = net.condition(batch.heard, audio)
    seen, mouth_t, rest_t = noised_past(x, net.mouth, drop)
    past = net.past(seen, mouth_t, rest_t, condition).repeated(weights.draws)
    x = repeat(x, weights.draws)
    t = draw_times(*x.shape[:2])
    x0_hat = net(noised(x, t[..., None]), t, repeat(condition, weights.draws), past).float()
    error = (x0_hat - x) ** 2
    mouth, eyes = error[..., net.mouth].mean(), error[..., net.eyes].mean()
    rest = (steady(net, rest_t).repeat(weights.draws, 1, 1) * error)[..., net.rest].mean()
    step = (x0_hat[:, 1:] - x0_hat[:, :-1]) ** 2
    temporal = (
        weights.temporal_expression * step[..., :_FACE].mean()
        + weights.temporal_body * step[..., _FACE:].mean()
    )
    phones = _naming(net, audio, batch)
    total = weights.mouth * mouth + weights.eyes * eyes + weights.rest * rest
    total = total + temporal + weights.phones * phones
    return Losses(total, mouth, eyes, rest, temporal, phones)


def _naming(net: MotionNet, audio: Tensor, batch: Batch) -> Tensor:
    """Return the cross-entropy of the phones heard, where they are known and were not told."""
    logits = net.phone_out(functional.silu(audio)).float().unflatten(-1, (2, -1))
    known = batch.spoken > 0
    if not known.any():
        return logits.sum() * 0.0
    return functional.cross_entropy(logits[known], batch.spoken[known])
