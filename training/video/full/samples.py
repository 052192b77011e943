"""Sample sheets: portrait, warp, what the model makes of it, and the truth, frame by frame."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from PIL import Image
from torch import Tensor

from models.video.full.build import VideoModel
from models.video.full.clip import draw_clip, sharpen_clip
from models.video.full.net import Cond
from models.video.full.prediction import denoiser
from models.video.full.samplers import SAMPLERS, Noise
from models.video.full.upscale import shrink
from models.video.planes import to_bytes
from training.sheet import tile
from training.video.full.batch import Batch

GREY = 0.0
"""What the sheet shows where the warp has nothing."""


@torch.no_grad()
def draw_batch(
    model: VideoModel, batch: Batch, seed: int, *, told: bool = True
) -> Float32[Tensor, "batch frames 3 side side"]:
    """Draw the clips of a batch anew from their controls; a smaller clip is the shrunken truth.

    Args:
        model: the model.
        batch: controls and references.
        seed: of the noise.
        told: without controls the image model draws whatever it likes.
    """
    like = model.codec.encode(batch.target)

    def noise(number: int) -> Tensor:
        random = torch.Generator().manual_seed(1_000_003 * seed + number)
        return torch.randn(like.shape, generator=random).to(like.device)

    return model.codec.decode(_draw(model, batch, like[:, :0], noise, told=told)).float().clamp(-1, 1)


def _draw(model: VideoModel, batch: Batch, given: Tensor, noise: Noise, *, told: bool) -> Tensor:
    spec = model.spec
    if not told and spec.low_side is None:
        denoise = denoiser(model.net, spec.schedule, spec.prediction, clip=not spec.latent)
        return SAMPLERS[spec.sampling.sampler](denoise, Cond(), noise, spec.schedule, spec.sampling.steps)
    known = model.net.control(batch.planes, batch.reference)
    unknown = model.net.control(torch.zeros_like(batch.planes[:1, :1]), torch.zeros_like(batch.reference[:1]))
    if spec.low_side is None:
        return draw_clip(model, known, unknown, given, noise)
    return sharpen_clip(model, shrink(batch.target, spec.low_side), known, unknown, given, noise)


def save_sheet(path: Path, model: VideoModel, batch: Batch, drawn: Tensor, tile_px: int = 96) -> None:
    """Write a sheet of two frames of each clip: portrait, warp, drawn, truth; eight pictures a row."""
    warp = model.spec.layout.slices.get("warp")
    pictures: list[np.ndarray] = []
    for number in range(len(batch.target)):
        for frame in sorted({0, batch.target.shape[1] - 1}):
            planes = batch.planes[number, frame]
            shown = planes[warp] if warp is not None else torch.full_like(batch.reference[number], GREY)
            row = (batch.reference[number], shown, drawn[number, frame], batch.target[number, frame])
            pictures += [_picture(part) for part in row]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(tile(pictures, 8, tile_px)).save(path)


def _picture(values: Tensor) -> np.ndarray:
    return np.ascontiguousarray(to_bytes(values.float().cpu().numpy()).transpose(1, 2, 0))


def psnr_db(first: Tensor, second: Tensor) -> float:
    """Return the peak signal-to-noise ratio of pictures in -1..1, in dB."""
    return float(10 * torch.log10(4 / ((first - second) ** 2).mean().clamp(min=1e-12)))
