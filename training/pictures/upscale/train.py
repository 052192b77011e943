"""`visavis train upscale`: fine structure, by a critic of patches and what people see (as in `finish`)."""

from copy import deepcopy
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor

from models.strict import Fraction, Positive, Strict, read_settings
from models.video.network import Given
from models.video.upscale_network import UpscaleNet, grey
from training.common.loop import add_scalars, average, ema_share, pace, seed_all, shown_steps
from training.pictures.config import LossConfig
from training.pictures.evaluation.lpips import open_lpips
from training.pictures.finish import Critic, judged
from training.pictures.loss import Losses, picture_loss
from training.pictures.part import Batch, as_planes
from training.pictures.upscale.pack import FinePicture

WEIGHTS: Final = "upscale.safetensors"
SCALARS: Final = "scalars.jsonl"
NO_CONTROLS: Final = (2, 1, 1)
"""Cᵈ of a place that is not the mouth: here every place counts alike."""


class UpscaleTraining(Strict):
    """One run. `configs/pictures/upscale.yaml` is such a run."""

    width: Positive = 48
    steps: Positive
    batch: Positive = 8
    crop_px: Positive = 128
    """A multiple of 4."""
    learning_rate: Annotated[float, Field(gt=0.0)] = 1e-3
    loss: LossConfig = LossConfig()
    warmup_steps: Positive = 20
    ema: Fraction = 0.99
    seed: int = 0
    report_every: Positive = 100


def load_upscale(path: Path) -> UpscaleTraining:
    """Read a run from YAML.

    Raises:
        ValueError: a key is unknown or a value out of range; the message names it.
    """
    return read_settings(UpscaleTraining, path)


def train_upscale(run: UpscaleTraining, pictures: Path, out: Path) -> Path:
    """Train from chance and return the weights, averaged, in half precision.

    Args:
        run: every number of it.
        pictures: folder of `training.pictures.upscale.pack`.
        out: folder for weights and scalars.

    Raises:
        ValueError: there are no pictures.
    """
    seed_all(run.seed)
    paths = sorted(pictures.glob("*.safetensors"))
    if not paths:
        raise ValueError(f"{pictures} holds no pictures")
    net, critic, rng = UpscaleNet(run.width), Critic(), np.random.default_rng(run.seed)
    kept = deepcopy(net)
    perceptual = open_lpips("alex") if run.loss.perceptual else None
    mine = torch.optim.AdamW(net.parameters(), 1.0, (0.9, 0.99), weight_decay=0.01)
    rival = torch.optim.AdamW(critic.parameters(), 2e-4, (0.5, 0.99), weight_decay=0.01)
    for step in shown_steps(0, run.steps):
        mine.param_groups[0]["lr"] = run.learning_rate * pace(step, run.steps, run.warmup_steps)
        batch, made = _draw(paths, run, rng)
        finer = made + net(grey(batch.given.warp), grey(made))
        losses = picture_loss(finer, batch, run.loss, perceptual)
        total = losses.total
        if run.loss.adversarial:
            total = total + run.loss.adversarial * judged(critic, rival, finer, batch.given.warp, batch)
        mine.zero_grad(set_to_none=True)
        total.backward()
        mine.step()
        average(kept, net, ema_share(step, run.ema))
        if step % run.report_every == 0 or step + 1 == run.steps:
            before = picture_loss(made, batch, run.loss, perceptual)
            add_scalars(out / SCALARS, {"step": step, **_told(losses), **_told(before, "_before")})
    out.mkdir(parents=True, exist_ok=True)
    save_file({k: v.half().contiguous() for k, v in kept.state_dict().items()}, out / WEIGHTS)
    return out / WEIGHTS


def _told(losses: Losses, mark: str = "") -> dict[str, float]:
    return {
        name + mark: float(getattr(losses, name).detach()) for name in ("square", "texture", "perceptual")
    }


def _draw(
    paths: list[Path], run: UpscaleTraining, rng: np.random.Generator
) -> tuple[Batch, Float[Tensor, "frames 3 side side"]]:
    """Return photographs and warps, and what the picture network makes of these."""
    parts = [_part(paths[rng.integers(len(paths))], run.crop_px, rng) for _ in range(run.batch)]
    warp, made, target = (as_planes(np.stack(pictures)) for pictures in zip(*parts, strict=True))
    return Batch(target, Given(warp, warp, torch.zeros(len(warp), *NO_CONTROLS)), 1), made


def _part(path: Path, crop_px: int, rng: np.random.Generator) -> list[np.ndarray]:
    picture = FinePicture.load(path)
    top, left = rng.integers(0, picture.warp.shape[0] - crop_px + 1, 2)
    part = np.s_[top : top + crop_px, left : left + crop_px]
    parts = [picture.warp[part], picture.made[part], picture.target[part]]
    return [shown[:, ::-1] for shown in parts] if rng.random() < 0.5 else parts
