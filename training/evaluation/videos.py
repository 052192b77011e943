"""Motion to look at: the same sound on several portraits, system beside system, as mp4 and as a sheet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageDraw

from models.avatar import Avatar
from models.motion.frame import FPS, MotionFrame
from models.motion.stage import SAMPLES_PER_FRAME, Phone
from models.picture import PictureStage, Tier
from models.warp import WarpPicture
from training.evaluation.clips import fit_frames, read_pictures, read_sound
from training.evaluation.movie import write_movie
from training.evaluation.systems import System
from training.evaluation.texts import phones_of, text_of
from training.evaluation.track import track_clip
from training.evaluation.tracked_face import motion_of_track
from training.sheet import tile

Picture = UInt8[np.ndarray, "side side 3"]

PANEL_PX: Final = 256
SHEET_FRAMES: Final = 12
"""Moments of the sound on a sheet, evenly spread."""
_TILE_PX: Final = 128


@dataclass(frozen=True, slots=True)
class Face:
    """A portrait that can be moved."""

    name: str
    stage: PictureStage[Any]
    window: tuple[int, int, int] | None = None
    """Top, left and side of the square that is shown, in pixels; None shows the picture."""

    @classmethod
    def close(cls, avatar: Avatar) -> Self:
        """Show an avatar's head, from near."""
        (left, top), (right, bottom) = avatar.marks.min(axis=0), avatar.marks.max(axis=0)
        side = min(round(1.4 * float(bottom - top)), avatar.side)
        corner = (round(float(c) - side / 2) for c in ((top + bottom) / 2, (left + right) / 2))
        y, x = (min(max(at, 0), avatar.side - side) for at in corner)
        return cls(avatar.name, WarpPicture(avatar), (y, x, side))


@dataclass(frozen=True, slots=True)
class Scene:
    """A sound, and what is known of who spoke it."""

    name: str
    pcm: Float32[np.ndarray, "samples"]
    """16 kHz, a whole number of frames."""
    phones: tuple[Phone, ...] | None = None
    pictures: tuple[Picture, ...] = ()
    """Of the person, `PANEL_PX` a side; empty where nobody was filmed."""
    tracked: Float32[np.ndarray, "frames 98"] | None = None
    """The person's own motion, to be worn by the portrait."""


def scene_of_clip(path: Path) -> Scene:
    """Read a talking video.

    Raises:
        ClipError: The clip has no sound, no picture, or no face.
    """
    tracked = motion_of_track(track_clip(path))
    pcm = fit_frames(read_sound(path), len(tracked))
    pictures = tuple(_panel(picture) for picture in read_pictures(path))
    return Scene(path.stem, pcm, phones_of(pcm, text_of(path, pcm)), pictures, tracked)


def film(
    scene: Scene, face: Face, systems: Sequence[System], out: Path, *, seed: int = 0, movie: bool = True
) -> Path:
    """Write `SCENE-FACE.png`, and with `movie` the `.mp4` of the same name; return the sheet.

    Columns of the video and rows of the sheet are the person if filmed, the portrait wearing their tracked
    motion, and the systems.

    Args:
        scene: What is heard.
        face: Who is seen.
        systems: What moves.
        out: Folder.
        seed: Whose habits.
        movie: Whether every frame is drawn, or those of the sheet alone.
    """
    frames = len(scene.pcm) // SAMPLES_PER_FRAME
    shown = range(frames) if movie else [int(at) for at in np.linspace(0, frames - 1, SHEET_FRAMES)]
    rows = dict(_rows(scene, face, systems, seed, list(shown)))
    out.mkdir(parents=True, exist_ok=True)
    stem = out / f"{scene.name}-{face.name}"
    if movie:
        joined = (np.hstack(column) for column in zip(*rows.values(), strict=True))
        write_movie(stem.with_suffix(".mp4"), joined, scene.pcm)
    sheet = stem.with_suffix(".png")
    Image.fromarray(_sheet(rows, scene, face)).save(sheet)
    return sheet


def _rows(
    scene: Scene, face: Face, systems: Sequence[System], seed: int, shown: Sequence[int]
) -> Iterator[tuple[str, list[Picture]]]:
    """Yield each row's title, and its pictures at the frames shown."""
    if scene.pictures:
        yield "filmed", [scene.pictures[min(at, len(scene.pictures) - 1)] for at in shown]
    if scene.tracked is not None:
        yield "tracked", _draw(face, scene.tracked, shown)
    for system in systems:
        if scene.phones is not None or not system.knows_phones:
            yield system.name, _draw(face, system.move(scene.pcm, scene.phones, seed), shown)


def _draw(face: Face, motion: Float32[np.ndarray, "frames 98"], shown: Sequence[int]) -> list[Picture]:
    state, pictures = face.stage.init_state(), []
    for at in shown:
        picture, state = face.stage.step(MotionFrame.from_vector(motion[at]), state, Tier.WARP)
        pictures.append(_panel(picture if face.window is None else _cut(picture, face.window)))
    return pictures


def _cut(
    picture: UInt8[np.ndarray, "height width 3"], window: tuple[int, int, int]
) -> UInt8[np.ndarray, "side side 3"]:
    top, left, side = window
    return picture[top : top + side, left : left + side]


def _panel(picture: UInt8[np.ndarray, "height width 3"]) -> Picture:
    """Cut the middle square, and scale it."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(picture[top : top + side, left : left + side])
    return np.asarray(square.resize((PANEL_PX, PANEL_PX), Image.Resampling.LANCZOS))


def _sheet(rows: dict[str, list[Picture]], scene: Scene, face: Face) -> UInt8[np.ndarray, "height width 3"]:
    """Lay out `SHEET_FRAMES` moments of each row, titled."""
    count = len(next(iter(rows.values())))
    chosen = [int(at) for at in np.linspace(0, count - 1, min(SHEET_FRAMES, count))]
    pictures = [row[at] for row in rows.values() for at in chosen]
    image = Image.fromarray(tile(pictures, len(chosen), _TILE_PX))
    draw = ImageDraw.Draw(image)
    seconds = len(scene.pcm) / SAMPLES_PER_FRAME / FPS
    for number, title in enumerate(rows):
        text = f"{title} · {scene.name} · {face.name} · {seconds:.1f} s"
        place = (3, number * _TILE_PX + 2)
        draw.text(place, text, fill=(255, 255, 255), stroke_width=2, stroke_fill=(0, 0, 0))
    return np.asarray(image)
