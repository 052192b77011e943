"""The whole measurement of pictures, from folders to a report."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from models.avatar import Avatar
from models.portrait.errors import PortraitError
from training.evaluation.clips import ClipError, find_clips
from training.evaluation.figures import Figures
from training.pictures.evaluation.drift import FRAMES, Drift, measure_drift, plot_drift
from training.pictures.evaluation.framed import frame_clip
from training.pictures.evaluation.instruments import Instruments, open_instruments
from training.pictures.evaluation.portraits import find_portraits, fitted
from training.pictures.evaluation.reenactment import reenact
from training.pictures.evaluation.report import Report
from training.pictures.evaluation.restoration import Plan, restore
from training.pictures.evaluation.sheet import save_sheet
from training.pictures.evaluation.systems import System, open_systems

Progress = Callable[[str, float], None]
"""Takes what is being done, and the fraction done."""


SYSTEMS: Final = ("still", "warp", "learned")
"""What is measured when nothing is asked for."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be measured, and where things lie."""

    systems: tuple[str, ...] = SYSTEMS
    portraits: Path | None = None
    skip: int = 0
    """The first so many portraits are left out: those that were trained on."""
    count: int | None = None
    clips: Path | None = None
    plan: Plan = field(default_factory=Plan)
    cache: Path | None = None
    """Folder of kept avatars."""
    lpips: Path | None = None
    """Folder of LPIPS' weights."""
    sheet: Path | None = None
    drift: Path | None = None
    frames: int = FRAMES
    """Of the drift."""


def run(wish: Wish, progress: Progress) -> Report:
    """Measure the systems.

    Raises:
        ValueError: there is no such system; neither portraits nor clips are named; or none can be used.
    """
    if wish.portraits is None and wish.clips is None:
        raise ValueError("nothing to measure on: name a folder with --portraits or --clips")
    if wish.portraits is None and (wish.sheet or wish.drift):
        raise ValueError("sheet and drift show portraits: name a folder with --portraits")
    systems, instruments = open_systems(wish.systems), open_instruments(wish.lpips)
    photos = find_portraits(wish.portraits, wish.skip, wish.count) if wish.portraits else []
    clips = find_clips(wish.clips) if wish.clips else []
    steps = len(photos) + len(clips) + len(systems) * bool(wish.drift)
    bar = _Bar(progress, max(steps, 1))
    refused: dict[str, str] = {}
    avatars: list[Avatar] = []
    portraits: dict[str, dict[str, Figures]] = {}
    for avatar in _avatars(photos, wish.cache, refused, bar):
        avatars.append(avatar)
        portraits[avatar.title] = restore(avatar, systems, instruments, wish.plan)
    acted = _reenact(clips, systems, instruments, wish.cache, refused, bar)
    if not portraits and not acted:
        raise ValueError("\n".join(["nothing could be measured", *refused.values()]))
    if wish.sheet:
        save_sheet(wish.sheet, avatars, systems, wish.plan.settle)
    drifts = _drift(wish, avatars, systems, instruments, bar)
    return Report(
        tuple(one.name for one in systems), wish.plan, portraits, acted, drifts, refused, instruments.missing
    )


class _Bar:
    """Tells the progress of a known number of steps."""

    def __init__(self, progress: Progress, steps: int) -> None:
        self._progress, self._steps, self._done = progress, steps, 0

    def begin(self, what: str) -> None:
        self._progress(what, self._done / self._steps)
        self._done += 1


def _avatars(
    photos: Sequence[Path], cache: Path | None, refused: dict[str, str], bar: _Bar
) -> Iterator[Avatar]:
    for path in photos:
        bar.begin(path.name)
        try:
            yield fitted(path.read_bytes(), path.stem, cache)
        except PortraitError as error:
            refused[path.name] = str(error)


def _reenact(
    clips: Sequence[Path],
    systems: Sequence[System],
    instruments: Instruments,
    cache: Path | None,
    refused: dict[str, str],
    bar: _Bar,
) -> dict[str, dict[str, Figures]]:
    acted: dict[str, dict[str, Figures]] = {}
    for path in clips:
        bar.begin(path.name)
        try:
            acted[path.stem] = reenact(frame_clip(path, cache), systems, instruments)
        except ClipError as error:
            refused[path.name] = str(error)
    return acted


def _drift(
    wish: Wish, avatars: Sequence[Avatar], systems: Sequence[System], instruments: Instruments, bar: _Bar
) -> dict[str, Drift]:
    if wish.drift is None or not avatars:
        return {}
    drifts: dict[str, Drift] = {}
    for system in systems:
        bar.begin(f"Drift: {system.name}")
        drifts[system.name] = measure_drift(avatars[0], system, instruments.describer, wish.frames)
    plot_drift(drifts, wish.drift)
    return drifts
