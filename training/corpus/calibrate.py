"""Hold the teacher's lips against tracked people: `python -m training.corpus.calibrate GRID [--same A,B]`.

GRID is a folder of clips as `training.evaluate_lips` reads them. A grid of settings around those in
`models.motion.lips` and `articulation` is scored by Pearson's correlation with the tracked aperture, over the
clip and over its speech alone, at no lead. Printed are the present settings, the best of the grid, what
cross-validation makes of it (each speaker scored with the settings that fit the others best), and what a lead
of the lips costs or brings. The settings are not written anywhere: they are constants with reasons.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64

from models.motion.articulation import VISEMES
from models.motion.frame import FPS
from models.motion.lips import BLEND, HEARD_SHARE, Blend, shape_mouth
from models.motion.stage import Phone
from models.speech.align import Aligner
from training.evaluate_lips import (
    by_frame,
    energy_aperture,
    heard_visemes,
    parting,
    phone_visemes,
    read_clip,
    sentence_of,
    track_aperture,
)

_TONGUE: Final = [VISEMES.index(name) for name in ("TH", "DD", "nn")]
_ROUND: Final = [VISEMES.index(name) for name in ("CH", "RR", "O", "U")]
_HISS: Final = [VISEMES.index("SS")]
_LEADS_MS: Final = (0, 20, 40, 50, 60, 80, 100, 120)
_AROUND_FRAMES: Final = 2
"""Speech begins and ends for the lips this much before and after it does for the ear."""

Score = Float64[np.ndarray, "2"]
"""Correlation over the clip, and over its speech."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is varied; the defaults are the present ones."""

    smooth_s: float = BLEND.smooth_s
    short_vowel_s: float = BLEND.short_vowel_s
    tongue: float = 1.0
    """Factors on how far classes of sounds shape the mouth."""
    rounded: float = 1.0
    hiss: float = 1.0
    share: float = HEARD_SHARE

    @property
    def blend(self) -> Blend:
        """What the curves are solved with."""
        return Blend(self.smooth_s, BLEND.short_pause_s, self.short_vowel_s)


_GRID: Final = {
    "smooth_s": (0.0, 0.02, 0.04, 0.06),
    "short_vowel_s": (0.0, 0.08, 0.1),
    "tongue": (0.6, 1.0, 1.6),
    "rounded": (0.6, 1.0, 1.6),
    "hiss": (0.7, 1.0),
    "share": (0.0, 0.2, 0.35, 0.5),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """One clip: what was tracked, said and heard."""

    speaker: str
    truth: Float32[np.ndarray, "frames"]
    phones: tuple[Phone, ...]
    heard: Float32[np.ndarray, "frames 15"]
    energy: Float32[np.ndarray, "frames"]

    @property
    def speech(self) -> slice:
        """The frames in which something is said."""
        said = [phone for phone in self.phones if phone.symbol != "SIL"]
        first, last = int(said[0].start_s * FPS), int(said[-1].end_s * FPS)
        return slice(max(0, first - _AROUND_FRAMES), last + _AROUND_FRAMES + 1)

    def score(self, curve: Float32[np.ndarray, "frames"]) -> Score:
        """Return how well an aperture agrees with the tracked one."""
        return np.array([_correlation(self.truth[part], curve[part]) for part in (slice(None), self.speech)])


def _correlation(truth: Float32[np.ndarray, "n"], made: Float32[np.ndarray, "n"]) -> float:
    known = np.isfinite(truth)
    return float(np.corrcoef(truth[known], made[known])[0, 1])


def read_subjects(folder: Path, same: Sequence[str]) -> list[Subject]:
    """Track and align the clips of a folder; clips named in `same` show one speaker, all others one each.

    Raises:
        ValueError: There is no clip, or a name is no GRID sentence.
    """
    paths = sorted(folder.glob("*.mpg"))
    if not paths:
        raise ValueError(f"no .mpg clip in {folder}")
    aligner, subjects = Aligner(), []
    for path in paths:
        pictures, pcm = read_clip(path)
        truth, phones = track_aperture(pictures), aligner.align(pcm, sentence_of(path.stem))
        sound = by_frame(pcm, len(truth))
        speaker = "same" if path.stem in same else path.stem
        subjects.append(Subject(speaker, truth, phones, heard_visemes(sound), energy_aperture(sound)))
    return subjects


def aperture(
    said: Float32[np.ndarray, "frames 15"], subject: Subject, settings: Settings
) -> Float32[np.ndarray, "frames"]:
    """Return how far the teacher's lips would part."""
    said = said.copy()
    for rows, factor in ((_TONGUE, settings.tongue), (_ROUND, settings.rounded), (_HISS, settings.hiss)):
        said[:, rows] *= factor
    mouths = (
        shape_mouth(shape, heard=heard, share=settings.share)
        for shape, heard in zip(said, subject.heard, strict=True)
    )
    return np.array([parting(mouth) for mouth in mouths], np.float32)


def score_grid(subjects: Sequence[Subject]) -> tuple[list[Settings], Float64[np.ndarray, "settings clips 2"]]:
    """Score every setting of the grid on every clip, at no lead."""
    grid = [Settings(**dict(zip(_GRID, values, strict=True))) for values in product(*_GRID.values())]
    scores = np.empty((len(grid), len(subjects), 2))
    for column, subject in enumerate(subjects):
        blends = {settings.blend for settings in grid}
        said = {blend: phone_visemes(subject.phones, len(subject.truth), 0.0, blend) for blend in blends}
        for row, settings in enumerate(grid):
            scores[row, column] = subject.score(aperture(said[settings.blend], subject, settings))
    return grid, scores


def cross_validate(speakers: Sequence[str], scores: Float64[np.ndarray, "settings clips 2"]) -> Score:
    """Return the mean score of each clip with what suits the clips of other speakers best."""
    fit, names = scores.mean(axis=2), np.array(speakers)
    chosen = [int(fit[:, names != name].mean(axis=1).argmax()) for name in names]
    return scores[chosen, np.arange(len(names))].mean(axis=0)


def score_lead(subjects: Sequence[Subject], lead_s: float) -> Score:
    """Return the mean score of the present settings at a lead."""
    curves = [aperture(phone_visemes(s.phones, len(s.truth), lead_s), s, Settings()) for s in subjects]
    return np.mean([s.score(curve) for s, curve in zip(subjects, curves, strict=True)], axis=0)


def main(argv: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="training.corpus.calibrate", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="GRID clips")
    parser.add_argument("--same", default="", help="clips of one speaker, comma-separated, without suffix")
    given = parser.parse_args(argv)
    subjects = read_subjects(given.folder, given.same.split(","))
    grid, scores = score_grid(subjects)
    best = int(scores.mean(axis=(1, 2)).argmax())
    _print("energy", np.mean([s.score(s.energy) for s in subjects], axis=0))
    _print("present, in sample", scores[grid.index(Settings())].mean(axis=0))
    _print("best of grid, in sample", scores[best].mean(axis=0))
    _print("cross-validated", cross_validate([s.speaker for s in subjects], scores))
    for lead_ms in _LEADS_MS:
        _print(f"present, {lead_ms} ms early", score_lead(subjects, lead_ms / 1000))
    sys.stdout.write(f"best of {len(grid)}: {asdict(grid[best])}\n")


def _print(label: str, score: Score) -> None:
    sys.stdout.write(f"{label:26} clip {score[0]:.3f}  speech {score[1]:.3f}\n")


if __name__ == "__main__":
    main()
