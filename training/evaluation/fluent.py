"""Fluent speech without a film of it: how well lips agree with the rules that know the text.

That is agreement with the teacher, which the learned stage was made from, and not with people. What is
measured are recordings of voices that no corpus trains on. Each sample is held against the teacher as the
same person, that is of the same seed: habits such as how far the lips lead are the same on both sides.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.motion.stage import SAMPLES_PER_FRAME, SPEECH_RATE_HZ
from training.corpus.plan import is_held_out
from training.corpus.recordings import Recording, Transcriber, found_in
from training.corpus.utterance import Utterance
from training.evaluation.agreement import correlation
from training.evaluation.body_face import curves_of_motion
from training.evaluation.closures import count_closures
from training.evaluation.curves import Curves
from training.evaluation.drive import Pace
from training.evaluation.figures import Figures, mean_of
from training.evaluation.generated import heard
from training.evaluation.systems import System, open_systems
from training.evaluation.tables import json_line

Progress = Callable[[str, float], None]
"""Takes what is being done, and the fraction done."""

TEACHER: Final = "rules"
OTHER_PERSON: Final = "another person"
"""The teacher itself with the next seed: as much as two persons who know the text agree."""


@dataclass(frozen=True, slots=True)
class FluentClip:
    """One recording, or the mean of all of them."""

    name: str
    voice: str
    seconds: float
    systems: dict[str, Figures]
    """By the system's name: agreement with the teacher, and the share of p, b and m with closed lips."""

    def as_json(self) -> str:
        """Return one line; what is not known is null."""
        return json_line(
            {"clip": self.name, "voice": self.voice, "seconds": self.seconds, "systems": self.systems}
        )


def held_out_recordings(folder: Path) -> list[Recording]:
    """Return the recordings whose voices are never trained on.

    Raises:
        ValueError: There is none.
    """
    recordings = [recording for recording in found_in(folder) if is_held_out(recording.voice)]
    if not recordings:
        raise ValueError(f"no recording of a voice that is held out in {folder}")
    return recordings


def measure_fluent(
    folder: Path, names: Sequence[str], seeds: int, pace: Pace, progress: Progress
) -> Iterator[FluentClip]:
    """Yield each recording as soon as it is measured, and their mean at the end.

    Args:
        folder: Of recordings, as `training.corpus.recordings.found_in` reads it.
        names: Of systems; see `open_systems`.
        seeds: Samples of each sound.
        pace: How the sound comes.
        progress: Told what is measured.

    Raises:
        ValueError: There is no such system, or no recording of a voice that is held out.
    """
    systems = open_systems(names, pace)
    (teacher,) = open_systems([TEACHER], pace)
    recordings, transcriber = held_out_recordings(folder), Transcriber()
    clips: list[FluentClip] = []
    for number, recording in enumerate(recordings):
        progress(recording.path.name, number / len(recordings))
        if utterance := transcriber.transcribe(recording):
            clips.append(measure_utterance(recording.path.stem, utterance, systems, teacher, seeds))
            yield clips[-1]
    yield FluentClip("mean", "", sum(clip.seconds for clip in clips), means_over(clips))


def means_over(clips: Sequence[FluentClip]) -> dict[str, Figures]:
    """Return each system's mean over the clips; closures by the sounds said, not by clip."""
    means: dict[str, Figures] = {}
    for column in dict.fromkeys(name for clip in clips for name in clip.systems):
        rows = [clip.systems[column] for clip in clips]
        said = [row for row in rows if row["bilabials"]]
        spoken = sum(row["bilabials"] for row in said)
        closed = sum(row["bilabials"] * row["closure_recall"] for row in said)
        whole = {"bilabials": spoken, "closure_recall": closed / spoken if spoken else float("nan")}
        means[column] = mean_of(rows) | whole
    return means


def measure_utterance(
    name: str, utterance: Utterance, systems: Sequence[System], teacher: System, seeds: int
) -> FluentClip:
    """Return how well systems agree with a teacher that knows the utterance's phones."""
    taught = [_curves(teacher, utterance, seed) for seed in range(seeds + 1)]
    figures = {OTHER_PERSON: _mean(taught[:-1], taught[1:], utterance)}
    for system in systems:
        made = [_curves(system, utterance, seed) for seed in range(seeds if system.seeded else 1)]
        figures[system.name] = _mean(taught[:seeds], made * (seeds // len(made)), utterance)
    length_s = len(heard(utterance)) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME / SPEECH_RATE_HZ
    return FluentClip(name, utterance.voice, length_s, figures)


def _curves(system: System, utterance: Utterance, seed: int) -> Curves:
    return curves_of_motion(system.move(heard(utterance), utterance.phones, seed))


def _mean(taught: Sequence[Curves], made: Sequence[Curves], utterance: Utterance) -> Figures:
    return mean_of([_compare(truth, one, utterance) for truth, one in zip(taught, made, strict=True)])


def _compare(truth: Curves, made: Curves, utterance: Utterance) -> Figures:
    closures = count_closures(utterance.phones, made.aperture)
    return {
        "aperture_correlation": correlation(truth.aperture, made.aperture),
        "jaw_correlation": correlation(truth.jaw, made.jaw),
        "closure_recall": closures.recall,
        "bilabials": float(closures.spoken),
    }
