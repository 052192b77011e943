"""The image UNet that is trained first and then frozen; in the manner of Imagen (Saharia et al. 2022).

Its encoder carries the temporal convolutions, and its skips take what the control encoder adds.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from models.video.full.layers import Attention, Level, LevelMlp, Pictures, ResBlock, norm, zeroed
from models.video.full.spec import UnetSpec


class Down(nn.Module):
    """One level of the encoder: residual blocks, the first with time, then half the resolution."""

    def __init__(self, spec: UnetSpec, depth: int, inner: int, *, temporal: bool) -> None:
        super().__init__()
        outer = spec.channels(depth)
        self.blocks = nn.ModuleList(
            ResBlock(
                inner if number == 0 else outer, outer, spec.level_size,
                dropout=spec.dropout, temporal=temporal and number == 0,
            )
            for number in range(spec.blocks)
        )  # fmt: skip
        attends = depth in spec.attention
        self.attentions = nn.ModuleList(
            Attention(outer, spec.heads) if attends else nn.Identity() for _ in self.blocks
        )
        last = depth == len(spec.multiply) - 1
        self.halve = None if last else nn.Conv2d(outer, outer, 3, stride=2, padding=1)

    def forward(self, x: Pictures, level: Level, frames: int) -> list[Tensor]:
        """Return what each block gives, and the halved end of it."""
        made: list[Tensor] = []
        for block, attention in zip(self.blocks, self.attentions, strict=True):
            x = attention(block(x, level, frames))
            made.append(x)
        if self.halve is not None:
            made.append(self.halve(x))
        return made


class Encoder(nn.Module):
    """The way down. Everything it gives is kept: the decoder, and zero convolutions, come back to it."""

    def __init__(self, spec: UnetSpec, inner: int, *, temporal: bool) -> None:
        super().__init__()
        self.patch = spec.patch
        self.conv_in = nn.Conv2d(inner * spec.patch**2, spec.width, 3, padding=1)
        widths = [spec.width, *(spec.channels(depth) for depth in range(len(spec.multiply)))]
        self.levels = nn.ModuleList(
            Down(spec, depth, widths[depth], temporal=temporal) for depth in range(len(spec.multiply))
        )

    def forward(self, x: Pictures, level: Level, frames: int) -> list[Tensor]:
        """Return the skips, the first of full resolution, the last the deepest."""
        skips = [self.conv_in(functional.pixel_unshuffle(x, self.patch))]
        for down in self.levels:
            skips += down(skips[-1], level, frames)
        return skips


class Middle(nn.Module):
    """The bottom of the U."""

    def __init__(self, spec: UnetSpec) -> None:
        super().__init__()
        width = spec.channels(-1)
        self.first, self.second = (ResBlock(width, width, spec.level_size) for _ in range(2))
        self.attention = Attention(width, spec.heads)

    def forward(self, x: Pictures, level: Level, frames: int) -> Pictures:
        """Return what the decoder begins with."""
        return self.second(self.attention(self.first(x, level, frames)), level, frames)


class Up(nn.Module):
    """One level of the decoder: each block takes one skip; then twice the resolution."""

    def __init__(self, spec: UnetSpec, depth: int, inner: int, skips: Sequence[int]) -> None:
        super().__init__()
        outer = spec.channels(depth)
        self.blocks = nn.ModuleList(
            ResBlock((inner if number == 0 else outer) + skip, outer, spec.level_size, dropout=spec.dropout)
            for number, skip in enumerate(skips)
        )
        attends = depth in spec.attention
        self.attentions = nn.ModuleList(
            Attention(outer, spec.heads) if attends else nn.Identity() for _ in self.blocks
        )
        self.enlarge = None if depth == 0 else nn.Conv2d(outer, outer, 3, padding=1)

    def forward(self, x: Pictures, skips: list[Tensor], level: Level, frames: int) -> Pictures:
        """Return the level's output; takes its skips off the end of the list."""
        for block, attention in zip(self.blocks, self.attentions, strict=True):
            x = attention(block(torch.cat([x, skips.pop()], dim=1), level, frames))
        if self.enlarge is not None:
            x = self.enlarge(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        return x


class Unet(nn.Module):
    """Pictures in, pictures out, told the noise's level."""

    def __init__(self, spec: UnetSpec, inner: int = 3, *, augmented: bool = False) -> None:
        """Build it with random weights.

        Args:
            spec: sizes.
            inner: channels it sees: the noisy picture, and a smaller one enlarged where it is to sharpen.
            augmented: it is also told how noisy that smaller one was made.
        """
        super().__init__()
        self.spec = spec
        self.level_mlp = LevelMlp(spec.width, spec.level_size)
        self.augmented_mlp = LevelMlp(spec.width, spec.level_size) if augmented else None
        self.encoder = Encoder(spec, inner, temporal=True)
        self.middle = Middle(spec)
        widths, depths = spec.skips(), range(len(spec.multiply))
        self.levels = nn.ModuleList()
        before = spec.channels(-1)
        for depth in reversed(depths):
            taken = [widths.pop() for _ in range(spec.blocks + 1)]
            self.levels.append(Up(spec, depth, before, taken))
            before = spec.channels(depth)
        self.norm_out = norm(before)
        self.conv_out = zeroed(nn.Conv2d(before, 3 * spec.patch**2, 3, padding=1))

    def forward(
        self,
        x: Pictures,
        t: Float[Tensor, "pictures"],
        frames: int,
        added: Sequence[Tensor] = (),
        augmented_t: Float[Tensor, "pictures"] | None = None,
    ) -> Float[Tensor, "pictures 3 height width"]:
        """Return what the network predicts.

        Args:
            x: pictures of whole clips, one after another.
            t: diffusion time of each.
            frames: length of the clips.
            added: what the control encoder adds to each skip and to the middle; nothing for the image alone.
            augmented_t: diffusion time of the smaller picture, where there is one.
        """
        level = self.level_mlp(t)
        if self.augmented_mlp is not None and augmented_t is not None:
            level = level + self.augmented_mlp(augmented_t)
        skips = self.encoder(x, level, frames)
        h = self.middle(skips[-1], level, frames)
        if added:
            skips = [skip + extra for skip, extra in zip(skips, added[:-1], strict=True)]
            h = h + added[-1]
        for up in self.levels:
            h = up(h, skips, level, frames)
        h = self.conv_out(functional.silu(self.norm_out(h)))
        return functional.pixel_shuffle(h, self.spec.patch)
