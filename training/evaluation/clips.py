"""Talking videos as the measurement reads them: 25 pictures a second, 16 kHz sound from the first picture on.

Picture and sound of a file rarely start together, and few are at 25 fps. Both are placed by the container's
timestamps; a picture of the output is the one nearest in time.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
from jaxtyping import Float32, UInt8

from models.motion.frame import FPS
from models.motion.stage import SAMPLES_PER_FRAME, SPEECH_RATE_HZ

if TYPE_CHECKING:
    import av

SUFFIXES: Final = (".mp4", ".mpg", ".mpeg", ".webm", ".avi", ".mov", ".mkv")
LONGEST_S: Final = 60.0
"""What comes later in a clip is not measured."""
_GAP_S: Final = 0.01
"""Timestamps off by less than this are rounding: the sound runs on."""

T = TypeVar("T")


class ClipError(ValueError):
    """A clip cannot be measured; the message says why."""


def find_clips(folder: Path) -> list[Path]:
    """Return the videos of a folder, by name.

    Raises:
        ClipError: There is no such folder, or no video in it.
    """
    if not folder.is_dir():
        raise ClipError(f"no folder {folder}")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise ClipError(f"no video in {folder}; looked for: {', '.join(SUFFIXES)}")
    return paths


def is_cut(path: Path) -> bool:
    """Tell whether the clip is longer than `LONGEST_S`."""
    import av

    with av.open(str(path)) as container:
        return (container.duration or 0) / av.time_base > LONGEST_S + 1.0 / FPS


def read_pictures(path: Path) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """Yield the pictures, RGB, 25 a second, upright, for at most `LONGEST_S`."""
    for frame in at_frame_rate(_timed_pictures(path)):
        picture = frame.to_ndarray(format="rgb24")
        yield np.ascontiguousarray(np.rot90(picture, round(frame.rotation / 90)))


def at_frame_rate(timed: Iterable[tuple[float, T]]) -> Iterator[T]:
    """Yield for 0, 40, 80, … ms after the first item the item nearest in time.

    Args:
        timed: Times in seconds, rising, and items.
    """
    tick, first_s, before_s, gap_s = 0, float("nan"), float("nan"), 1.0 / FPS
    before: T | None = None
    for time_s, item in timed:
        if before is None:
            first_s = time_s
        else:
            gap_s = time_s - before_s
            while first_s + tick / FPS < before_s + gap_s / 2:
                yield before
                tick += 1
        before_s, before = time_s, item
    # The last picture stays as long as the one before it did.
    end_s = before_s + max(gap_s / 2, gap_s - 0.5 / FPS)
    while before is not None and first_s + tick / FPS < end_s:
        yield before
        tick += 1


def read_sound(path: Path) -> Float32[np.ndarray, "samples"]:
    """Return the sound at 16 kHz, mono. Sample 0 sounds when the first picture is shown.

    Raises:
        ClipError: The clip has no sound or no picture.
    """
    import soxr

    start_s = next((time_s for time_s, _ in _timed_pictures(path)), None)
    if start_s is None:
        raise ClipError(f"{path.name} has no picture that can be decoded")
    rate_hz, parts = _timed_sound(path, start_s + LONGEST_S)
    pcm = place(parts, rate_hz, start_s)[: round(LONGEST_S * rate_hz)]
    if not len(pcm):
        raise ClipError(f"{path.name} has no sound while its pictures are shown")
    return np.asarray(soxr.resample(pcm, rate_hz, SPEECH_RATE_HZ), np.float32)


def place(
    parts: Iterable[tuple[float, Float32[np.ndarray, "_"]]], rate_hz: int, start_s: float
) -> Float32[np.ndarray, "samples"]:
    """Lay pieces of sound where their times say; what comes before `start_s` is cut, gaps are silent."""
    placed: list[tuple[int, np.ndarray]] = []
    at = None
    for time_s, part in parts:
        due = round((time_s - start_s) * rate_hz)
        at = due if at is None or abs(due - at) > _GAP_S * rate_hz else at
        placed.append((at, part))
        at += len(part)
    pcm = np.zeros(max([0, *(at + len(part) for at, part in placed)]), np.float32)
    for at, part in placed:
        pcm[max(at, 0) : max(at + len(part), 0)] = part[max(-at, 0) :]
    return pcm


def fit_frames(pcm: Float32[np.ndarray, "samples"], frames: int) -> Float32[np.ndarray, "fitted"]:
    """Cut sound to `frames` frames, or let silence follow."""
    fitted = np.zeros(frames * SAMPLES_PER_FRAME, np.float32)
    fitted[: len(pcm)] = pcm[: len(fitted)]
    return fitted


def _timed_pictures(path: Path) -> Iterator[tuple[float, "av.VideoFrame"]]:
    import av

    with av.open(str(path)) as container:
        if not container.streams.video:
            raise ClipError(f"{path.name} has no picture")
        rate_hz = float(container.streams.video[0].average_rate or FPS)
        first_s, time_s = None, 0.0
        for frame in container.decode(video=0):
            time_s = time_s + 1.0 / rate_hz if frame.time is None else frame.time
            first_s = time_s if first_s is None else first_s
            if time_s >= first_s + LONGEST_S:
                return
            yield time_s, frame


def _timed_sound(path: Path, until_s: float) -> tuple[int, list[tuple[float, Float32[np.ndarray, "_"]]]]:
    import av

    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise ClipError(f"{path.name} has no sound, and motion is measured against sound")
        rate_hz = container.streams.audio[0].rate
        resampler = av.AudioResampler("fltp", "mono", rate_hz)
        parts, time_s = [], 0.0
        for frame in container.decode(audio=0):
            time_s = time_s if frame.time is None else frame.time
            for part in resampler.resample(frame):
                parts.append((time_s, part.to_ndarray()[0]))
                time_s += part.samples / rate_hz
            if time_s > until_s:
                break
    return rate_hz, parts
