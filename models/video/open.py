"""Open the best picture stage this machine can run: the learned one, or the warp."""

import logging
from pathlib import Path
from typing import Any, Literal

from models.avatar import Avatar
from models.picture import PictureStage
from models.video.runtime import RuntimeMissingError, RuntimeName, Sampler, find_runtime
from models.video.stage import LearnedPicture
from models.video.upscale import UpscaleWeights
from models.video.weights import ASSET, PictureWeights
from models.warp import WarpPicture

PictureName = Literal["learned", "warp"]
_log = logging.getLogger(__name__)


def open_picture(
    avatar: Avatar,
    size: int,
    kind: PictureName = "learned",
    runtime: RuntimeName = "auto",
    steps: int = 1,
    weights: Path | None = None,
) -> PictureStage[Any]:
    """Return the picture stage of an avatar.

    Args:
        avatar: the fitted portrait.
        size: side of the pictures in pixels.
        kind: `learned` completes the warp; without a runtime for it, or with `warp`, the warp is all.
        runtime: `auto` takes the fastest that is installed.
        steps: of the sampler.
        weights: those that come along when left out.

    Raises:
        RuntimeMissingError: a runtime was named and is not installed.
        ValueError: there is no sampler of so many steps.
    """
    warp = WarpPicture(avatar, size)
    if kind == "warp":
        return warp
    try:
        found = find_runtime(runtime)
    except RuntimeMissingError as missing:
        if runtime != "auto":
            raise
        _log.warning("%s", missing)
        return warp
    _log.info("the picture is learned, and runs in %s", found.name)
    return LearnedPicture(
        warp, PictureWeights.load(weights or ASSET), UpscaleWeights.load(), found, Sampler.of(steps)
    )
