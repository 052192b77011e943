"""Eight bits for the picture network: `visavis train quantize WEIGHTS CLIPS OUT`.

Each convolution that follows a rectifier learns how large its inputs grow, over photographs, frames of clips
and the steps of the sampler. First and last layers stay as they are: they hold the pixels.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from models.video.network import PictureNet
from models.video.weights import PictureWeights
from training.pictures.checkpoint import load_net
from training.pictures.config import StageConfig
from training.pictures.data import Clips
from training.pictures.samples import restored

SEEN: Final = StageConfig(stage="temporal", steps=1, batch=8, crop_px=256)
"""What it is watched on."""
KEPT: Final = ("noisy", "warp", "reference", "controls", "fine.0", "out")
"""Convolutions that see pixels or make them."""
SHARE: Final = 0.9999
"""Of the inputs that lie within the range; the few beyond are cut off."""
WATCHED: Final = 4096
"""Inputs of each convolution that are kept of each batch."""


def quantise(weights: Path, clips: Path, out: Path, *, batches: int = 12, seed: int = 0) -> Path:
    """Watch the network at work and write its weights with the ranges found.

    Args:
        weights: of `visavis train embedded`.
        clips: folder of packed clips to watch it on.
        out: file to write.
        batches: of two clips each.
        seed: of the draw.
    """
    net = load_net(weights)
    torch.manual_seed(seed)
    seen: dict[str, list[Tensor]] = {}
    hooks = [layer.register_forward_pre_hook(_watch(seen, name)) for name, layer in _layers(net)]
    draw = Clips(clips, seed)
    for number in range(batches):
        restored(net, draw.draw(SEEN), steps=2, seed=number)
    for hook in hooks:
        hook.remove()
    ranges = {name: float(torch.cat(values).abs().quantile(SHARE)) for name, values in seen.items()}
    plain = PictureWeights.load(weights)
    PictureWeights(plain.shape, plain.arrays, ranges).save(out)
    return out


def _layers(net: PictureNet) -> Iterator[tuple[str, nn.Conv2d]]:
    for name, layer in net.named_modules():
        if isinstance(layer, nn.Conv2d) and name not in KEPT:
            yield name, layer


def _watch(seen: dict[str, list[Tensor]], name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    def watch(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0].detach().float().flatten()
        kept = values[torch.randint(len(values), (WATCHED,))]
        seen.setdefault(name, []).append(torch.cat([kept, values.abs().amax()[None] * 0.9]))

    return watch
