"""Measure systems on one clip of a real person."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float32

from models.motion.stage import Phone
from training.evaluation.body_face import curves_of_motion
from training.evaluation.clips import fit_frames, is_cut, read_sound
from training.evaluation.closings import Closings, find_closings
from training.evaluation.closures import ClosureCount, count_closures
from training.evaluation.curves import Curves
from training.evaluation.figures import Figures, agreement, habits, lagged
from training.evaluation.systems import System
from training.evaluation.texts import phones_of, text_of
from training.evaluation.track import track_clip
from training.evaluation.tracked_face import curves_of_track, motion_of_track

TRACKED: Final = "tracked"
"""The real person's own column: what the figures are for somebody who really spoke."""
WORN: Final = "worn"
"""The body wearing the person's own tracked weights and head: agreement that no system can exceed by much."""


@dataclass(frozen=True, slots=True)
class Score:
    """One system on one sound."""

    figures: Figures
    closures: ClosureCount
    """Summed over the samples."""
    closings: Closings = field(default_factory=Closings)
    lags: tuple[float, ...] = ()
    """Aperture's correlation at each of `agreement.LAGS`; empty for the person themselves."""
    apertures: tuple[Float32[np.ndarray, "frames"], ...] = ()
    """Of each sample, to be looked at."""


@dataclass(frozen=True, slots=True)
class ClipResult:
    """All systems on one clip."""

    name: str
    text: str
    phones: tuple[Phone, ...] | None
    """None where the text could not be laid on the sound: then systems that need it are left out."""
    frames: int
    cut: bool
    """The clip goes on after `LONGEST_S`; the rest is not measured."""
    scores: dict[str, Score]
    """By the system's name; `TRACKED` and `WORN` first."""


def measure_clip(path: Path, systems: Sequence[System], seeds: int) -> ClipResult:
    """Track a clip, drive the systems with its sound, and compare.

    Raises:
        ClipError: The clip has no sound, no picture, or no face.
    """
    heard = read_sound(path)
    track = track_clip(path)
    truth = curves_of_track(track)
    pcm = fit_frames(heard, len(truth))
    text = text_of(path, pcm)
    phones = phones_of(pcm, text)
    worn = curves_of_motion(motion_of_track(track))
    scores = {TRACKED: score_person(truth, phones), WORN: score_samples([worn], phones, truth)}
    for system in systems:
        if phones is not None or not system.knows_phones:
            samples = sample(system, pcm, phones, seeds)
            scores[system.name] = score_samples(samples, phones, truth)
    return ClipResult(path.stem, text, phones, len(truth), is_cut(path), scores)


def sample(
    system: System, pcm: Float32[np.ndarray, "samples"], phones: tuple[Phone, ...] | None, seeds: int
) -> list[Curves]:
    """Return the faces a system makes, one for each seed; one alone where the seed changes nothing."""
    return [curves_of_motion(system.move(pcm, phones, seed)) for seed in range(seeds if system.seeded else 1)]


def score_person(truth: Curves, phones: tuple[Phone, ...] | None) -> Score:
    """Return the person's own figures."""
    said = phones or ()
    return Score(
        habits([truth]), count_closures(said, truth.aperture), find_closings(said, [truth.aperture]),
        apertures=(truth.aperture,),
    )  # fmt: skip


def score_samples(
    samples: Sequence[Curves], phones: tuple[Phone, ...] | None, truth: Curves | None = None
) -> Score:
    """Return a system's figures; agreement only where there is a person to agree with."""
    said = phones or ()
    return Score(
        ({} if truth is None else agreement(truth, samples)) | habits(samples),
        reduce(add, [count_closures(said, one.aperture) for one in samples]),
        find_closings(said, [one.aperture for one in samples]),
        () if truth is None else lagged(truth, samples),
        tuple(one.aperture for one in samples),
    )
