"""What draws the avatars: the learned picture, or the warp alone."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from models.picture import PictureStage

PictureOf = Callable[[Path, int], PictureStage[Any]]
"""Loads an avatar's folder as a picture stage of so many pixels. Raises `AvatarNotFoundError`."""


class PictureConfig(BaseModel):
    """The picture stage of every avatar."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["learned", "warp"] = "learned"
    """`learned` completes the warped portrait by diffusion; without a runtime for it the warp stays alone."""
    runtime: Literal["auto", "openvino-int8", "openvino", "torch"] = "auto"
    """What runs it; `auto` takes the fastest that is installed."""
    steps: Literal[1, 2, 4] = 1
    """Evaluations of the network for each frame."""
    weights: Path | None = None
    """Weights of `visavis train embedded` or `quantize`; null takes those that come along."""


def picture_maker(config: PictureConfig) -> PictureOf:
    """Return what loads avatars as this configuration has them."""

    def picture_of(folder: Path, size: int) -> PictureStage[Any]:
        from models.avatar import load_avatar
        from models.video.open import open_picture

        avatar = load_avatar(folder)
        return open_picture(avatar, size, config.kind, config.runtime, config.steps, config.weights)

    return picture_of


def full_picture_maker(weights: Sequence[Path]) -> PictureOf:
    """Return what loads avatars for the full video model, which needs torch (docs/video-full.md).

    Args:
        weights: files of `visavis train video`, the base model first.
    """

    def picture_of(folder: Path, size: int) -> PictureStage[Any]:
        from models.avatar import load_avatar
        from models.video.full.stage import FullPicture

        return FullPicture.load(load_avatar(folder), weights, size)

    return picture_of
