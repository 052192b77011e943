"""What the upscaler learns from: photographs, the warp back to them, and what becomes of it.

All three as fine as the portrait is, where `training.pictures.pack` keeps them as fine as the network sees.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import UInt8
from rich.progress import track

from models.avatar import load_avatar
from models.picture import Tier
from models.video.runtime import find_runtime
from models.video.stage import LearnedPicture
from models.video.weights import PictureWeights
from models.warp import WarpPicture
from training.common.processes import open_pool
from training.pictures.cycle import cycle
from training.pictures.pack import AVATARS, COARSE_ROUNDS, coarsened, photos_in
from training.pictures.packed import Packed

SIDE_PX: Final = 256
"""Largest part of a window that is kept."""
FINE: Final = "fine"
"""Folder of these pictures beside the clips."""


@dataclass(frozen=True, slots=True)
class FinePicture(Packed):
    """A part of one picture."""

    warp: UInt8[np.ndarray, "side side 3"]
    made: UInt8[np.ndarray, "side side 3"]
    """The warp and what the picture network adds to it."""
    target: UInt8[np.ndarray, "side side 3"]


@dataclass(frozen=True, slots=True)
class Job:
    """Pictures of one person."""

    avatar: Path
    files: tuple[Path, ...]
    """To write; what exists is left alone."""
    seed: int
    weights: Path
    """Of the picture network."""


def pack_fine(
    photos: Path, clips: Path, weights: Path, *, held_out: int, pictures: int, seed: int, workers: int
) -> Path:
    """Write so many pictures of each person that is trained on, and return their folder.

    Args:
        photos: folder of portraits, in the order of their names.
        clips: of `visavis train pictures` with these photos; gets the folder.
        weights: of the picture network, as they ship.
        held_out: the last so many photos are never trained on.
        pictures: of each photo; every fourth as a bad camera would take it.
        seed: another seed, other poses.
        workers: processes.

    Raises:
        ValueError: no photos, or all of them held out.
    """
    people = photos_in(photos, held_out)[: -held_out or None]
    out = clips / FINE
    out.mkdir(exist_ok=True)
    jobs = [
        Job(
            clips / AVATARS / path.stem.lower(),
            tuple(out / f"{index:04d}-{number:03d}.safetensors" for number in range(pictures)),
            seed + 1_000_003 * index,
            weights,
        )
        for index, path in enumerate(people)
        if (clips / AVATARS / path.stem.lower()).exists()
    ]
    with open_pool(workers) as pool:
        for _ in track(pool.map(_work, jobs), "Fine pictures", total=len(jobs)):
            pass
    return out


def _work(job: Job) -> None:
    torch.set_num_threads(1)
    weights, avatar = PictureWeights.load(job.weights), load_avatar(job.avatar)
    warp = WarpPicture(avatar)
    for number, file in enumerate(job.files):
        if not file.exists():
            seed = (job.seed, number)
            coarse = number % COARSE_ROUNDS == 1
            taken = WarpPicture(coarsened(avatar, seed)) if coarse else warp
            fine_picture(taken, weights, seed).save(file)


def fine_picture(warp: WarpPicture, weights: PictureWeights, seed: tuple[int, ...]) -> FinePicture:
    """Warp a photo away and back, complete it, and cut a part out of the window.

    Args:
        warp: the photo, opened.
        weights: of the picture network.
        seed: of the pose and the part.
    """
    rng = np.random.default_rng(seed)
    there = cycle(warp, int(rng.integers(2**31)))
    stage = LearnedPicture(there.pseudo, weights, None, find_runtime("torch"))
    box, span = stage.window.box, stage.window.span
    state = stage.init_state()
    warped, made = (
        picture[box]
        for picture in (
            there.pseudo.step(there.motion, there.pseudo.init_state(), Tier.WARP)[0],
            stage.step(there.motion, state, Tier.FULL)[0],
        )
    )
    side = min(span, SIDE_PX)
    top, left = rng.integers(0, span - side + 1, 2)
    part = np.s_[top : top + side, left : left + side]
    return FinePicture(warped[part], made[part], there.photo.reference[box][part])
