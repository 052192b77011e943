"""A clip as a portrait sees it: cut to the portrait's square, with landmarks and the motion behind them."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from models.avatar import Avatar
from models.portrait.errors import PortraitError
from models.portrait.landmarks import FaceFinder, the_one_face
from models.portrait.photo import SIZE, Box, cut_frame, frame_box
from training.evaluation.clips import ClipError, read_pictures
from training.evaluation.track import track_clip
from training.pictures.evaluation.driver import Follower, changes_since
from training.pictures.evaluation.portraits import fitted
from training.pictures.poses import Pose

LONGEST: Final = 250
"""Pictures of a clip that are measured at most: ten seconds."""


@dataclass(frozen=True, slots=True)
class FramedClip:
    """One clip, and its first picture that shows a face as portrait."""

    path: Path
    first: int
    """Number of the picture that is the portrait."""
    frame: Box
    """The portrait's square in the clip's pictures."""
    avatar: Avatar
    marks: Float32[np.ndarray, "frames 478 2"]
    """Landmarks from the portrait on, in its pixels; NaN where no face is seen."""
    poses: tuple[Pose, ...]
    """What the person does, from the portrait on."""

    def pictures(self) -> Iterator[UInt8[np.ndarray, "side side 3"]]:
        """Yield the clip's pictures from the portrait on, cut to its square."""
        for picture in islice(read_pictures(self.path), self.first, self.first + len(self.poses)):
            yield cut_frame(picture, self.frame)


def frame_clip(path: Path, cache: Path | None = None) -> FramedClip:
    """Track a clip, make a portrait of its first face, and fit the portrait to what follows.

    Args:
        path: of the clip.
        cache: folder of kept portraits.

    Raises:
        ClipError: there is no face, or it cannot become a portrait.
    """
    track = track_clip(path)
    first = int(np.flatnonzero(np.isfinite(track.expression).all(axis=1))[0])
    picture = next(islice(read_pictures(path), first, None))
    try:
        frame = _frame(picture)
        avatar = fitted(_png(cut_frame(picture, frame)), path.stem, cache)
    except PortraitError as error:
        raise ClipError(f"{path.name}: its first face is no portrait: {error}") from error
    scale = np.float32(SIZE / (frame[2] - frame[0]))
    shown = slice(first, first + LONGEST)
    marks = (track.points[shown, :, :2] - np.array(frame[:2], np.float32)) * scale
    poses = Follower(avatar, marks[0]).follow(marks, changes_since(track, first)[shown])
    return FramedClip(path, first, frame, avatar, marks, tuple(poses))


def _frame(picture: UInt8[np.ndarray, "height width 3"]) -> Box:
    with FaceFinder() as finder:
        return frame_box(picture.shape[1], picture.shape[0], the_one_face(finder.search(picture)).box)


def _png(picture: UInt8[np.ndarray, "side side 3"]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()
