"""`PackedVideo`: one video with its controls, in one safetensors file. A folder of them is a corpus.

| array | shape | what |
|---|---|---|
| `target` | frames, 3, side, side | the video |
| `dense` | frames, 3, small, small | Cᵈ, 0..255 for 0..1 |
| `semantic` | frames, small, small | Cᵐ, class numbers |
| `reference` | references, 3, side, side | pictures of the same person |
| `reference_frame` | references | which frame of the video each is; -1 is another picture |
| `warp` | references, frames, 3, side, side | Cʷ out of each reference |
| `visible` | references, frames, small, small | 255 where Cʷ is what the reference shows |
| `keypoints` | frames, small, small | optional: 255 in discs at the body's joints |

All are bytes but `reference_frame`, which is int32. `small` may be less than `side`: controls change slowly.
Clips of `visavis train pictures` are read, too: their reference is a warped photo, and their frames are few.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import cv2
import numpy as np
from jaxtyping import Float32, Int32, UInt8
from safetensors import safe_open
from safetensors.numpy import save_file

from models.video.planes import Planes, to_signed

OTHER: Final = -1
"""Number of a reference that is no frame of the video."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Some frames as a network takes them."""

    planes: Float32[np.ndarray, "frames channels side side"]
    """See `models.video.planes.Planes`."""
    target: Float32[np.ndarray, "frames 3 side side"]
    """In -1..1."""
    reference: Float32[np.ndarray, "3 side side"]
    """In -1..1."""


@dataclass(frozen=True, slots=True)
class PackedVideo:
    """One video in memory; the module's table says what is what."""

    target: UInt8[np.ndarray, "frames 3 side side"]
    dense: UInt8[np.ndarray, "frames 3 small small"]
    semantic: UInt8[np.ndarray, "frames small small"]
    reference: UInt8[np.ndarray, "references 3 side side"]
    reference_frame: Int32[np.ndarray, "references"]
    warp: UInt8[np.ndarray, "references frames 3 side side"]
    visible: UInt8[np.ndarray, "references frames small small"]
    keypoints: UInt8[np.ndarray, "frames small small"] | None = None

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {name: getattr(self, name) for name in self.__slots__}
        partial = path.with_suffix(".partial")
        save_file({name: np.ascontiguousarray(a) for name, a in arrays.items() if a is not None}, partial)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path, frames: slice = slice(None), reference: int | None = None) -> Self:
        """Read some frames of a file, and one of its references or all.

        Raises:
            ValueError: The file is no packed video.
        """
        with safe_open(path, "np") as file:
            names = set(file.keys())
            lacking = set(cls.__slots__) - names - {"keypoints", "reference_frame"}
            if lacking:
                raise ValueError(f"{path} is no packed video: it has no {', '.join(sorted(lacking))}")
            if "reference_frame" not in names:
                return cls(**_of_pictures({name: file.get_tensor(name) for name in names}, frames))
            one = slice(None) if reference is None else slice(reference, reference + 1)
            return cls(
                **{name: file.get_slice(name)[frames] for name in ("target", "dense", "semantic")},
                **{name: file.get_slice(name)[one] for name in ("reference", "reference_frame")},
                **{name: file.get_slice(name)[one, frames] for name in ("warp", "visible")},
                keypoints=file.get_slice("keypoints")[frames] if "keypoints" in names else None,
            )

    def clip(self, layout: Planes, side: int, reference: int = 0) -> Clip:
        """Return all frames, with one of the references, at `side` pixels.

        Raises:
            ValueError: The layout has keypoints and the video has none.
        """
        warp = self.warp[reference]
        return Clip(
            layout.stack(
                _sized(self.dense, side).astype(np.float32) / 255,
                _sized(self.semantic, side, exact=True),
                _sized(warp, side),
                _sized(self.visible[reference], side, exact=True),
                None if self.keypoints is None else _sized(self.keypoints, side, exact=True),
            ),
            to_signed(_sized(self.target, side)),
            to_signed(_sized(self.reference[reference], side)),
        )


def head_of(path: Path) -> tuple[int, Int32[np.ndarray, "references"]]:
    """Return the number of frames of a file, and which of them its references are. Reads no pictures.

    Raises:
        ValueError: The file is no packed video.
    """
    with safe_open(path, "np") as file:
        names = set(file.keys())
        if not {"target", "reference", "warp"} <= names:
            raise ValueError(f"{path} is no packed video; see training/video/packed.py")
        frames = file.get_slice("target").get_shape()[0]
        own = file.get_tensor("reference_frame") if "reference_frame" in names else [OTHER]
        return int(frames), np.asarray(own, np.int32)


def _of_pictures(arrays: Mapping[str, np.ndarray], frames: slice) -> dict[str, np.ndarray]:
    """Return a clip of `training.pictures` in the names and the order of this module."""
    return {
        "target": arrays["target"][frames].transpose(0, 3, 1, 2),
        "dense": arrays["dense"][frames].transpose(0, 3, 1, 2),
        "semantic": arrays["semantic"][frames],
        "reference": arrays["reference"][None].transpose(0, 3, 1, 2),
        "reference_frame": np.array([OTHER], np.int32),
        "warp": arrays["warp"][None, frames].transpose(0, 1, 4, 2, 3),
        "visible": arrays["visible"][None, frames] * np.uint8(255),
    }


def _sized(
    pictures: UInt8[np.ndarray, "*any small small"], side: int, *, exact: bool = False
) -> UInt8[np.ndarray, "*any side side"]:
    """Return pictures of another size; `exact` makes no values between two."""
    small = pictures.shape[-1]
    if small == side:
        return np.ascontiguousarray(pictures)
    between = cv2.INTER_AREA if side < small else cv2.INTER_LINEAR
    flat = pictures.reshape(-1, small, small)
    sized = [
        cv2.resize(picture, (side, side), interpolation=cv2.INTER_NEAREST_EXACT if exact else between)
        for picture in flat
    ]
    return np.stack(sized).reshape(*pictures.shape[:-2], side, side)
