"""Pack photographs for training: `visavis train pictures PHOTOS OUT`.

Every photo is fitted once and kept as an avatar; then, round after round, each gives one more clip, so that a
run may begin before the last round is through. What lies there is not made again.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.progress import track

from models.avatar import CARD, load_avatar
from models.portrait.create import create_avatar
from models.portrait.errors import PortraitError
from models.warp import WarpPicture
from training.pictures.clip import make_clip

KINDS: Final = (".jpg", ".jpeg", ".png", ".webp")
AT_ONCE: Final = 2
"""Clips of a photo in each round: opening it takes as long as a clip."""
TRAIN, HELD_OUT, AVATARS = "train", "held-out", "avatars"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """The clips of one photo in one round."""

    photo: Path
    avatars: Path
    clips: tuple[Path, ...]
    """Files to write; what exists is left alone."""
    seeds: tuple[int, ...]


def pack(photos: Path, out: Path, rounds: int, held_out: int, seed: int, workers: int) -> int:
    """Write `rounds` clips of every photo, and return how many there are.

    Args:
        photos: folder of portraits, in the order of their names.
        out: gets `train`, `held-out` and `avatars`.
        rounds: clips of each photo.
        held_out: the last so many photos are never trained on.
        seed: another seed, other poses.
        workers: processes.

    Raises:
        ValueError: no photos, or all of them held out.
    """
    paths = sorted(path for path in photos.iterdir() if path.suffix.lower() in KINDS)
    if not 0 <= held_out < len(paths):
        raise ValueError(
            f"{photos} holds {len(paths)} photos ({', '.join(KINDS)}); {held_out} are to be held out"
        )
    for part in (TRAIN, HELD_OUT, AVATARS):
        (out / part).mkdir(parents=True, exist_ok=True)
    starts = range(0, rounds, AT_ONCE)
    jobs = [
        job
        for first in starts
        for job in _round(paths, out, range(first, min(first + AT_ONCE, rounds)), held_out, seed)
    ]
    with ProcessPoolExecutor(workers) as pool:
        for _ in track(pool.map(_work, jobs), "Photographs", total=len(jobs)):
            pass
    return sum(1 for part in (TRAIN, HELD_OUT) for _ in (out / part).glob("*.safetensors"))


def _round(paths: list[Path], out: Path, numbers: range, held_out: int, seed: int) -> Iterator[Job]:
    for index, path in enumerate(paths):
        part = HELD_OUT if index >= len(paths) - held_out else TRAIN
        names = {number: out / part / f"{index:04d}-{number:03d}.safetensors" for number in numbers}
        missing = {number: clip for number, clip in names.items() if not clip.exists()}
        if missing:
            seeds = tuple(seed + 1_000_003 * index + number for number in missing)
            yield Job(path, out / AVATARS, tuple(missing.values()), seeds)


def _work(job: Job) -> None:
    name = job.photo.stem.lower()
    try:
        if not (job.avatars / name / CARD).exists():
            create_avatar(job.photo, name, job.avatars, progress=lambda *_: None)
        warp = WarpPicture(load_avatar(job.avatars / name))
        for clip, seed in zip(job.clips, job.seeds, strict=True):
            make_clip(warp, seed).save(clip)
    except PortraitError as error:
        _log.warning("%s is left out: %s", job.photo.name, error)
