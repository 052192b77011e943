"""Batches out of packed clips: parts of the window, mirrored, recoloured, blurred."""

from pathlib import Path
from typing import Final

import numpy as np

from models.video.conditions import SIDE
from training.pictures.clip import FRAMES
from training.pictures.config import StageConfig
from training.pictures.part import Batch, Part, batch_of, cut
from training.pictures.vary import mirrored, vary

GRID_PX: Final = 16
"""Parts begin at multiples of this, so that they lie on the network's coarsest grid."""
FACE: Final = ((150, 36), (128, 36))
"""Row and column about which most parts are drawn, and how far from it: eyes and mouth."""
ANYWHERE: Final = 0.3
"""Share of parts that lie anywhere."""


class Clips:
    """Draws batches, for ever, from the clips that lie in a folder; new ones are noticed.

    Args:
        folder: packed clips.
        seed: of everything that is drawn.
        photographs: single pictures besides the clips' own; left out, or not there, there are none.
    """

    def __init__(self, folder: Path, seed: int, photographs: Path | None = None) -> None:
        self._folder, self._singles = folder, photographs
        self._rng = np.random.default_rng(seed)
        self._paths: list[Path] = []
        self._photographs: list[Path] = []
        self.refresh()

    def refresh(self) -> None:
        """Look for new clips.

        Raises:
            ValueError: there are none.
        """
        self._paths = sorted(self._folder.glob("*.safetensors"))
        if not self._paths:
            raise ValueError(f"{self._folder} holds no clips; make them with `visavis train pictures`")
        singles = self._singles.glob("*.safetensors") if self._singles is not None else ()
        self._photographs = [*self._paths, *sorted(singles)]

    def draw(self, stage: StageConfig) -> Batch:
        """Return a batch as a stage wants it: of single frames, or of clips.

        In clips photographs stand still, which tells the temporal convolutions that a past asks for no less.
        """
        moving, twins = stage.stage == "temporal", stage.loss.mirror > 0
        clip = FRAMES if moving else 1
        parts = [self._part(stage, moving) for _ in range(stage.batch // clip // (2 if twins else 1))]
        return batch_of([*parts, *map(mirrored, parts)] if twins else parts, clip, twins)

    def whole(self, count: int) -> Batch:
        """Return the first frame of evenly chosen clips, whole and as they are."""
        step = max(1, len(self._paths) // count)
        parts = [cut(path, np.s_[:1], (0, 0), SIDE) for path in self._paths[::step][:count]]
        return batch_of(parts, 1)

    def _part(self, stage: StageConfig, moving: bool) -> Part:
        rng = self._rng
        photograph = rng.random() < stage.photographs
        paths = self._photographs if photograph else self._paths
        path = paths[rng.integers(len(paths))]
        first = 0 if photograph else int(rng.integers(1, FRAMES))
        frames = np.s_[:] if moving and not photograph else np.s_[first : first + 1]
        part = cut(path, frames, self._corner(stage.crop_px), stage.crop_px)
        if moving and photograph:
            part = part.frames(lambda frames: np.repeat(frames, FRAMES, 0))
        elif moving and rng.random() < 0.5:
            part = part.frames(lambda frames: frames[::-1])
        return vary(part, rng, stage.blurred, stage.strangers)

    def _corner(self, crop_px: int) -> tuple[int, int]:
        room = SIDE - crop_px
        if self._rng.random() < ANYWHERE:
            corner = self._rng.uniform(0, room + 1e-6, 2)
        else:
            corner = np.array([self._rng.normal(*axis) for axis in FACE]) - crop_px / 2
        top, left = np.clip(np.round(corner / GRID_PX) * GRID_PX, 0, room).astype(int)
        return int(top), int(left)
