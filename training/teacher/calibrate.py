"""Hold the teacher's lips against tracked people: `python -m training.teacher.calibrate CLIPS [--same A,B]`.

CLIPS is a folder as `visavis evaluate motion` reads it, such as one of GRID clips. The lips are put on the
mean body and measured there as on a video, for what a weight does to the lips' parting is the body's affair.
A grid of settings around those in `lips` and `articulation` is scored by Pearson's correlation with the
tracked aperture, over the clip and over its speech alone, at no lead. Printed are the present settings, the
best of the grid, what cross-validation makes of it (each speaker scored with the settings that fit the others
best), and what a lead of the lips costs or brings. Nothing is written: settings are constants with reasons.
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

from training.evaluation.clips import ClipError
from training.teacher.articulation import VISEMES
from training.teacher.lips import BLEND, HEARD_SHARE, Blend, shape_mouth
from training.teacher.subjects import Score, Subject, phone_visemes, read_subjects, worn_aperture

_TONGUE: Final = [VISEMES.index(name) for name in ("TH", "DD", "nn")]
_ROUND: Final = [VISEMES.index(name) for name in ("CH", "RR", "O", "U")]
_HISS: Final = [VISEMES.index("SS")]
_LEADS_MS: Final = (0, 20, 40, 60, 80)


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


_VARIED: Final = {
    "smooth_s": (0.0, 0.02, 0.04, 0.06),
    "short_vowel_s": (0.0, 0.08, 0.1),
    "tongue": (0.6, 1.0, 1.6),
    "rounded": (0.6, 1.0, 1.6),
    "hiss": (0.7, 1.0),
    "share": (0.0, 0.2, 0.35, 0.5),
}


def grid() -> list[Settings]:
    """Return every combination of what is varied; the present settings are among them."""
    return [Settings(**dict(zip(_VARIED, values, strict=True))) for values in product(*_VARIED.values())]


def teacher_aperture(
    said: Float32[np.ndarray, "frames 15"], heard: Float32[np.ndarray, "frames 15"], settings: Settings
) -> Float32[np.ndarray, "frames"]:
    """Return how far the teacher's lips would part on the body."""
    said = said.copy()
    for rows, factor in ((_TONGUE, settings.tongue), (_ROUND, settings.rounded), (_HISS, settings.hiss)):
        said[:, rows] *= factor
    mouths = [shape_mouth(a, heard=b, share=settings.share) for a, b in zip(said, heard, strict=True)]
    return worn_aperture(np.array(mouths))


def score_settings(
    subjects: Sequence[Subject], settings: Sequence[Settings]
) -> Float64[np.ndarray, "settings clips 2"]:
    """Score every setting on every clip, at no lead."""
    scores = np.empty((len(settings), len(subjects), 2))
    for column, subject in enumerate(subjects):
        blends = {one.blend for one in settings}
        said = {blend: phone_visemes(subject.phones, len(subject.truth), 0.0, blend) for blend in blends}
        for row, one in enumerate(settings):
            scores[row, column] = subject.score(teacher_aperture(said[one.blend], subject.heard, one))
    return scores


def cross_validate(speakers: Sequence[str], scores: Float64[np.ndarray, "settings clips 2"]) -> Score:
    """Return the mean score of each clip with what suits the clips of other speakers best."""
    fit, names = scores.mean(axis=2), np.array(speakers)
    chosen = [int(fit[:, names != name].mean(axis=1).argmax()) for name in names]
    return scores[chosen, np.arange(len(names))].mean(axis=0)


def score_lead(subjects: Sequence[Subject], lead_s: float) -> Score:
    """Return the mean score of the present settings at a lead."""
    scores = []
    for subject in subjects:
        said = phone_visemes(subject.phones, len(subject.truth), lead_s)
        scores.append(subject.score(teacher_aperture(said, subject.heard, Settings())))
    return np.mean(scores, axis=0)


def main(argv: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="training.teacher.calibrate", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("folder", type=Path, help="talking clips whose text is known")
    parser.add_argument("--same", default="", help="clips of one speaker, comma-separated, without suffix")
    given = parser.parse_args(argv)
    try:
        subjects = read_subjects(given.folder, given.same.split(","))
    except ClipError as error:
        parser.error(str(error))
    settings = grid()
    scores = score_settings(subjects, settings)
    best = int(scores.mean(axis=(1, 2)).argmax())
    _print("energy", np.mean([subject.score(subject.energy) for subject in subjects], axis=0))
    _print("present, in sample", scores[settings.index(Settings())].mean(axis=0))
    _print("best of grid, in sample", scores[best].mean(axis=0))
    _print("cross-validated", cross_validate([subject.speaker for subject in subjects], scores))
    for lead_ms in _LEADS_MS:
        _print(f"present, {lead_ms} ms early", score_lead(subjects, lead_ms / 1000))
    sys.stdout.write(f"best of {len(settings)}: {asdict(settings[best])}\n")


def _print(label: str, score: Score) -> None:
    sys.stdout.write(f"{label:26} clip {score[0]:.3f}  speech {score[1]:.3f}\n")


if __name__ == "__main__":
    main()
