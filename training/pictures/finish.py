"""The finish: the sampler's own two steps, judged by a critic (arXiv 2506.09350: diffusion, then adversary).

The network starts from the warp as it does live, makes a picture, noises that and makes another; both are
compared with the truth and shown to a critic of patches that learns beside it.
"""

import itertools
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, softplus

from models.video.network import PictureNet
from training.pictures.config import LossConfig, NoiseConfig
from training.pictures.loss import Losses, Perceptual, noised, picture_loss
from training.pictures.part import Batch

AGAIN = 0.25
"""Diffusion time of the second step."""


class Critic(nn.Module):
    """Says of each patch how much it looks like a photograph; the warp tells how sharp one would be."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        sizes = (6, width, 2 * width, 4 * width, 4 * width)
        self.layers = nn.ModuleList(
            nn.utils.spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1))
            for a, b in itertools.pairwise(sizes)
        )
        self.judge = nn.Conv2d(sizes[-1], 1, 1)

    def forward(
        self, picture: Float[Tensor, "frames 3 side side"], warp: Float[Tensor, "frames 3 side side"]
    ) -> Float[Tensor, "frames 1 h w"]:
        """Return a number for each patch, larger for photographs."""
        h = torch.cat([picture, warp], 1)
        for layer in self.layers:
            h = leaky_relu(layer(h), 0.2)
        return self.judge(h)


def finish_step(
    net: PictureNet,
    critic: Critic,
    rival: torch.optim.Optimizer,
    batch: Batch,
    weights: LossConfig,
    noise: NoiseConfig,
    perceptual: Perceptual | None,
) -> Losses:
    """Teach the critic once, and return the network's losses; the caller steps the network.

    Relativistic average loss (arXiv 1807.00734).
    """
    clips = len(batch.target) // batch.clip
    draw = noise.temperature * torch.randn(clips, *batch.target.shape[1:]).repeat_interleave(batch.clip, 0)
    made = batch.given.warp
    pictures = []
    for t in (noise.start, AGAIN):
        times = torch.full((len(batch.target),), t)
        with torch.autocast("cpu", torch.bfloat16):
            made = net(noised(made.detach(), times, draw), times, batch.given, batch.clip)
        made = made.float()
        pictures.append(made)
    losses = [picture_loss(picture, batch, weights, perceptual) for picture in pictures]
    total = sum((part.total for part in losses), made.new_zeros(())) / len(losses)
    if weights.adversarial:
        shown, warps = torch.cat(pictures), torch.cat([batch.given.warp] * len(pictures))
        total = total + weights.adversarial * judged(critic, rival, shown, warps, batch)
    return replace(losses[-1], total=total)


def judged(
    critic: Critic, rival: torch.optim.Optimizer, made: Tensor, warps: Tensor, batch: Batch
) -> Float[Tensor, ""]:
    """Teach the critic once, and return by how much photographs look more like photographs to it."""
    _teach(critic, rival, made.detach(), warps, batch)
    critic.requires_grad_(False)
    apart = _against(critic, made, warps, batch)
    critic.requires_grad_(True)
    return apart


def _teach(critic: Critic, rival: torch.optim.Optimizer, made: Tensor, warps: Tensor, batch: Batch) -> None:
    """Let the critic tell photographs from what was made."""
    with torch.autocast("cpu", torch.bfloat16):
        fake, real = critic(made, warps).float(), critic(batch.target, batch.given.warp).float()
    loss = softplus(fake - real.mean()).mean() + softplus(fake.mean() - real).mean()
    rival.zero_grad(set_to_none=True)
    loss.backward()
    rival.step()


def _against(critic: Critic, made: Tensor, warps: Tensor, batch: Batch) -> Tensor:
    """Return by how much photographs look more like photographs than what was made."""
    with torch.autocast("cpu", torch.bfloat16):
        fake = critic(made, warps).float()
        with torch.no_grad():
            real = critic(batch.target, batch.given.warp).float()
    return softplus(real.mean() - fake).mean() + softplus(fake.mean() - real).mean()
