"""Pictures the network makes, and sheets of them to look at."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from models.video.network import PictureNet
from models.video.runtime import TEMPERATURE, TIMES
from training.pictures.loss import noised
from training.pictures.part import Batch


@torch.no_grad()
def restored(
    net: PictureNet, batch: Batch, steps: int = 1, seed: int = 0
) -> Float[Tensor, "frames 3 side side"]:
    """Sample from the warp: noise it, predict x₀, noise that less, predict again (arXiv 2303.01469)."""
    draw = torch.Generator().manual_seed(seed)
    noise = TEMPERATURE * torch.randn(1, *batch.target.shape[1:], generator=draw).expand_as(batch.target)
    clean = batch.given.warp
    for t in TIMES[steps]:
        times = torch.full((len(clean),), t)
        with torch.autocast("cpu", torch.bfloat16, enabled=clean.device.type == "cpu"):
            clean = net(noised(clean, times, noise), times, batch.given, batch.clip).float().clamp(-1, 1)
    return clean


def save_sheet(path: Path, net: PictureNet, batch: Batch, rows: int = 8) -> None:
    """Draw pseudo-reference, warp, one step, two steps, and the photo side by side."""
    part = Batch(
        batch.target[:rows],
        batch.given.but(
            warp=batch.given.warp[:rows],
            reference=batch.given.reference[:rows],
            controls=batch.given.controls[:rows],
        ),
        1,
    )
    columns = [
        part.given.reference, part.given.warp, restored(net, part), restored(net, part, 2),
        part.target,
    ]  # fmt: skip
    strip = torch.cat([torch.cat(list(column), 1) for column in columns], 2)
    pixels = ((strip.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)
