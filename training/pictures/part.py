"""A part of a packed clip's window, and batches of them."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from safetensors import safe_open
from torch import Tensor

from models.video.conditions import CONTROL_SIDE, SIDE, control_planes
from models.video.network import Given

PICTURES: Final = ("warp", "target")
SHOWN: Final = ("reference", *PICTURES)
RATIO: Final = SIDE // CONTROL_SIDE
"""Pixels of a picture to one of its controls."""
Picture = UInt8[np.ndarray, "side side 3"]
Change = Callable[[Picture], Picture]


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames; those of a clip follow one another."""

    target: Float32[Tensor, "frames 3 side side"]
    given: Given
    clip: int
    """Frames in each clip."""
    twins: bool = False
    """Whether the second half shows the first in a mirror."""


@dataclass(frozen=True, slots=True)
class Part:
    """One clip's part of the window."""

    reference: UInt8[np.ndarray, "frames side side 3"]
    warp: UInt8[np.ndarray, "frames side side 3"]
    target: UInt8[np.ndarray, "frames side side 3"]
    controls: Float32[np.ndarray, "frames planes small small"]

    def frames(self, change: Callable[[np.ndarray], np.ndarray]) -> Self:
        """Return a part with other frames of all it shows."""
        return replace(self, **{field.name: change(getattr(self, field.name)) for field in fields(self)})

    def pictures(self, change: Change) -> Self:
        """Return a part of whose pictures each is changed alike."""
        return replace(
            self,
            **{name: np.stack([change(frame) for frame in getattr(self, name)]) for name in SHOWN},
        )


def cut(path: Path, frames: slice, corner: tuple[int, int], crop_px: int) -> Part:
    """Read a part of a packed clip, and no more than that."""
    fine = tuple(slice(start, start + crop_px) for start in corner)
    rough = tuple(slice(start // RATIO, (start + crop_px) // RATIO) for start in corner)
    with safe_open(path, "np") as file:
        warp, target = (file.get_slice(name)[(frames, *fine)] for name in PICTURES)
        controls = control_planes(
            *(file.get_slice(name)[(frames, *rough)] for name in ("dense", "semantic", "visible"))
        )
        reference = np.broadcast_to(file.get_slice("reference")[fine], warp.shape)
    return Part(reference, warp, target, controls)


def batch_of(parts: list[Part], clip: int, twins: bool = False) -> Batch:
    """Stack parts as the network takes them."""

    def picture(name: str) -> Tensor:
        return as_planes(np.concatenate([getattr(part, name) for part in parts]))

    controls = torch.from_numpy(np.concatenate([part.controls for part in parts]))
    return Batch(picture("target"), Given(picture("warp"), picture("reference"), controls), clip, twins)


def as_planes(pictures: UInt8[np.ndarray, "frames side side 3"]) -> Float32[Tensor, "frames 3 side side"]:
    """Return pictures in -1..1, channels first."""
    planes = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2)
    return planes.float().div_(127.5).sub_(1.0)
