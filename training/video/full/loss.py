"""The loss of the paper's equation 2, over single frames or clips, with the first frames given or not."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from models.video.full.build import VideoModel
from models.video.full.net import Cond, Stage
from models.video.full.prediction import target
from models.video.full.upscale import augmented, shrink
from training.video.full.batch import Batch
from training.video.full.config import LossConfig

Clips = Float[Tensor, "batch frames channels height width"]


@dataclass(frozen=True, slots=True)
class Noisy:
    """A batch on its way to the network."""

    x: Clips
    noise: Clips
    t: Float[Tensor, "batch frames"]
    counts: Bool[Tensor, "batch frames"]
    """Frames whose error counts: given ones do not."""


def draw_noisy(model: VideoModel, x0: Clips, config: LossConfig, random: torch.Generator) -> Noisy:
    """Draw noise, and a time for each clip; let some clips begin with given frames.

    Times are spread evenly over the batch, which makes the loss less noisy (Kingma et al. 2021).
    """
    batch, frames = x0.shape[:2]
    window = model.spec.window
    spread = (torch.arange(batch) + torch.rand(1, generator=random)) / batch
    t = spread[torch.randperm(batch, generator=random)][:, None].repeat(1, frames)
    given = frames * window.overlap_percent // 100
    begun = torch.rand(batch, generator=random) < (config.given if given else 0.0)
    counts = torch.ones(batch, frames, dtype=torch.bool)
    counts[begun, :given] = False
    if window.held == "clean":
        t = torch.where(counts, t, t.clamp(max=window.clean_t))
    noise = torch.randn(x0.shape, generator=random).to(x0.device)
    t, counts = t.to(x0.device), counts.to(x0.device)
    alpha, sigma = (part[..., None, None, None] for part in model.spec.schedule.alpha_sigma(t))
    return Noisy(alpha * x0 + sigma * noise, noise, t, counts)


def condition(
    model: VideoModel, batch: Batch, stage: Stage, config: LossConfig, random: torch.Generator
) -> Cond:
    """Return what the batch is denoised under: no controls for the image alone; the smaller clip for each."""
    spec = model.spec
    features = () if stage == "image" else model.net.control(batch.planes, batch.reference)
    if spec.low_side is None:
        return Cond(features)
    shape = batch.target.shape
    low_t = (config.low_most_t * torch.rand(shape[0], 1, generator=random)).repeat(1, shape[1])
    noise = torch.randn(shape, generator=random)
    low_t, noise = (part.to(batch.target.device) for part in (low_t, noise))
    low = augmented(shrink(batch.target, spec.low_side), spec.side, low_t, spec.schedule, noise)
    return Cond(features, low, low_t)


def video_loss(
    model: VideoModel, batch: Batch, stage: Stage, config: LossConfig, random: torch.Generator
) -> Float[Tensor, ""]:
    """Return the mean error of what the network predicts.

    Args:
        model: network, settings and codec.
        batch: clips, with what is withheld already withheld.
        stage: what learns.
        config: how errors count.
        random: draws times and noise, on the CPU, so that every machine draws the same.
    """
    spec = model.spec
    x0 = model.codec.encode(batch.target)
    noisy = draw_noisy(model, x0, config, random)
    said = model.net(noisy.x, noisy.t, condition(model, batch, stage, config, random)).float()
    alpha, sigma = (part[..., None, None, None] for part in spec.schedule.alpha_sigma(noisy.t))
    error = (said - target(spec.prediction, x0, noisy.noise, alpha, sigma)) ** 2
    if config.weighting == "velocity":
        # An error e of x₀ is one of e / σ in v, and one of ε is one of e / α.
        share = {"x0": sigma, "eps": alpha, "v": torch.ones_like(alpha)}[spec.prediction]
        error = error * (1 / share.clamp(min=1e-4) ** 2).clamp(max=config.most)
    return (error.mean(dim=(2, 3, 4)) * noisy.counts).sum() / noisy.counts.sum().clamp(min=1)
