"""What pictures are to the diffusion: themselves, or an autoencoder's latents."""

from typing import Any, Final, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

AT_ONCE: Final = 4
"""Pictures that go through the autoencoder together; at 512² each takes some 2 GB."""
Clip = Float[Tensor, "batch frames channels height width"]


class Codec(Protocol):
    """To and from what the network works on."""

    def encode(self, pictures: Float[Tensor, "batch frames 3 side side"]) -> Clip:
        """Return what the network works on; pictures are in -1..1."""
        ...

    def decode(self, x: Clip) -> Float[Tensor, "batch frames 3 side side"]:
        """Return the pictures again."""
        ...

    def to(self, device: torch.device) -> None:
        """Move there what it works with."""
        ...


class Pixels:
    """Pictures are themselves."""

    def encode(self, pictures: Float[Tensor, "batch frames 3 side side"]) -> Clip:
        """Return them."""
        return pictures

    def decode(self, x: Clip) -> Float[Tensor, "batch frames 3 side side"]:
        """Return them."""
        return x

    def to(self, device: torch.device) -> None:
        """There is nothing to move."""


class Latents:
    """Stable Diffusion's autoencoder: 8 × 8 pixels to four numbers (Rombach et al. 2022).

    Args:
        autoencoder: a `diffusers.AutoencoderKL`; it is never trained here.
    """

    def __init__(self, autoencoder: Any) -> None:
        self._autoencoder = autoencoder
        self._scale = float(autoencoder.config.scaling_factor)

    def encode(self, pictures: Float[Tensor, "batch frames 3 side side"]) -> Clip:
        """Return the most likely latents, scaled to a variance of one."""
        parts = pictures.flatten(0, 1).split(AT_ONCE)
        with torch.no_grad():
            means = [self._autoencoder.encode(part).latent_dist.mode() for part in parts]
        return self._scale * torch.cat(means).unflatten(0, pictures.shape[:2])

    def decode(self, x: Clip) -> Float[Tensor, "batch frames 3 side side"]:
        """Return the pictures of latents."""
        parts = (x / self._scale).flatten(0, 1).split(AT_ONCE)
        with torch.no_grad():
            pictures = [self._autoencoder.decode(part).sample for part in parts]
        return torch.cat(pictures).unflatten(0, x.shape[:2])

    def to(self, device: torch.device) -> None:
        """Move the autoencoder."""
        self._autoencoder.to(device)
