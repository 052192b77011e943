"""`Upscaler`: gives what was added at the network's resolution the fine structure of the portrait's.

Its weights are small, it runs on whatever runs the picture network (`models.video.runtime`), once a frame.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from jaxtyping import Float32, UInt8
from numba import njit
from safetensors.numpy import load_file

ASSET: Final = Path(__file__).with_name("upscale.safetensors")
PATCH: Final = 4
"""Side of a place of the grid in pixels."""
GREY: Final = (0.299, 0.587, 0.114)
"""Shares of the colours in grey (ITU-R BT.601)."""
LAYERS: Final = ("first", "middle", "out")
Convolve = Callable[[Float32[np.ndarray, "rows rows twice"]], Float32[np.ndarray, "rows rows patch"]]
"""The three convolutions over a grid of patches: warp and what was added to it in, fine structure out."""


@dataclass(frozen=True, slots=True)
class UpscaleWeights:
    """Arrays by name, as `models.video.upscale_network.UpscaleNet` has them."""

    arrays: Mapping[str, Float32[np.ndarray, "..."]]

    @classmethod
    def load(cls, path: Path = ASSET) -> Self:
        """Read weights.

        Raises:
            ValueError: the file holds no upscaler.
            FileNotFoundError: there is no such file.
        """
        arrays = {name: value.astype(np.float32) for name, value in load_file(path).items()}
        if set(arrays) != {f"{layer}.{kind}" for layer in LAYERS for kind in ("weight", "bias")}:
            raise ValueError(f"{path} holds no upscaler")
        return cls(arrays)

    @property
    def width(self) -> int:
        """Channels between the convolutions."""
        return len(self.arrays["first.bias"])


CompileUpscaler = Callable[[UpscaleWeights, int], Convolve]
"""Weights, and how many patches the window has on a side, to a program."""


class Upscaler:
    """Fine structure for one window.

    Args:
        weights: of the network.
        span: side of the window in pixels; what does not fill a patch at its soft end is left alone.
        compile_upscaler: of the runtime.
    """

    def __init__(self, weights: UpscaleWeights, span: int, compile_upscaler: CompileUpscaler) -> None:
        self._rows = span // PATCH
        self._convolve = compile_upscaler(weights, self._rows)

    def __call__(
        self,
        warp: UInt8[np.ndarray, "span span 3"],
        made: UInt8[np.ndarray, "span span 3"],
        share: Float32[np.ndarray, "span span"],
    ) -> None:
        """Add fine structure to what was made of the warp, in place.

        Args:
            warp: the window before anything was added.
            made: the window now.
            share: how much of it, by place.
        """
        patches = np.empty((self._rows, self._rows, 2 * PATCH**2), np.float32)
        _gather(warp, made, patches)
        _lay(made, self._convolve(patches), share)


@njit(cache=True, nogil=True)
def _gather(warp, made, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Cut the grey of both into patches: in -1..1, and their difference."""
    red, green, blue = np.float32(GREY[0] / 127.5), np.float32(GREY[1] / 127.5), np.float32(GREY[2] / 127.5)
    for y in range(out.shape[0] * PATCH):
        for x in range(out.shape[1] * PATCH):
            place = PATCH * (y % PATCH) + x % PATCH
            before = red * warp[y, x, 0] + green * warp[y, x, 1] + blue * warp[y, x, 2]
            now = red * made[y, x, 0] + green * made[y, x, 1] + blue * made[y, x, 2]
            out[y // PATCH, x // PATCH, place] = before - np.float32(1)
            out[y // PATCH, x // PATCH, PATCH * PATCH + place] = now - before


@njit(cache=True, nogil=True)
def _lay(made, found, share):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for y in range(found.shape[0] * PATCH):
        for x in range(found.shape[1] * PATCH):
            fine = found[y // PATCH, x // PATCH, PATCH * (y % PATCH) + x % PATCH]
            fine = fine * np.float32(127.5) * share[y, x] + np.float32(0.5)
            for c in range(3):
                value = made[y, x, c] + fine
                made[y, x, c] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))
