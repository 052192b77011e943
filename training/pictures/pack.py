"""Pack photographs for training: `visavis train pictures PHOTOS OUT`.

Every photo is fitted once and kept as an avatar; then, round after round, each gives one more clip, so that a
run may begin before the last round is through. What lies there is not made again.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from rich.progress import track

from models.avatar import CARD, Avatar, load_avatar
from models.portrait.create import create_avatar
from models.portrait.errors import PortraitError
from models.warp import WarpPicture
from training.common.processes import open_pool
from training.pictures.camera import Camera
from training.pictures.clip import FRAMES, make_clip

KINDS: Final = (".jpg", ".jpeg", ".png", ".webp")
AT_ONCE: Final = 2
"""Clips of a photo in each round: opening it takes as long as a clip."""
SEVERAL: Final = 8
"""Single pictures of a photo in each round."""
TRAIN, HELD_OUT, SINGLE, AVATARS = "train", "held-out", "photographs", "avatars"
OTHER_POSES: Final = 500_000
"""Single pictures begin their seeds so much later than clips."""
COARSE_ROUNDS: Final = 4
"""Every so many rounds of single pictures each photo is one of a bad camera before it is warped: the warp's
edges are sharp beside it, as on such a portrait."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """The clips of one photo in one round."""

    photo: Path
    avatars: Path
    clips: tuple[Path, ...]
    """Files to write; what exists is left alone."""
    seeds: tuple[int, ...]
    frames: int
    """Of each clip."""
    camera: tuple[int, ...] | None = None
    """Seed of the bad camera that took the photo, if one did."""


def pack(
    photos: Path, out: Path, rounds: int, held_out: int, seed: int, workers: int, photographs: int = 0
) -> int:
    """Write `rounds` clips of every photo, and return how many clips and single pictures there are.

    Args:
        photos: folder of portraits, in the order of their names.
        out: gets `train`, `held-out` and `avatars`.
        rounds: clips of each photo.
        held_out: the last so many photos are never trained on.
        seed: another seed, other poses.
        workers: processes.
        photographs: so many single pictures of each photo that is trained on, whose truth is the photo. They
            take a fifth of a clip's space, and of them it learns the most.

    Raises:
        ValueError: no photos, or all of them held out.
    """
    paths = photos_in(photos, held_out)
    for part in (TRAIN, HELD_OUT, SINGLE, AVATARS):
        (out / part).mkdir(parents=True, exist_ok=True)
    clips = _rounds(rounds, AT_ONCE)
    jobs = [job for numbers in clips for job in _round(paths, out, numbers, held_out, seed)]
    jobs += [
        job
        for turn, numbers in enumerate(_rounds(photographs, SEVERAL))
        for job in _singles(paths, out, numbers, held_out, seed, coarse=turn % COARSE_ROUNDS == 1)
    ]
    with open_pool(workers) as pool:
        for _ in track(pool.map(_work, jobs), "Photographs", total=len(jobs)):
            pass
    return sum(1 for part in (TRAIN, HELD_OUT, SINGLE) for _ in (out / part).glob("*.safetensors"))


def photos_in(folder: Path, held_out: int) -> list[Path]:
    """Return the photos in a folder by their names, of which the last so many are held out.

    Raises:
        ValueError: no photos, or all of them held out.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in KINDS)
    if not 0 <= held_out < len(paths):
        raise ValueError(
            f"{folder} holds {len(paths)} photos ({', '.join(KINDS)}); {held_out} are to be held out"
        )
    return paths


def _rounds(count: int, at_once: int) -> list[range]:
    return [range(first, min(first + at_once, count)) for first in range(0, count, at_once)]


def _round(paths: list[Path], out: Path, numbers: range, held_out: int, seed: int) -> Iterator[Job]:
    for index, path in enumerate(paths):
        part = HELD_OUT if index >= len(paths) - held_out else TRAIN
        yield from _job(path, out, part, index, numbers, seed, FRAMES)


def _singles(
    paths: list[Path], out: Path, numbers: range, held_out: int, seed: int, *, coarse: bool
) -> Iterator[Job]:
    for index, path in enumerate(paths[: len(paths) - held_out]):
        camera = (seed, index, numbers.start) if coarse else None
        yield from _job(path, out, SINGLE, index, numbers, seed + OTHER_POSES, 1, camera)


def _job(
    path: Path,
    out: Path,
    part: str,
    index: int,
    numbers: range,
    seed: int,
    frames: int,
    camera: tuple[int, ...] | None = None,
) -> Iterator[Job]:
    names = {number: out / part / f"{index:04d}-{number:03d}.safetensors" for number in numbers}
    missing = {number: clip for number, clip in names.items() if not clip.exists()}
    if missing:
        seeds = tuple(seed + 1_000_003 * index + number for number in missing)
        yield Job(path, out / AVATARS, tuple(missing.values()), seeds, frames, camera)


def _work(job: Job) -> None:
    name = job.photo.stem.lower()
    try:
        if not (job.avatars / name / CARD).exists():
            create_avatar(job.photo, name, job.avatars, progress=lambda *_: None)
        avatar = load_avatar(job.avatars / name)
        warp = WarpPicture(avatar if job.camera is None else coarsened(avatar, job.camera))
        for clip, seed in zip(job.clips, job.seeds, strict=True):
            make_clip(warp, seed, job.frames).save(clip)
    except PortraitError as error:
        _log.warning("%s is left out: %s", job.photo.name, error)


def coarsened(avatar: Avatar, seed: tuple[int, ...]) -> Avatar:
    """Return a person as a bad camera saw them."""
    rng = np.random.default_rng(seed)
    camera = Camera.draw(rng)
    return replace(
        avatar,
        reference=camera.take(avatar.reference, rng),
        background=camera.take(avatar.background, rng),
    )
