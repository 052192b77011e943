"""Batches out of packed clips: parts of the window, mirrored, recoloured, blurred."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from safetensors import safe_open
from torch import Tensor

from models.body.rig import Region
from models.video.conditions import CONTROL_SIDE, FIRST_CLASS, SIDE, control_planes
from models.video.network import Given
from training.pictures.camera import Camera
from training.pictures.clip import FRAMES

GRID_PX: Final = 16
"""Parts begin at multiples of this, so that they lie on the network's coarsest grid."""
FACE: Final = ((150, 36), (128, 36))
"""Row and column about which most parts are drawn, and how far from it: eyes and mouth."""
ANYWHERE: Final = 0.3
"""Share of parts that lie anywhere."""
MIRRORED: Final = np.arange(len(Region) + 1)
MIRRORED[[Region.EYE_LEFT + 1, Region.EYE_RIGHT + 1]] = Region.EYE_RIGHT + 1, Region.EYE_LEFT + 1
PICTURES: Final = ("warp", "target")


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


class Clips:
    """Draws batches, for ever, from the clips that lie in a folder; new ones are noticed.

    Args:
        folder: packed clips.
        seed: of everything that is drawn.
        photographs: single pictures besides the clips' own; left out, or not there, there are none.
    """

    def __init__(self, folder: Path, seed: int, photographs: Path | None = None) -> None:
        self._folder, self._singles = folder, photographs
        self._rng = np.random.default_rng(seed)
        self._paths: list[Path] = []
        self._photographs: list[Path] = []
        self.refresh()

    def refresh(self) -> None:
        """Look for new clips.

        Raises:
            ValueError: there are none.
        """
        self._paths = sorted(self._folder.glob("*.safetensors"))
        if not self._paths:
            raise ValueError(f"{self._folder} holds no clips; make them with `visavis train pictures`")
        singles = self._singles.glob("*.safetensors") if self._singles is not None else ()
        self._photographs = [*self._paths, *sorted(singles)]

    def draw(
        self,
        frames: int,
        crop_px: int,
        *,
        moving: bool,
        blurred: float = 0.25,
        photographs: float = 0.7,
        twins: bool = False,
    ) -> Batch:
        """Return a batch of so many frames: single ones, or clips when it is `moving`.

        `photographs` is the share whose truth is a photograph; in clips they stand still, which tells the
        temporal convolutions that a past asks for no less. With `twins` the second half of the batch is the
        first in a mirror.
        """
        clip = FRAMES if moving else 1
        count = frames // clip // (2 if twins else 1)
        parts = [self._part(crop_px, moving, blurred, photographs) for _ in range(count)]
        return batch_of([*parts, *map(mirrored, parts)] if twins else parts, clip, twins)

    def whole(self, count: int) -> Batch:
        """Return the first frame of evenly chosen clips, whole and as they are."""
        step = max(1, len(self._paths) // count)
        parts = [cut(path, np.s_[:1], (0, 0), SIDE) for path in self._paths[::step][:count]]
        return batch_of(parts, 1)

    def _part(self, crop_px: int, moving: bool, blurred: float, photographs: float) -> Part:
        rng = self._rng
        photograph = rng.random() < photographs
        paths = self._photographs if photograph else self._paths
        path = paths[rng.integers(len(paths))]
        first = 0 if photograph else int(rng.integers(1, FRAMES))
        frames = np.s_[:] if moving and not photograph else np.s_[first : first + 1]
        part = cut(path, frames, self._corner(crop_px), crop_px)
        if moving and photograph:
            part = _each(part, lambda plane: np.repeat(plane, FRAMES, 0))
        elif moving and rng.random() < 0.5:
            part = _each(part, lambda plane: plane[::-1])
        return vary(part, rng, blurred)

    def _corner(self, crop_px: int) -> tuple[int, int]:
        room = SIDE - crop_px
        if self._rng.random() < ANYWHERE:
            corner = self._rng.uniform(0, room + 1e-6, 2)
        else:
            corner = np.array([self._rng.normal(*axis) for axis in FACE]) - crop_px / 2
        top, left = np.clip(np.round(corner / GRID_PX) * GRID_PX, 0, room).astype(int)
        return int(top), int(left)


def _each(part: Part, change: Callable[[np.ndarray], np.ndarray]) -> Part:
    return Part(*(change(plane) for plane in (part.reference, part.warp, part.target, part.controls)))


def cut(path: Path, frames: slice, corner: tuple[int, int], crop_px: int) -> Part:
    """Read a part of a packed clip, and no more than that."""
    fine = tuple(slice(start, start + crop_px) for start in corner)
    ratio = SIDE // CONTROL_SIDE
    rough = tuple(slice(start // ratio, (start + crop_px) // ratio) for start in corner)
    with safe_open(path, "np") as file:
        warp, target = (file.get_slice(name)[(frames, *fine)] for name in PICTURES)
        controls = control_planes(
            *(file.get_slice(name)[(frames, *rough)] for name in ("dense", "semantic", "visible"))
        )
        reference = np.broadcast_to(file.get_slice("reference")[fine], warp.shape)
    return Part(reference, warp, target, controls)


def vary(part: Part, rng: np.random.Generator, blurred: float = 0.25) -> Part:
    """Mirror, recolour and blur a part, its target alike."""
    if rng.random() < 0.5:
        part = mirrored(part)
    pictures = [part.reference, part.warp, part.target]
    if rng.random() < 0.7:
        table = _colours(rng)
        pictures = [np.stack([table[c][picture[..., c]] for c in range(3)], -1) for picture in pictures]
    if rng.random() < blurred:
        camera = Camera.draw(rng)
        pictures = [np.stack([camera.take(frame) for frame in picture]) for picture in pictures]
    reference, warp, target = pictures
    return Part(reference, warp, target, part.controls)


def mirrored(part: Part) -> Part:
    """Return a part as a mirror shows it: the left eye is the right one, and across runs the other way."""
    reference, warp, target = (picture[:, :, ::-1] for picture in (part.reference, part.warp, part.target))
    controls = part.controls[..., ::-1].copy()
    controls[:, 0] *= -1
    controls[:, FIRST_CLASS : FIRST_CLASS + len(MIRRORED)] = controls[:, FIRST_CLASS + MIRRORED]
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


def _colours(rng: np.random.Generator) -> UInt8[np.ndarray, "3 256"]:
    """Return a table of light and camera for each channel."""
    level = np.linspace(0, 1, 256)[None] ** np.exp(rng.normal(0, 0.25))
    gain = np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.06, (3, 1)))
    return np.clip(255 * gain * level, 0, 255).astype(np.uint8)
