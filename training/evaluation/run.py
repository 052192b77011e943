"""The whole measurement, from a folder to a report."""

from collections.abc import Callable, Sequence
from pathlib import Path

from training.corpus.piper import can_speak
from training.evaluation.clips import ClipError, find_clips
from training.evaluation.drive import Pace
from training.evaluation.generated import GeneratedResult, measure_generated
from training.evaluation.measure import ClipResult, measure_clip
from training.evaluation.report import Report
from training.evaluation.spoken import spoken_answers
from training.evaluation.systems import System, open_systems

Progress = Callable[[str, float], None]
"""Takes what is being done, and the fraction done."""


def run(
    names: Sequence[str],
    clips: Path | None,
    seeds: int,
    pace: Pace,
    progress: Progress,
    *,
    generated: bool = True,
) -> Report:
    """Measure the systems on clips, where there are any, and on what needs none.

    Raises:
        ValueError: There is no such system, or no clip of the folder can be measured.
    """
    systems = open_systems(names, pace)
    paths = find_clips(clips) if clips else []
    steps = max(len(paths) + generated * len(systems), 1)
    measured, refused = _measure_clips(paths, systems, seeds, lambda what, n: progress(what, n / steps))
    results: dict[str, GeneratedResult] = {}
    for number, system in enumerate(systems if generated else ()):
        progress(f"Generated speech: {system.name}", (len(paths) + number) / steps)
        results[system.name] = measure_generated(system, spoken_answers() if can_speak() else (), seeds)
    return Report(tuple(system.name for system in systems), seeds, pace, tuple(measured), refused, results)


def _measure_clips(
    paths: Sequence[Path], systems: Sequence[System], seeds: int, progress: Callable[[str, int], None]
) -> tuple[list[ClipResult], dict[str, str]]:
    measured: list[ClipResult] = []
    refused: dict[str, str] = {}
    for number, path in enumerate(paths):
        progress(path.name, number)
        try:
            measured.append(measure_clip(path, systems, seeds))
        except ClipError as error:
            refused[path.name] = str(error)
    if paths and not measured:
        raise ClipError("\n".join(["no clip could be measured", *refused.values()]))
    return measured, refused
