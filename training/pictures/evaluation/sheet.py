"""A page to look at: people nobody trained on, each in the same eight motions, one row for each system."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from models.avatar import Avatar
from models.motion.frame import MotionFrame
from training.pictures.evaluation.restoration import settled
from training.pictures.evaluation.systems import System
from training.sheet import tile
from training.warp_sheet import MOTIONS

PEOPLE: Final = 12
TILE_PX: Final = 176


def save_sheet(path: Path, avatars: Sequence[Avatar], systems: Sequence[System], settle: int = 1) -> None:
    """Write the page; the photo stands before each row.

    Args:
        path: of a PNG or JPEG.
        avatars: the people; `PEOPLE` of them, evenly chosen, are shown.
        systems: what draws them.
        settle: how often a motion is shown before its picture counts.
    """
    pictures = [picture for row in _rows(chosen(avatars), systems, settle) for picture in row]
    Image.fromarray(tile(pictures, len(MOTIONS) + 1, TILE_PX)).save(path)


def chosen(avatars: Sequence[Avatar], people: int = PEOPLE) -> list[Avatar]:
    """Return some of them, evenly spread."""
    places = np.linspace(0, len(avatars) - 1, min(people, len(avatars))).round().astype(int)
    return [avatars[place] for place in places]


def _rows(
    avatars: Sequence[Avatar], systems: Sequence[System], settle: int
) -> Iterator[list[UInt8[np.ndarray, "side side 3"]]]:
    for avatar in avatars:
        for system in systems:
            stage = system.open(avatar)
            moved = [
                settled(stage, MotionFrame.named(weights, turns), settle)
                for turns, weights in MOTIONS.values()
            ]
            yield [avatar.reference, *moved]
