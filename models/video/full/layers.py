"""Layers of the image UNet: residual blocks, attention, the encoding of diffusion time."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from models.video.full.temporal import TemporalConv

Pictures = Float[Tensor, "pictures _ _ _"]
"""Pictures or their features; channels and size change on the way."""
Level = Float[Tensor, "pictures level"]


class ResBlock(nn.Module):
    """Two convolutions and a shortcut; the diffusion time scales and shifts what the second sees.

    As in Imagen (Saharia et al. 2022), appendix B: GroupNorm, SiLU, convolution, twice.
    """

    def __init__(
        self, inner: int, outer: int, level: int, *, dropout: float = 0.0, temporal: bool = False
    ) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(inner), nn.Conv2d(inner, outer, 3, padding=1)
        self.temporal = TemporalConv(outer) if temporal else None
        self.level = nn.Linear(level, 2 * outer)
        self.norm2, self.conv2 = norm(outer), zeroed(nn.Conv2d(outer, outer, 3, padding=1))
        self.dropout = nn.Dropout(dropout)
        self.shortcut = nn.Identity() if inner == outer else nn.Conv2d(inner, outer, 1)

    def forward(self, x: Pictures, level: Level, frames: int) -> Pictures:
        """Return the block's output; `frames` pictures after one another make a clip."""
        h = self.conv1(functional.silu(self.norm1(x)))
        if self.temporal is not None:
            h = self.temporal(h, frames)
        scale, shift = self.level(functional.silu(level))[..., None, None].chunk(2, dim=1)
        h = self.norm2(h) * (1 + scale) + shift
        return self.shortcut(x) + self.conv2(self.dropout(functional.silu(h)))


class Attention(nn.Module):
    """Self-attention between all places of one picture."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.query_key_value = norm(channels), nn.Conv2d(channels, 3 * channels, 1)
        self.merge = zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Pictures) -> Pictures:
        """Return `x` with what it attends to added."""
        q, k, v = (
            part.flatten(2).unflatten(1, (self.heads, -1)).transpose(2, 3)
            for part in self.query_key_value(self.norm(x)).chunk(3, dim=1)
        )
        attended = functional.scaled_dot_product_attention(q, k, v)
        return x + self.merge(attended.transpose(2, 3).flatten(1, 2).unflatten(2, x.shape[2:]))


class LevelMlp(nn.Module):
    """Encodes a diffusion time: sinusoids, then two layers."""

    def __init__(self, width: int, level: int) -> None:
        super().__init__()
        self.width = width
        self.expand, self.merge = nn.Linear(width, level), nn.Linear(level, level)

    def forward(self, t: Float[Tensor, "pictures"]) -> Level:
        """Return the encoding of times in 0..1."""
        half = self.width // 2
        rates = torch.exp(-math.log(10_000.0) * torch.arange(half, device=t.device) / half)
        angles = 1000.0 * t[:, None] * rates
        waves = torch.cat([angles.sin(), angles.cos()], dim=1)
        return self.merge(functional.silu(self.expand(waves)))


def norm(channels: int) -> nn.GroupNorm:
    """Return a GroupNorm of up to 32 groups."""
    return nn.GroupNorm(math.gcd(32, channels), channels)


def zeroed(layer: nn.Conv2d) -> nn.Conv2d:
    """Let a convolution begin with saying nothing."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
