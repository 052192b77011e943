"""Pixel by pixel: PSNR, L1 and SSIM, each a map that is averaged over a region."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

BEST_PSNR_DB: Final = 100.0
"""What pictures without any difference get."""
_WINDOW, _SIGMA = (11, 11), 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


@dataclass(frozen=True, slots=True)
class Errors:
    """How a picture differs from the true one, mean over the colours."""

    squared: Float32[np.ndarray, "side side"]
    """Levels²."""
    absolute: Float32[np.ndarray, "side side"]
    """Levels, 0..255."""
    similarity: Float32[np.ndarray, "side side"]
    """SSIM around each pixel, at most 1."""

    def psnr_db(self, mask: Bool[np.ndarray, "side side"]) -> float:
        """Return the peak signal-to-noise ratio of a region, at most `BEST_PSNR_DB`."""
        mean = float(self.squared[mask].mean())
        return min(float(10 * np.log10(255**2 / max(mean, 1e-12))), BEST_PSNR_DB)

    def l1(self, mask: Bool[np.ndarray, "side side"]) -> float:
        """Return the mean absolute difference of a region, in levels of 255."""
        return float(self.absolute[mask].mean())

    def ssim(self, mask: Bool[np.ndarray, "side side"]) -> float:
        """Return the mean structural similarity of a region."""
        return float(self.similarity[mask].mean())


def errors_of(true: UInt8[np.ndarray, "side side 3"], made: UInt8[np.ndarray, "side side 3"]) -> Errors:
    """Compare two pictures."""
    x, y = true.astype(np.float32), made.astype(np.float32)
    apart = np.abs(x - y)
    return Errors((apart**2).mean(-1), apart.mean(-1), _ssim(x, y).mean(-1))


def _ssim(
    x: Float32[np.ndarray, "side side 3"], y: Float32[np.ndarray, "side side 3"]
) -> Float32[np.ndarray, "side side 3"]:
    """SSIM in Gaussian windows (Wang et al. 2004, section III.C), colour by colour."""
    mean_x, mean_y = _blur(x), _blur(y)
    spread_x, spread_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    common = _blur(x * y) - mean_x * mean_y
    above = (2 * mean_x * mean_y + _C1) * (2 * common + _C2)
    below = (mean_x**2 + mean_y**2 + _C1) * (spread_x + spread_y + _C2)
    return np.asarray(above / below, np.float32)


def _blur(values: Float32[np.ndarray, "side side 3"]) -> Float32[np.ndarray, "side side 3"]:
    return np.asarray(cv2.GaussianBlur(values, _WINDOW, _SIGMA, borderType=cv2.BORDER_REFLECT), np.float32)
