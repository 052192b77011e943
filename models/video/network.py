"""The picture network in torch: what trains, and the reference for every runtime.

A convolutional network on patches of pixels. It sees the noisy picture, the warped portrait, the reference
and the controls, and predicts x₀ as what to add to the warp: x-prediction works with patches as large as
these (arXiv 2511.13720). Its temporal convolutions are causal: they look at the two frames before (paper
section 3.2, made streaming).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle, relu

from models.video.shape import MISS, PictureShape
from models.video.state import PAST
from models.video.weights import FREQUENCIES


@dataclass(frozen=True, slots=True)
class Given:
    """What a batch of frames is conditioned on; pictures in -1..1."""

    warp: Float[Tensor, "frames 3 side side"]
    reference: Float[Tensor, "frames 3 side side"]
    controls: Float[Tensor, "frames planes small small"]

    def but(self, **planes: Tensor) -> Self:
        """Return the same with other planes."""
        return replace(self, **planes)


@dataclass(frozen=True, slots=True)
class Seen:
    """Activations where the temporal convolutions look: of one frame, or of the two before it."""

    grid: Float[Tensor, "frames grid_channels rows columns"]
    deep: Float[Tensor, "frames deep_channels half_rows half_columns"]


class Block(nn.Module):
    """Two convolutions beside the way; the diffusion time shifts what is between them."""

    def __init__(self, width: int, times: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.time = nn.Linear(times, width)
        nn.init.zeros_(self.time.weight)

    def forward(
        self, x: Float[Tensor, "frames width h w"], time: Float[Tensor, "frames times"]
    ) -> Float[Tensor, "frames width h w"]:
        """Return x and what the block adds."""
        inner = self.first(relu(x)) + self.time(time)[..., None, None]
        return x + self.second(relu(inner))


class Temporal(nn.Module):
    """A causal convolution over time, one for each place; it begins as the identity.

    It has no bias, so that a frame without a past passes unchanged.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.past = nn.Conv2d(PAST * width, width, 1, bias=False)

    def forward(
        self, x: Float[Tensor, "frames width h w"], before: Float[Tensor, "frames twice h w"]
    ) -> Float[Tensor, "frames width h w"]:
        """Add what the two frames before say; `before` holds the frame before, then the one before that."""
        return x + self.past(relu(before))


def earlier(x: Float[Tensor, "frames width h w"], clip: int) -> Float[Tensor, "frames twice h w"]:
    """Return the two frames before each frame of clips of this length; before the first there is nothing."""
    frames = x.unflatten(0, (-1, clip))
    padded = torch.cat([torch.zeros_like(frames[:, :1])] * PAST + [frames], 1)
    past = [padded[:, PAST - k : PAST - k + clip] for k in range(1, PAST + 1)]
    return torch.cat(past, 2).flatten(0, 1)


class PictureNet(nn.Module):
    """x₀ from a noisy picture and what is given.

    Args:
        shape: sizes.
    """

    def __init__(self, shape: PictureShape) -> None:
        super().__init__()
        self.shape, w, d, t = shape, shape.width, shape.deep, 4 * shape.times
        self.noisy = nn.Conv2d(shape.picture_planes, w, 1)
        self.warp = nn.Conv2d(shape.picture_planes, w, 1)
        self.reference = nn.Conv2d(shape.picture_planes, w, 1)
        self.controls = nn.Conv2d(shape.control_planes, w, 1)
        self.time = nn.Sequential(nn.Linear(2 * shape.times, t), nn.ReLU())
        self.before = nn.ModuleList(Block(w, t) for _ in range(shape.outer))
        self.down = nn.Conv2d(w, d, 3, stride=2, padding=1)
        self.inner = nn.ModuleList(Block(d, t) for _ in range(shape.inner))
        self.up = nn.Conv2d(d, 4 * w, 1)
        self.join = nn.Conv2d(2 * w, w, 1)
        self.after = nn.ModuleList(Block(w, t) for _ in range(shape.outer))
        self.spread = nn.Conv2d(w, 24 * (shape.patch // 2) ** 2, 1)
        self.fine = nn.ModuleList(
            [nn.Conv2d(48, shape.fine, 3, padding=1), nn.Conv2d(shape.fine, shape.fine, 3, padding=1)]
        )
        self.out = nn.Conv2d(shape.fine, 12, 3, padding=1)
        self.temporal = nn.ModuleList([Temporal(w), Temporal(d)])
        self._begin()

    def _begin(self) -> None:
        """Keep the size of signals from layer to layer (He et al., 2015); what is added begins as nothing."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        for layer in (self.out, *(m.second for m in self.modules() if isinstance(m, Block))):
            nn.init.zeros_(layer.weight)
        for layer in self.temporal:
            nn.init.zeros_(layer.past.weight)

    def forward(
        self, x: Float[Tensor, "frames 3 side side"], t: Float[Tensor, "frames"], given: Given, clip: int = 1
    ) -> Float[Tensor, "frames 3 side side"]:
        """Return x₀.

        Args:
            x: noisy pictures, x_t = (1 - t) x₀ + t ε.
            t: diffusion time, 0 clean, 1 noise.
            given: the conditions.
            clip: frames that follow one another; with 1 there is no past.
        """
        return self._run(x, t, given, lambda h: earlier(h, clip) if clip > 1 else None)[0]

    def step(
        self, x: Float[Tensor, "1 3 side side"], t: Float[Tensor, "1"], given: Given, past: Seen
    ) -> tuple[Float[Tensor, "1 3 side side"], Seen]:
        """Return x₀ of one frame and what the next will want to know of it."""
        remembered = iter((past.grid, past.deep))
        return self._run(x, t, given, lambda _: next(remembered))

    def _run(
        self, x: Tensor, t: Tensor, given: Given, before: Callable[[Tensor], Tensor | None]
    ) -> tuple[Tensor, Seen]:
        time = self.time(turns(t, self.shape.times))
        h, grid = self._through(self.before, self.temporal[0], self._cut(x, given), time, before)
        g, deep = self._through(self.inner, self.temporal[1], self.down(relu(h)), time, before)
        h = self.join(torch.cat([h, pixel_shuffle(self.up(relu(g)), 2)], 1))
        for block in self.after:
            h = block(h, time)
        return prior(x, t, given.warp) + self._draw(h, x, given.warp), Seen(grid, deep)

    def _cut(
        self, x: Float[Tensor, "frames 3 side side"], given: Given
    ) -> Float[Tensor, "frames width grid grid"]:
        patch, grid = self.shape.patch, x.shape[-1] // self.shape.patch
        return (
            self.noisy(pixel_unshuffle(x, patch))
            + self.warp(pixel_unshuffle(given.warp, patch))
            + self.reference(pixel_unshuffle(given.reference, patch))
            + self.controls(pixel_unshuffle(given.controls, given.controls.shape[-1] // grid))
        )

    def _through(
        self,
        blocks: nn.ModuleList,
        temporal: nn.Module,
        h: Tensor,
        time: Tensor,
        before: Callable[[Tensor], Tensor | None],
    ) -> tuple[Tensor, Tensor]:
        """Go through the blocks; after the first of them frames see their past, and are seen."""
        seen = h
        for number, block in enumerate(blocks):
            h = block(h, time)
            if number == 0:
                seen, past = h, before(h)
                h = h if past is None else temporal(h, past)
        return h, seen

    def _draw(
        self, h: Float[Tensor, "frames width grid grid"], x: Tensor, warp: Tensor
    ) -> Float[Tensor, "frames 3 side side"]:
        """Draw at half the side, with the pictures themselves at hand, and spread to pixels."""
        drawn = pixel_shuffle(self.spread(relu(h)), self.shape.patch // 2)
        h = torch.cat([drawn, pixel_unshuffle(warp, 2), pixel_unshuffle(x, 2)], 1)
        for layer in self.fine:
            h = relu(layer(h))
        return pixel_shuffle(self.out(h), 2)


def prior(
    x: Float[Tensor, "frames 3 side side"],
    t: Float[Tensor, "frames"],
    warp: Float[Tensor, "frames 3 side side"],
) -> Float[Tensor, "frames 3 side side"]:
    """Return the best guess of x₀ pixel by pixel, from the warp and what shines through the noise (Wiener).

    The warp misses the truth by `MISS` and x_t / (1 - t) by t / (1 - t), both as standard deviations.
    """
    noise = t / (1 - t).clamp_min(1e-3)
    share = (MISS**2 / (MISS**2 + noise**2))[:, None, None, None]
    seen = x / (1 - t).clamp_min(1e-3)[:, None, None, None]
    return warp + share * (seen - warp)


def turns(t: Float[Tensor, "frames"], count: int) -> Float[Tensor, "frames twice"]:
    """Return sines and cosines of the time, from slow to fast."""
    speed = torch.exp(torch.linspace(0.0, 1.0, count) * torch.log(torch.tensor(FREQUENCIES)))
    angle = torch.pi * t[:, None] * speed.to(t)
    return torch.cat([angle.sin(), angle.cos()], 1)
