"""All figures of one picture against the true one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from models.controls.controls import Controls
from training.evaluation.figures import Figures
from training.pictures.evaluation.errors import errors_of
from training.pictures.evaluation.identity import distance
from training.pictures.evaluation.instruments import Instruments
from training.pictures.evaluation.regions import Region, regions_of
from training.pictures.evaluation.sharpness import cpbd

if TYPE_CHECKING:
    from training.pictures.evaluation.lpips import Features

LPIPS_SIDE: Final = {"full": 256, "face": 256, "mouth": 128, "eyes": 128}
"""What a region is scaled to before LPIPS sees it, so that figures of large and small faces compare."""
VGG_REGIONS: Final = ("face", "mouth")
"""The costly network looks at these alone."""
SHARP: Final = ("full", "face", "mouth")
"""Regions whose sharpness is measured; smaller ones have too few edges."""


@dataclass(frozen=True, slots=True)
class Truth:
    """A true picture, and what of it is compared."""

    picture: UInt8[np.ndarray, "side side 3"]
    marks: Float32[np.ndarray, "478 2"]
    regions: Mapping[str, Region]
    looks: Mapping[tuple[str, str], "Features"] = field(default_factory=dict)
    """LPIPS' features, by network and region."""
    person: Float64[np.ndarray, "128"] | None = None
    """The face's descriptor."""


def look_at(
    picture: UInt8[np.ndarray, "side side 3"],
    marks: Float32[np.ndarray, "478 2"],
    controls: Controls | None = None,
    instruments: Instruments | None = None,
) -> Truth:
    """Prepare a true picture.

    Args:
        picture: RGB.
        marks: landmarks of its face in pixels.
        controls: of the pose it shows, in the portrait's terms.
        instruments: what looks deeper than pixels; left out, pixels alone are compared.
    """
    regions = regions_of(marks, picture.shape[0], controls)
    if instruments is None:
        return Truth(picture, marks, regions)
    looks = {
        (net, name): instruments.features(net, shown(picture, regions[name], side))
        for net, name, side in looked_at(instruments, regions)
    }
    describer = instruments.describer
    return Truth(
        picture, marks, regions, looks, None if describer is None else describer.describe(picture, marks)
    )


def compare(
    truth: Truth, made: UInt8[np.ndarray, "side side 3"], instruments: Instruments | None = None
) -> Figures:
    """Return every figure of a picture; `instruments` as the truth was prepared with."""
    figures = pixel_figures(truth, made)
    if instruments is None:
        return figures
    for (net, name), features in truth.looks.items():
        crop = shown(made, truth.regions[name], LPIPS_SIDE[name])
        figures[f"{name}_lpips_{net}"] = instruments.between(net, features, crop)
    if truth.person is not None and instruments.describer is not None:
        figures["identity_distance"] = distance(
            truth.person, instruments.describer.describe(made, truth.marks)
        )
    return figures | sharpness_figures(truth, made)


def pixel_figures(truth: Truth, made: UInt8[np.ndarray, "side side 3"]) -> Figures:
    """Return PSNR, SSIM and L1 of each region."""
    errors, figures = errors_of(truth.picture, made), {}
    for name, region in truth.regions.items():
        figures[f"{name}_psnr_db"] = errors.psnr_db(region.mask)
        figures[f"{name}_ssim"] = errors.ssim(region.mask)
        figures[f"{name}_l1"] = errors.l1(region.mask)
    return figures


def sharpness_figures(truth: Truth, made: UInt8[np.ndarray, "side side 3"]) -> Figures:
    """Return the sharpness of regions; the true picture's own when `made` is it."""
    regions = truth.regions
    return {f"{name}_cpbd": cpbd(made[regions[name].box]) for name in SHARP if name in regions}


def looked_at(instruments: Instruments, regions: Mapping[str, Region]) -> list[tuple[str, str, int]]:
    """Return network, region and side of each look LPIPS takes."""
    return [
        (net, name, side)
        for net in instruments.lpips
        for name, side in LPIPS_SIDE.items()
        if name in regions and (net != "vgg" or name in VGG_REGIONS)
    ]


def shown(
    picture: UInt8[np.ndarray, "side side 3"], region: Region, side: int
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Return a region's box, its longer side scaled to `side` pixels."""
    crop = picture[region.box]
    scale = side / max(crop.shape[:2])
    rows, columns = (max(round(scale * length), side // 2) for length in crop.shape[:2])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(crop, (columns, rows), interpolation=way))
