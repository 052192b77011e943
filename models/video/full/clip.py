"""`draw_clip`: one clip of N frames out of one model: sampler, guidance and given frames put together."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from models.video.full.build import VideoModel
from models.video.full.control import Features
from models.video.full.net import Cond
from models.video.full.prediction import denoiser
from models.video.full.samplers import SAMPLERS, Denoise, Noise, guided
from models.video.full.schedule import Schedule
from models.video.full.spec import Window
from models.video.full.upscale import augmented

Clip = Float[Tensor, "batch frames channels height width"]
Given = Float[Tensor, "batch given channels height width"]


def draw_clip(model: VideoModel, told: Features, untold: Features, given: Given, noise: Noise) -> Clip:
    """Draw a clip of the base model. What is given begins it; there may be none.

    Args:
        model: the model.
        told: features of the clip's controls.
        untold: features of no controls at all, of one frame.
        given: [batch, N - N', …], the frames that are made already, as the network knows them.
        noise: standard normal noise by number, of the clip's size.
    """
    return _draw(model, Cond(told), Cond(_repeated(untold, told)), given, noise)


def sharpen_clip(
    model: VideoModel,
    low: Float[Tensor, "batch frames 3 _ _"],
    told: Features,
    untold: Features,
    given: Given,
    noise: Noise,
) -> Clip:
    """Draw the larger clip of a smaller one; the rest is as in `draw_clip`."""
    sampling = model.spec.sampling
    low_t = low.new_full(low.shape[:2], sampling.low_t)
    shown = augmented(low, model.spec.side, low_t, model.spec.schedule, noise(sampling.steps + 1))
    cond = Cond(told, shown, low_t)
    return _draw(model, cond, replace(cond, features=_repeated(untold, told)), given, noise)


def _draw(model: VideoModel, cond: Cond, without: Cond, given: Given, noise: Noise) -> Clip:
    spec = model.spec
    denoise = denoiser(model.net, spec.schedule, spec.prediction, clip=not spec.latent)
    denoise = guided(denoise, without, spec.sampling.guidance)
    if given.shape[1]:
        denoise = held(denoise, given, spec.schedule, spec.window, noise(0)[:, : given.shape[1]])
    return SAMPLERS[spec.sampling.sampler](denoise, cond, noise, spec.schedule, spec.sampling.steps)


def held(
    denoise: Denoise[Cond], given: Given, schedule: Schedule, window: Window, noise: Given
) -> Denoise[Cond]:
    """Hold the first frames of a clip to those that are given, at every step.

    The network sees the given frames themselves, noised to the time of the others or, `clean`, to their own
    small one; what it says about them is not asked.

    Args:
        denoise: the model.
        given: the frames that are made already.
        schedule: the noise schedule.
        window: how given frames are held.
        noise: standard normal, shaped as `given`.
    """
    count = given.shape[1]

    def hold(x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        begun = t[:, :count] if window.held == "noised" else t[:, :count].clamp(max=window.clean_t)
        alpha, sigma = (part[..., None, None, None] for part in schedule.alpha_sigma(begun))
        shown = torch.cat([alpha * given + sigma * noise, x[:, count:]], dim=1)
        x0_hat = denoise(shown, torch.cat([begun, t[:, count:]], dim=1), cond)
        return torch.cat([given, x0_hat[:, count:]], dim=1)

    return hold


def _repeated(one: Features, many: Features) -> Features:
    """Return the features of one frame for each frame of a clip."""
    return tuple(part.expand(*like.shape[:2], -1, -1, -1) for part, like in zip(one, many, strict=True))
