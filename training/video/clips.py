"""`Clips`: the seam between data and training. Any number of a clip gives the same clip, always.

So a run that was broken off goes on with the clips it would have seen, whatever the number of readers.
"""

from pathlib import Path
from typing import Protocol

import numpy as np

from models.video.planes import Planes
from training.video.packed import OTHER, Clip, PackedVideo, head_of
from training.video.shapes import draw_video


class Clips(Protocol):
    """An endless row of clips, by number."""

    def __getitem__(self, number: int) -> Clip:
        """Return clip `number` ≥ 0, drawn from the seed and the number alone."""
        ...


class PackedClips:
    """Clips out of a folder of packed videos, each file as often as any other.

    The reference is drawn far away in time, as in the paper: one near by makes the task trivial.

    Args:
        folder: files of `training.video.packed`; folders in it are not looked into.
        layout: planes of the clips.
        side: pixels; what is stored larger or smaller is resized.
        frames: length of the clips.
        far_frames: least distance between the reference and every frame of the clip, where they are of one
            video and it is long enough; else the farthest reference is taken.
        seed: of all that is drawn.

    Raises:
        ValueError: No video is as long as a clip, or a file is none.
    """

    def __init__(
        self, folder: Path, layout: Planes, side: int, frames: int, far_frames: int = 0, seed: int = 0
    ) -> None:
        heads = {path: head_of(path) for path in sorted(folder.glob("*.safetensors"))}
        self._videos = [(path, *head) for path, head in heads.items() if head[0] >= frames]
        if not self._videos:
            raise ValueError(f"no video of {frames} frames or more in {folder}; it holds {len(heads)} videos")
        self._layout, self._side, self._frames = layout, side, frames
        self._far_frames, self._seed = far_frames, seed

    def __getitem__(self, number: int) -> Clip:
        """Return clip `number`."""
        random = np.random.default_rng([self._seed, number])
        path, length, references = self._videos[int(random.integers(len(self._videos)))]
        first = int(random.integers(length - self._frames + 1))
        chosen = far_reference(references, first, self._frames, self._far_frames, random)
        video = PackedVideo.load(path, slice(first, first + self._frames), chosen)
        return video.clip(self._layout, self._side)


class ShapeClips:
    """Fake `Clips`: moving figures drawn on the spot, no two alike. See `training.video.shapes`."""

    def __init__(self, layout: Planes, side: int, frames: int, seed: int = 0) -> None:
        self._layout, self._side, self._frames, self._seed = layout, side, frames, seed

    def __getitem__(self, number: int) -> Clip:
        """Return clip `number`."""
        video = draw_video(np.random.default_rng([self._seed, number]), self._frames, self._side)
        return video.clip(self._layout, self._side)


def far_reference(
    references: np.ndarray, first: int, frames: int, far_frames: int, random: np.random.Generator
) -> int:
    """Choose a reference that is no neighbour of the clip.

    Args:
        references: frame number of each reference; `OTHER` is far from everything.
        first: first frame of the clip.
        frames: its length.
        far_frames: least distance to every one of its frames.
        random: chooses among those that are far enough.
    """
    inside = np.clip(references, first, first + frames - 1)
    distance = np.where(references == OTHER, np.iinfo(np.int32).max, np.abs(references - inside))
    far = np.flatnonzero(distance >= far_frames)
    return int(random.choice(far)) if len(far) else int(distance.argmax())
