"""`Planes`: what a video model is told of a frame, as channels of one array. Names, order, values.

| name | channels | values |
|---|---|---|
| `dense` | 3 | Cᵈ, place on the template body, 0..1; 0 outside |
| `semantic` | 9 | Cᵐ one-hot: nothing, then `Region` in its order; 0 or 1 |
| `warp` | 3 | Cʷ, colours of the reference carried here, -1..1; 0 where it does not show the point |
| `visible` | 1 | 1 where Cʷ has a colour, else 0 |
| `keypoints` | 1 | discs at the body's joints, 0 or 1: the control of the paper's first ablation |

The reference is no plane: it is one picture for many frames, and travels beside them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, UInt8

from models.controls.controls import CLASSES, Controls

CHANNELS: Final[Mapping[str, int]] = {
    "dense": 3,
    "semantic": CLASSES,
    "warp": 3,
    "visible": 1,
    "keypoints": 1,
}
"""Every plane there is, and how many channels it has."""
DEFAULT: Final = ("dense", "semantic", "warp", "visible")


@dataclass(frozen=True, slots=True)
class Planes:
    """Which planes, in which order.

    Raises:
        ValueError: A name is unknown or given twice.
    """

    names: tuple[str, ...] = DEFAULT

    def __post_init__(self) -> None:
        unknown = [name for name in self.names if name not in CHANNELS]
        if unknown or len(set(self.names)) < len(self.names):
            raise ValueError(f"planes {', '.join(self.names)}: each at most once, of {', '.join(CHANNELS)}")

    @property
    def channels(self) -> int:
        """Number of channels of all planes."""
        return sum(CHANNELS[name] for name in self.names)

    @property
    def slices(self) -> dict[str, slice]:
        """Where in the channels each plane lies."""
        edges = accumulate((CHANNELS[name] for name in self.names), initial=0)
        return dict(zip(self.names, (slice(*pair) for pair in pairwise(edges)), strict=True))

    def stack(
        self,
        dense: Float32[np.ndarray, "frames 3 side side"],
        semantic: UInt8[np.ndarray, "frames side side"],
        warp: UInt8[np.ndarray, "frames 3 side side"],
        visible: UInt8[np.ndarray, "frames side side"],
        keypoints: UInt8[np.ndarray, "frames side side"] | None = None,
    ) -> Float32[np.ndarray, "frames channels side side"]:
        """Return the channels of some frames.

        Args:
            dense: in 0..1.
            semantic: class numbers.
            warp: colours 0..255; what they are where nothing is visible does not matter.
            visible: 0 or 255.
            keypoints: 0 or 255; needed only where the plane is asked for.

        Raises:
            ValueError: `keypoints` is asked for and not given.
        """
        if "keypoints" in self.names and keypoints is None:
            raise ValueError("these frames come without the plane keypoints")
        seen = (visible > 127)[:, None].astype(np.float32)
        makers: dict[str, Callable[[], Any]] = {
            "dense": lambda: dense,
            "semantic": lambda: semantic[:, None] == np.arange(CLASSES)[:, None, None],
            "warp": lambda: to_signed(warp) * seen,
            "visible": lambda: seen,
            "keypoints": lambda: keypoints[:, None] > 127 if keypoints is not None else None,
        }
        return np.concatenate([makers[name]() for name in self.names], 1, dtype=np.float32)

    def of(
        self, controls: Controls, keypoints: UInt8[np.ndarray, "side side"] | None = None
    ) -> Float32[np.ndarray, "channels side side"]:
        """Return the channels of one frame's controls, as `render_controls` gives them."""
        return self.stack(
            np.ascontiguousarray(controls.dense.transpose(2, 0, 1)[None]),
            controls.semantic[None],
            np.ascontiguousarray(controls.warp.transpose(2, 0, 1)[None]),
            controls.visible[None].astype(np.uint8) * np.uint8(255),
            None if keypoints is None else keypoints[None],
        )[0]


def to_signed(picture: UInt8[np.ndarray, "*any"]) -> Float32[np.ndarray, "*any"]:
    """Return 0..255 as -1..1, which is how networks see colours."""
    return picture.astype(np.float32) / np.float32(127.5) - 1


def to_bytes(picture: Float32[np.ndarray, "*any"]) -> UInt8[np.ndarray, "*any"]:
    """Return -1..1 as 0..255, rounded; what lies outside is cut off."""
    return np.clip(np.rint((picture + 1) * 127.5), 0, 255).astype(np.uint8)
