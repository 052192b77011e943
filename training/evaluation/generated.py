"""Measure systems without any clip: on generated speech, on sounds that are no speech, and while waiting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Final

import numpy as np
from jaxtyping import Float32

from models.motion.frame import FPS
from models.motion.stage import SAMPLES_PER_FRAME
from training.corpus.sound import to_float
from training.corpus.utterance import Utterance
from training.evaluation.body_face import curves_of_motion
from training.evaluation.clips import fit_frames
from training.evaluation.drive import idle
from training.evaluation.figures import Figures, habits, mean_of
from training.evaluation.measure import Score, sample, score_samples
from training.evaluation.sounds import other_sounds, over_music
from training.evaluation.systems import System

OTHER_S: Final = 10.0
IDLE_S: Final = 60.0
OVER_MUSIC: Final = "speech over music"
MUSIC_DB: Final = 5.0
"""Power of that speech over that of its music."""


@dataclass(frozen=True, slots=True)
class GeneratedResult:
    """One system on what needs no recording."""

    speech: Score | None
    """None without a voice that could speak."""
    openings: dict[str, float]
    """For each sound that is no speech, driven as if it were: its mean opening over speech's."""
    movements: dict[str, float]
    """The same of the opening's standard deviation over time: a mouth that hangs open does not yet talk.
    `OVER_MUSIC` is speech, and should move the lips as speech does."""
    idle: Figures
    """While nobody speaks."""


def measure_generated(
    system: System,
    answers: Sequence[Utterance],
    seeds: int,
    other_s: float = OTHER_S,
    idle_s: float = IDLE_S,
) -> GeneratedResult:
    """Measure one system.

    Args:
        system: What is measured.
        answers: Speech with its phones; may be empty.
        seeds: Samples of each answer.
        other_s: Length of each sound that is no speech.
        idle_s: How long to wait.
    """
    scores = [_score_answer(system, answer, seeds) for answer in answers]
    speech = _together(scores) if scores else None
    sounds = other_sounds(other_s)
    if answers:
        sounds[OVER_MUSIC] = over_music(
            heard(answers[0])[: round(other_s * FPS) * SAMPLES_PER_FRAME], MUSIC_DB
        )
    driven = {name: habits(sample(system, pcm, None, seeds)) for name, pcm in sounds.items()}
    waiting = curves_of_motion(idle(system.stage, round(idle_s * FPS), 0, system.pace))
    return GeneratedResult(
        speech, _over(speech, driven, "opening"), _over(speech, driven, "opening_std"), habits([waiting])
    )


def _over(speech: Score | None, driven: Mapping[str, Figures], figure: str) -> dict[str, float]:
    """Return a figure of each sound as a share of the same figure of speech."""
    unit = speech.figures[figure] if speech else 0.0
    return {name: figures[figure] / unit if unit > 1e-6 else float("nan") for name, figures in driven.items()}


def _score_answer(system: System, answer: Utterance, seeds: int) -> Score:
    return score_samples(sample(system, heard(answer), answer.phones, seeds), answer.phones)


def heard(answer: Utterance) -> Float32[np.ndarray, "samples"]:
    """Return an answer's sound in whole frames."""
    return fit_frames(to_float(answer.pcm), -(-len(answer.pcm) // SAMPLES_PER_FRAME))


def _together(scores: Sequence[Score]) -> Score:
    return Score(
        mean_of([score.figures for score in scores]),
        reduce(add, [score.closures for score in scores]),
        reduce(add, [score.closings for score in scores]),
    )
