"""What MediaPipe sees of a person, picture by picture, kept under the clip's checksum."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from jaxtyping import Float32, UInt8

from models.home import home
from models.motion.frame import EXPRESSIONS, FRAME_MS
from models.portrait.face import LANDMARKS, Face
from models.tracking.tracker import FaceTracker
from training.evaluation.clips import ClipError, read_pictures

FORMAT: Final = 1
"""Raised when what is kept changes: older tracks are then made again."""


@dataclass(frozen=True, slots=True)
class Track:
    """One face over time, 25 pictures a second; NaN where none is found."""

    points: Float32[np.ndarray, "frames 478 3"]
    """Landmarks in pixels: x right, y down, z away from the camera in the same scale."""
    expression: Float32[np.ndarray, "frames 52"]
    """ARKit weights in the order of `EXPRESSIONS`."""
    rotation: Float32[np.ndarray, "frames 3 3"]
    """Head to camera; camera axes are x right, y up, z towards the viewer."""

    def save(self, path: Path) -> None:
        """Write the track; a half-written file never stays under the final name."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npz")
        np.savez(
            partial, format=FORMAT, points=self.points, expression=self.expression, rotation=self.rotation
        )
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read what `save` wrote; None where there is none of this format."""
        if not path.is_file():
            return None
        with np.load(path) as data:
            if data["format"] != FORMAT:
                return None
            return cls(data["points"], data["expression"], data["rotation"])


def track_clip(path: Path) -> Track:
    """Return the clip's track: the kept one, or a new one that is kept.

    Raises:
        ClipError: No picture of the clip shows a face.
    """
    kept = home() / "tracks" / f"{hashlib.sha256(path.read_bytes()).hexdigest()}.npz"
    track = Track.load(kept)
    if track is None:
        track = track_pictures(read_pictures(path))
        track.save(kept)
    if not np.isfinite(track.expression).any():
        raise ClipError(f"{path.name} shows no face that can be tracked")
    return track


def track_pictures(pictures: Iterable[UInt8[np.ndarray, "height width 3"]]) -> Track:
    """Track the face in pictures 40 ms apart."""
    with Tracker() as tracker:
        for picture in pictures:
            tracker.see(picture)
        return tracker.track()


class Tracker:
    """Tracks one face, picture by picture. Not thread-safe; a context manager."""

    def __init__(self) -> None:
        self._tracker = FaceTracker()
        self._rows: list[tuple[Any, Any, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the model."""
        self._tracker.close()

    def see(self, picture: UInt8[np.ndarray, "height width 3"]) -> None:
        """Look at the next picture, RGB, 40 ms after the one before."""
        self._rows.append(_row(self._tracker.see(picture, FRAME_MS * len(self._rows))))

    def track(self) -> Track:
        """Return what was seen so far."""
        points, expression, rotation = zip(*self._rows, strict=True) if self._rows else ((), (), ())
        return Track(
            np.array(points, np.float32).reshape(-1, LANDMARKS, 3),
            np.array(expression, np.float32).reshape(-1, len(EXPRESSIONS)),
            np.array(rotation, np.float32).reshape(-1, 3, 3),
        )


def _row(face: Face | None) -> tuple[Any, Any, Any]:
    if face is None:
        return np.full((LANDMARKS, 3), np.nan), np.full(len(EXPRESSIONS), np.nan), np.full((3, 3), np.nan)
    return face.points, face.expression, face.rotation
