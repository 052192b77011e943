"""The same control and temporal layers on a Stable-Diffusion UNet and its autoencoder, through `diffusers`.

The image model is then not trained but taken: it is frozen, its text is replaced by learned tokens.
"""

from contextvars import ContextVar
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.video.full.codec import Latents
from models.video.full.control import Features
from models.video.full.net import Cond
from models.video.full.schedule import ScaledLinear
from models.video.full.spec import StableSpec
from models.video.full.temporal import TemporalConv

_CLIP_FRAMES: ContextVar[int] = ContextVar("_CLIP_FRAMES")
"""Length of the clip that is passing: `diffusers`' blocks have no argument to hand it through."""


class StableMissingError(ValueError):
    """The package or the weights of Stable Diffusion are not here; the message says how to get them."""


class ConvThenTime(nn.Module):
    """The first layer of a block, and the temporal convolution after it."""

    def __init__(self, conv: nn.Module, channels: int) -> None:
        super().__init__()
        self.conv, self.temporal = conv, TemporalConv(channels)

    def forward(self, x: Float[Tensor, "pictures channels height width"]) -> Tensor:
        """Return what goes to the second GroupNorm."""
        return self.temporal(self.conv(x), _CLIP_FRAMES.get())


class StableControl(nn.Module):
    """The copy of the encoder that sees the controls alone, and what stands in for a text."""

    def __init__(self, copy: nn.Module, prompt: Float[Tensor, "1 tokens size"]) -> None:
        super().__init__()
        self.copy, self.prompt = copy, nn.Parameter(prompt)

    def told(self, pictures: int) -> Float[Tensor, "pictures tokens size"]:
        """Return the learned tokens for each picture."""
        return self.prompt.expand(pictures, -1, -1)


class StableNet(nn.Module):
    """A `VideoNet` on Stable Diffusion's latents.

    Args:
        unet: a `diffusers.UNet2DConditionModel`; it is changed: its blocks get temporal convolutions.
        channels: of the control planes.
        tokens: learned tokens in the place of a text.
        schedule: names diffusion times as the UNet knows them.
    """

    def __init__(self, unet: Any, channels: int, tokens: int, schedule: ScaledLinear) -> None:
        from diffusers import ControlNetModel

        super().__init__()
        copy = ControlNetModel.from_unet(unet, conditioning_channels=channels + 3)
        self.encoder = StableControl(copy, torch.zeros(1, tokens, unet.config.cross_attention_dim))
        for block in unet.down_blocks:
            first = block.resnets[0]
            first.conv1 = ConvThenTime(first.conv1, first.out_channels)
        self.base, self._schedule = unet, schedule
        self._latent_channels = int(unet.config.in_channels)

    def control(
        self,
        planes: Float[Tensor, "batch frames channels side side"],
        reference: Float[Tensor, "batch 3 side side"],
    ) -> Features:
        """Return what the controls say, once for every frame: the copy stands at time 0, before no latent."""
        batch, frames = planes.shape[:2]
        beside = reference[:, None].expand(-1, frames, -1, -1, -1)
        seen = torch.cat([planes, beside], dim=2).flatten(0, 1)
        side = planes.shape[-1] // 8
        nothing = seen.new_zeros(len(seen), self._latent_channels, side, side)
        skips, middle = self.encoder.copy(
            nothing, seen.new_zeros(len(seen)), self.encoder.told(len(seen)), seen, return_dict=False
        )
        return tuple(part.unflatten(0, (batch, frames)) for part in (*skips, middle))

    def begin_control(self) -> None:
        """Do nothing: the image model came trained, and the control encoder is its copy already."""

    def forward(
        self,
        x: Float[Tensor, "batch frames channels height width"],
        t: Float[Tensor, "batch frames"],
        cond: Cond,
    ) -> Float[Tensor, "batch frames channels height width"]:
        """Return the prediction for each frame."""
        batch, frames = x.shape[:2]
        added = [part.flatten(0, 1) for part in cond.features]
        token = _CLIP_FRAMES.set(frames)
        try:
            (said,) = self.base(
                x.flatten(0, 1),
                self._schedule.step(t.flatten()),
                self.encoder.told(batch * frames),
                down_block_additional_residuals=tuple(added[:-1]) if added else None,
                mid_block_additional_residual=added[-1] if added else None,
                return_dict=False,
            )
        finally:
            _CLIP_FRAMES.reset(token)
        return said.unflatten(0, (batch, frames))


def open_stable(spec: StableSpec, channels: int, schedule: ScaledLinear) -> tuple[StableNet, Latents]:
    """Load Stable Diffusion's UNet and autoencoder, and put control and temporal layers on the UNet.

    Args:
        spec: where they lie.
        channels: of the control planes.
        schedule: the noise schedule they were trained with.

    Raises:
        StableMissingError: `diffusers` is not installed, or there are no such weights.
    """
    try:
        from diffusers import AutoencoderKL, UNet2DConditionModel
    except ImportError as error:
        raise StableMissingError("Stable Diffusion needs: pip install 'visavis[full]'") from error
    here_only = not spec.download
    try:
        unet = UNet2DConditionModel.from_pretrained(
            spec.pretrained, subfolder="unet", local_files_only=here_only, low_cpu_mem_usage=False
        )
        autoencoder = AutoencoderKL.from_pretrained(
            spec.pretrained, subfolder="vae", local_files_only=here_only, low_cpu_mem_usage=False
        )
    except OSError as error:
        raise StableMissingError(
            f"net.pretrained: no Stable Diffusion in {spec.pretrained!r}; it is a folder with unet and vae, "
            "or an id on the hub, which is fetched only with net.download"
        ) from error
    autoencoder.requires_grad_(False).eval()
    return StableNet(unet, channels, spec.prompt_tokens, schedule), Latents(autoencoder)
