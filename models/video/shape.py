"""Sizes of the picture network, as they stand in the weights' metadata."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, Self

from models.video.conditions import CONTROL_PLANES, CONTROL_SIDE, SIDE

MISS: Final = 0.13
"""How far the warp is from the truth, on held-out photographs: 24 dB in -1..1."""


@dataclass(frozen=True, slots=True)
class PictureShape:
    """Widths and depths; the sides of pictures and controls are fixed."""

    width: int = 128
    """Channels at a grid of `SIDE` / `patch`."""
    deep: int = 256
    """Channels at half of that grid."""
    outer: int = 1
    """Residual blocks before going deep, and again after."""
    inner: int = 3
    """Residual blocks in the deep."""
    fine: int = 32
    """Channels of the last convolutions, at half the picture's side."""
    patch: int = 8
    """Side of what one place of the grid sees of the picture."""
    times: int = 32
    """Sines and cosines of the diffusion time."""

    @property
    def picture_planes(self) -> int:
        """Channels of a picture cut into patches."""
        return 3 * self.patch**2

    @property
    def control_planes(self) -> int:
        """Channels of the controls cut into the same grid."""
        return CONTROL_PLANES * (self.patch * CONTROL_SIDE // SIDE) ** 2

    def metadata(self) -> dict[str, str]:
        """Return the sizes as safetensors keeps them."""
        return {"kind": "picture", **{name: str(value) for name, value in asdict(self).items()}}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str] | None) -> Self:
        """Read the sizes back.

        Raises:
            ValueError: the file holds no picture network of this version.
        """
        known = cls.__dataclass_fields__
        if not metadata or metadata.get("kind") != "picture" or not set(known) <= set(metadata):
            raise ValueError("this file holds no picture network of this version")
        return cls(**{name: int(metadata[name]) for name in known})
