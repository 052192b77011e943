"""`FullSpec`: sizes and settings of one model of the cascade, in its YAML and in its weights' metadata."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from models.strict import Fraction, Positive, Strict
from models.video.full.samplers import SamplerName
from models.video.full.schedule import AnySchedule, Cosine
from models.video.planes import DEFAULT, Planes

Prediction = Literal["x0", "eps", "v"]
"""x₀; the noise, as in the paper's equation 2; v = α·ε - σ·x₀ (Salimans & Ho 2022)."""
STABLE_MULTIPLE: Final = 64
"""Pixels: an autoencoder that folds eight into one latent, and a UNet that halves three times."""


class UnetSpec(Strict):
    """Sizes of the image UNet."""

    kind: Literal["unet"] = "unet"
    width: Positive = 128
    """Channels at the full resolution."""
    multiply: tuple[Positive, ...] = (1, 2, 3, 4)
    """Factors on the width, from level to level; each level has half the resolution."""
    blocks: Positive = 2
    """Residual blocks of each level."""
    attention: tuple[Annotated[int, Field(ge=0)], ...] = (2, 3)
    """Levels with self-attention, 0 being the full resolution."""
    heads: Positive = 4
    patch: Literal[1, 2, 4] = 1
    """Pixels to a side that are folded into channels at the door."""
    dropout: Fraction = 0.0

    @property
    def multiple(self) -> int:
        """What the side of pictures must be a multiple of, in pixels."""
        return self.patch * 2 ** (len(self.multiply) - 1)

    @property
    def level_size(self) -> int:
        """Length of the encoding of diffusion time."""
        return 4 * self.width

    def channels(self, depth: int) -> int:
        """Return the channels of a level."""
        return self.width * self.multiply[depth]

    def skips(self) -> list[int]:
        """Return the channels of everything the encoder keeps."""
        levels = range(len(self.multiply))
        kept = [[self.channels(depth)] * (self.blocks + (depth < levels[-1])) for depth in levels]
        return [self.width, *(width for level in kept for width in level)]

    @model_validator(mode="after")
    def _attends_evenly(self) -> Self:
        uneven = [width for width in self.skips() if width % self.heads]
        if uneven:
            raise ValueError(f"heads: {self.heads} do not divide {uneven[0]} channels")
        return self


class StableSpec(Strict):
    """A Stable-Diffusion UNet and autoencoder, through `diffusers`."""

    kind: Literal["stable"] = "stable"
    pretrained: str
    """Folder, or id on the hub, with `unet` and `vae`. Ids are looked up in the local cache alone."""
    download: bool = False
    """Fetch what the cache lacks."""
    prompt_tokens: Positive = 77
    """Learned tokens in the place of a text."""

    @property
    def multiple(self) -> int:
        """What the side of pictures must be a multiple of, in pixels."""
        return STABLE_MULTIPLE


class Window(Strict):
    """Temporal outpainting (paper section 3.2): N frames at once, of which N - N' are given."""

    frames: Positive = 16
    """N."""
    overlap_percent: Literal[0, 25, 50, 75] = 50
    """(N - N') / N."""
    held: Literal["noised", "clean"] = "noised"
    """How the network sees given frames: noised to the time of the others, or as they are, at `clean_t`."""
    clean_t: Fraction = 0.05
    """Diffusion time of given frames that are held clean, in training and in use."""

    @property
    def given_frames(self) -> int:
        """N - N'."""
        return self.frames * self.overlap_percent // 100

    @property
    def new_frames(self) -> int:
        """N', what each window but the first adds."""
        return self.frames - self.given_frames

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.frames * self.overlap_percent % 100:
            raise ValueError(f"{self.overlap_percent} % of {self.frames} frames is no whole number of frames")
        return self


class Sampling(Strict):
    """How clips are drawn."""

    sampler: SamplerName = "ddpm"
    steps: Positive = 50
    guidance: Annotated[float, Field(ge=0.0)] = 1.5
    """Weight of classifier-free guidance; 1 is none, and half the work."""
    low_t: Fraction = 0.1
    """Diffusion time the smaller clip is noised to before it is sharpened."""


class FullSpec(Strict):
    """One model: the base, or one that sharpens."""

    net: Annotated[UnetSpec | StableSpec, Field(discriminator="kind")] = UnetSpec()
    side: Positive = 128
    """Pixels."""
    low_side: Positive | None = None
    """Side of the clips it sharpens; none for a base model."""
    framing: Literal["picture", "face"] = "picture"
    """What it draws: the whole picture, or the window of the face, laid over the warped portrait."""
    planes: tuple[str, ...] = DEFAULT
    schedule: AnySchedule = Cosine()
    prediction: Prediction = "x0"
    window: Window = Window()
    sampling: Sampling = Sampling()

    @property
    def layout(self) -> Planes:
        """Where in the channels each plane lies."""
        return Planes(self.planes)

    @property
    def latent(self) -> bool:
        """Whether it works on an autoencoder's latents."""
        return self.net.kind == "stable"

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        _ = self.layout
        if self.side % self.net.multiple:
            raise ValueError(
                f"side: {self.side} px is no multiple of {self.net.multiple}, as the network needs"
            )
        low = self.low_side
        if low is not None and (self.latent or low >= self.side or self.side % low):
            raise ValueError(f"low_side: this network cannot make {self.side} px of {low} px")
        if self.prediction == "eps" and isinstance(self.schedule, Cosine) and self.schedule.end == 1.0:
            raise ValueError("schedule.end: must lie below 1 where noise is predicted")
        return self
