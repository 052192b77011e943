"""LPIPS: how far apart two pictures look to a network that recognises things.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018; version 0.1
with linear heads. Smaller is more alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn
from torch.nn import functional

from training.pictures.evaluation.lpips_weights import find_weights, read_weights

Features = tuple[Tensor, ...]
"""Outputs of the five stages [batch, channels, rows, columns], each pixel's channels of length 1."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Convolutions up to one output that is compared."""

    channels: tuple[int, ...]
    kernels: tuple[int, ...]
    stride: int = 1
    pool: int = 0
    """Side of the maximum pooling before the stage, with a stride of 2; 0 for none."""


_ALEX: Final = (
    Stage((64,), (11,), stride=4),
    Stage((192,), (5,), pool=3),
    Stage((384,), (3,), pool=3),
    Stage((256,), (3,)),
    Stage((256,), (3,)),
)
_VGG: Final = (
    Stage((64, 64), (3, 3)),
    Stage((128, 128), (3, 3), pool=2),
    Stage((256,) * 3, (3,) * 3, pool=2),
    Stage((512,) * 3, (3,) * 3, pool=2),
    Stage((512,) * 3, (3,) * 3, pool=2),
)
BACKBONES: Final = {"alex": (_ALEX, "AlexNet_0"), "vgg": (_VGG, "VGG16_0")}
LEAST_SIDE: Final = {"alex": 32, "vgg": 16}
"""Smaller pictures leave nothing to compare at the last stage."""
_SHIFT: Final = (-0.030, -0.088, -0.188)
_SCALE: Final = (0.458, 0.448, 0.450)


class Lpips(nn.Module):
    """The distance, differentiable; give it `features` once where a picture is compared often."""

    shift: Tensor
    scale: Tensor

    def __init__(self, stages: tuple[Stage, ...]) -> None:
        super().__init__()
        self.stages = stages
        inputs, layers = 3, []
        for stage in stages:
            for channels, kernel in zip(stage.channels, stage.kernels, strict=True):
                padding = 2 if kernel > 3 else 1
                layers.append(nn.Conv2d(inputs, channels, kernel, stage.stride, padding))
                inputs = channels
        self.convolutions = nn.ModuleList(layers)
        self.heads = nn.ParameterList([torch.zeros(1, stage.channels[-1], 1, 1) for stage in stages])
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1))

    def features(self, picture: Float[Tensor, "batch 3 rows columns"]) -> Features:
        """Return what is compared; `picture` lies in -1..1."""
        x, at, found = (picture - self.shift) / self.scale, 0, []
        for stage in self.stages:
            if stage.pool:
                x = functional.max_pool2d(x, stage.pool, 2)
            for _ in stage.channels:
                x = functional.relu(self.convolutions[at](x))
                at += 1
            found.append(x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10))
        return tuple(found)

    def between(self, one: Features, other: Features) -> Float[Tensor, "batch"]:
        """Return the distance of two pictures by their features."""
        apart = [
            ((a - b).square() * head).sum(1).mean((1, 2))
            for a, b, head in zip(one, other, self.heads, strict=True)
        ]
        return torch.stack(apart).sum(0)

    def forward(
        self, one: Float[Tensor, "batch 3 rows columns"], other: Float[Tensor, "batch 3 rows columns"]
    ) -> Float[Tensor, "batch"]:
        """Return the distance of two batches of pictures in -1..1."""
        return self.between(self.features(one), self.features(other))


def open_lpips(net: str, folder: Path | None = None) -> Lpips:
    """Return LPIPS over one backbone, frozen.

    Args:
        net: `alex` or `vgg`.
        folder: where the weights lie, instead of where `visavis evaluate fetch` puts them.

    Raises:
        LpipsWeightsError: there is no such network, or its weights are not there.
    """
    return build_lpips(net, read_weights(find_weights(net, folder)))


def build_lpips(net: str, arrays: Mapping[str, Float32[np.ndarray, "..."]]) -> Lpips:
    """Return LPIPS over one backbone, frozen, with the arrays of a weights file by their paths."""
    stages, name = BACKBONES[net]
    lpips = Lpips(stages)
    lpips.load_state_dict(_state(arrays, name, lpips), strict=False)
    return lpips.requires_grad_(False).eval()


def _state(
    arrays: Mapping[str, Float32[np.ndarray, "..."]], backbone: str, lpips: Lpips
) -> dict[str, Tensor]:
    """Name the arrays as torch does, and turn their kernels: in the file inputs and outputs come last."""
    state = {}
    for at in range(len(lpips.convolutions)):
        kernel, bias = (arrays[f"{backbone}/Conv_{at}/{part}"] for part in ("kernel", "bias"))
        state[f"convolutions.{at}.weight"] = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
        state[f"convolutions.{at}.bias"] = torch.from_numpy(bias.copy())
    for at in range(len(lpips.heads)):
        head = arrays[f"NetLinLayer_{at}/Conv_0/kernel"]
        state[f"heads.{at}"] = torch.from_numpy(head.reshape(1, -1, 1, 1).copy())
    return state


def as_tensor(picture: UInt8[np.ndarray, "rows columns 3"]) -> Float[Tensor, "1 3 rows columns"]:
    """Return a picture as LPIPS takes it."""
    return torch.from_numpy(picture.astype(np.float32) / 127.5 - 1.0).permute(2, 0, 1)[None]
