"""The picture network's weights as they ship: half precision, and the ranges that eight bits need."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from jaxtyping import Float32
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from models.video.shape import PictureShape

ASSET: Final = Path(__file__).with_name("picture.safetensors")
RANGES: Final = "ranges."
FREQUENCIES: Final = 30.0
"""Fastest turn of the time's sines."""


@dataclass(frozen=True, slots=True)
class PictureWeights:
    """Sizes, arrays by name, and the largest input of each convolution that runs in eight bits."""

    shape: PictureShape
    arrays: Mapping[str, Float32[np.ndarray, "..."]]
    ranges: Mapping[str, float]

    @classmethod
    def load(cls, path: Path = ASSET) -> Self:
        """Read weights.

        Raises:
            ValueError: the file holds no picture network of this version.
            FileNotFoundError: there is no such file.
        """
        with safe_open(path, "np") as file:
            shape = PictureShape.from_metadata(file.metadata())
        arrays = {name: value.astype(np.float32) for name, value in load_file(path).items()}
        ranges = {
            name.removeprefix(RANGES): float(value)
            for name, value in arrays.items()
            if name.startswith(RANGES)
        }
        return cls(shape, {k: v for k, v in arrays.items() if not k.startswith(RANGES)}, ranges)

    def save(self, path: Path) -> None:
        """Write weights in half precision."""
        arrays = {name: value.astype(np.float16) for name, value in self.arrays.items()}
        ranges = {RANGES + name: np.array(value, np.float32) for name, value in self.ranges.items()}
        save_file(arrays | ranges, path, self.shape.metadata())

    def shift(self, block: str, t: float) -> Float32[np.ndarray, "width"]:
        """Return what the diffusion time adds inside a block, such as `before.0`."""
        a = self.arrays
        time = np.maximum(a["time.0.weight"] @ time_turns(t, self.shape.times) + a["time.0.bias"], 0)
        return a[f"{block}.time.weight"] @ time + a[f"{block}.time.bias"]


def time_turns(t: float, count: int) -> Float32[np.ndarray, "twice"]:
    """Return sines and cosines of the time, from slow to fast."""
    angle = np.pi * t * np.exp(np.linspace(0.0, 1.0, count) * np.log(FREQUENCIES))
    return np.concatenate([np.sin(angle), np.cos(angle)]).astype(np.float32)
