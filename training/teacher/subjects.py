"""`Subject`: a real person's lips, and all that the teacher's lips would know about what they said."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64

from models.motion.frame import EXPRESSIONS, FPS
from models.motion.stage import SAMPLES_PER_FRAME, Phone
from training.evaluation.agreement import correlation
from training.evaluation.body_face import aperture_of, face_points
from training.evaluation.clips import ClipError, find_clips, fit_frames, read_sound
from training.evaluation.drive import drive
from training.evaluation.energy import EnergyJaw
from training.evaluation.texts import phones_of, text_of
from training.evaluation.track import track_clip
from training.evaluation.tracked_face import curves_of_track
from training.teacher.acoustic import listen
from training.teacher.articulation import VISEMES
from training.teacher.lips import BLEND, Blend, LipsState, visemes_at
from training.teacher.prosody import hear, init_prosody

_AROUND_FRAMES: Final = 2
"""Speech begins and ends for the lips this much before and after it does for the ear."""

Score = Float64[np.ndarray, "2"]
"""Correlation over the clip, and over its speech."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One clip: what was tracked, said and heard."""

    speaker: str
    truth: Float32[np.ndarray, "frames"]
    """Tracked aperture (`training.evaluation.curves`)."""
    phones: tuple[Phone, ...]
    heard: Float32[np.ndarray, "frames 15"]
    energy: Float32[np.ndarray, "frames"]
    """Aperture of the body whose jaw follows loudness alone: the baseline."""

    @property
    def speech(self) -> slice:
        """The frames in which something is said."""
        said = [phone for phone in self.phones if phone.symbol != "SIL"]
        first, last = int(said[0].start_s * FPS), int(said[-1].end_s * FPS)
        return slice(max(0, first - _AROUND_FRAMES), last + _AROUND_FRAMES + 1)

    def score(self, made: Float32[np.ndarray, "frames"]) -> Score:
        """Return how well an aperture agrees with the tracked one."""
        return np.array([correlation(self.truth[part], made[part]) for part in (slice(None), self.speech)])


def read_subjects(folder: Path, same: Sequence[str] = ()) -> list[Subject]:
    """Track and align the clips of a folder; those named in `same` show one speaker, all others one each.

    Raises:
        ClipError: There is no clip, or one whose face or text cannot be found.
    """
    return [read_subject(path, "same" if path.stem in same else path.stem) for path in find_clips(folder)]


def read_subject(path: Path, speaker: str) -> Subject:
    """Track and align one clip. Raises `ClipError`."""
    heard = read_sound(path)
    truth = curves_of_track(track_clip(path)).aperture
    pcm = fit_frames(heard, len(truth))
    phones = phones_of(pcm, text_of(path, pcm))
    if phones is None:
        raise ClipError(f"{path.name}: its text cannot be laid on its sound")
    energy = worn_aperture(drive(EnergyJaw(), pcm, None, 0)[:, : len(EXPRESSIONS)])
    return Subject(speaker, truth, phones, heard_visemes(pcm.reshape(-1, SAMPLES_PER_FRAME)), energy)


def worn_aperture(expression: Float32[np.ndarray, "frames 52"]) -> Float32[np.ndarray, "frames"]:
    """Return how far the lips part on the mean body that wears these weights."""
    return aperture_of(face_points(expression))


def phone_visemes(
    phones: tuple[Phone, ...], frames: int, lead_s: float, blend: Blend = BLEND
) -> Float32[np.ndarray, "frames 15"]:
    """Return the mouth shapes of the phones, frame by frame."""
    state, rows = LipsState(), np.zeros((frames, len(VISEMES)), np.float32)
    for frame in range(frames):
        rows[frame], state = visemes_at(phones, frame, 1, state, lead_s, blend)
    return rows


def heard_visemes(sound: Float32[np.ndarray, "frames 640"]) -> Float32[np.ndarray, "frames 15"]:
    """Return the mouth shapes that only hear, frame by frame."""
    state, rows = init_prosody(), np.zeros((len(sound), len(VISEMES)), np.float32)
    for frame, pcm in enumerate(sound):
        voice, state = hear(pcm, state)
        rows[frame] = listen(state.window, voice.loudness, rows[max(0, frame - 1)])
    return rows
