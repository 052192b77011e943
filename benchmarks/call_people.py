"""Who is called: people tracked on clips, or motion made by rules, for recorded speech or a sound like it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float32

from benchmarks.speechlike import speechlike
from models.motion.diffusion.stage import DiffusionMotion
from models.motion.stage import SAMPLES_PER_FRAME, SPEECH_RATE_HZ, Presence, SpeechChunk

MADE: Final = 6
RECORDINGS: Final = 10
TALK_S: Final = 10.0
LISTEN_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Person:
    """Motion and the sound that belongs to it."""

    name: str
    motion: Float32[np.ndarray, "frames 98"]
    sound: Float32[np.ndarray, "samples"]
    """16 kHz, 640 samples a frame."""


def made_people(speech: Path | None) -> list[Person]:
    """Return people who speak the first recordings of a folder, or a sound like speech."""
    if speech is None:
        talk = speechlike(TALK_S, SPEECH_RATE_HZ).astype(np.float32) / 32_768
        return [_made(f"made {seed}", talk, seed) for seed in range(MADE)]
    paths = [path for path in sorted(speech.iterdir()) if path.suffix in (".flac", ".wav")][:RECORDINGS]
    return [_made(path.stem, _recorded(path), seed) for seed, path in enumerate(paths)]


def _recorded(path: Path) -> Float32[np.ndarray, "samples"]:
    """Return the beginning of a recording, whole frames of it."""
    import soundfile
    import soxr

    pcm, rate_hz = soundfile.read(path, dtype="float32")
    pcm = soxr.resample(pcm, rate_hz, SPEECH_RATE_HZ)[: round(TALK_S * SPEECH_RATE_HZ)]
    return np.asarray(pcm[: len(pcm) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME], np.float32)


def tracked_people(clips: Path) -> list[Person]:
    """Return the people of a folder of clips. Tracks are kept under the visavis home."""
    from training.evaluation.clips import find_clips, fit_frames, read_sound
    from training.evaluation.track import track_clip
    from training.evaluation.tracked_face import motion_of_track

    found = []
    for path in find_clips(clips):
        motion = motion_of_track(track_clip(path))
        found.append(Person(path.stem, motion, fit_frames(read_sound(path), len(motion))))
    return found


def _made(name: str, talk: Float32[np.ndarray, "samples"], seed: int) -> Person:
    """Return somebody who speaks, then listens."""
    quiet = np.zeros(round(LISTEN_S * SPEECH_RATE_HZ), np.float32)
    stage, frames = DiffusionMotion(), []
    state = stage.init_state(seed)
    for pcm, presence in ((talk, Presence.SPEAKING), (quiet, Presence.LISTENING)):
        made, state = stage.step(
            SpeechChunk(pcm, presence, segment=int(presence == Presence.SPEAKING)), state
        )
        frames += [frame.vector() for frame in made]
    sound = np.concatenate([talk, quiet])
    return Person(name, np.stack(frames), sound[: len(frames) * SAMPLES_PER_FRAME])
