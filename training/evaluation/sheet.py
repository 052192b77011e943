"""A page to look at: for each clip the tracked aperture in black, a system's samples in colour over it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageDraw

from models.motion.frame import FPS
from training.evaluation.closures import BILABIALS
from training.evaluation.measure import TRACKED, ClipResult, Score

_WIDTH, _HEIGHT, _EDGE = 560, 150, 18
"""One panel in pixels, and what is left free above and below its curves."""
_SCALE: Final = 2
_TOP: Final = 0.14
"""Aperture at the upper edge, of the face's height."""
_SECONDS: Final = 6.0
"""Of a longer clip only these first seconds are drawn."""
_SHOWN: Final = 4
_INKS: Final = ((214, 69, 65), (31, 119, 180), (44, 140, 60), (148, 103, 189))
_GREY, _BLACK = (228, 228, 232), (20, 20, 20)


def save_sheet(path: Path, clips: Sequence[ClipResult], systems: Sequence[str]) -> None:
    """Write the page as a PNG.

    Raises:
        ValueError: No clip was measured.
    """
    if not clips:
        raise ValueError("a sheet shows clips: name a folder with --clips")
    Image.fromarray(draw_sheet(clips, systems)).save(path)


def draw_sheet(clips: Sequence[ClipResult], systems: Sequence[str]) -> UInt8[np.ndarray, "height width 3"]:
    """Draw a row for each clip and a column for each system; bilabials are grey bands."""
    rows = [np.hstack([_panel(clip, name) for name in systems]) for clip in clips]
    return np.ascontiguousarray(np.vstack(rows))


def _panel(clip: ClipResult, system: str) -> UInt8[np.ndarray, "height width 3"]:
    image = Image.new("RGB", (_SCALE * _WIDTH, _SCALE * _HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    frames = min(clip.frames, round(_SECONDS * FPS))
    _bands(draw, clip, frames)
    score = clip.scores.get(system)
    for number, aperture in enumerate(score.apertures[:_SHOWN] if score else ()):
        _line(draw, aperture[:frames], _INKS[number], 1)
    _line(draw, clip.scores[TRACKED].apertures[0][:frames], _BLACK, 2)
    draw.rectangle((0, 0, _SCALE * _WIDTH - 1, _SCALE * _HEIGHT - 1), outline=_GREY)
    draw.text((_SCALE * 6, _SCALE * 2), _title(clip, system, score), fill=_BLACK, font_size=_SCALE * 11)
    return np.asarray(image.resize((_WIDTH, _HEIGHT), Image.Resampling.LANCZOS))


def _title(clip: ClipResult, system: str, score: Score | None) -> str:
    if score is None:
        return f"{clip.name} · {system}: text unknown"
    return f"{clip.name} · {system} · r = {score.figures['aperture_correlation']:.2f} · {clip.text[:40]}"


def _bands(draw: ImageDraw.ImageDraw, clip: ClipResult, frames: int) -> None:
    for phone in clip.phones or ():
        if phone.symbol in BILABIALS and phone.start_s * FPS < frames:
            left, right = (
                _SCALE * _WIDTH * t * FPS / max(frames - 1, 1) for t in (phone.start_s, phone.end_s)
            )
            draw.rectangle((left, _SCALE * _EDGE, right, _SCALE * (_HEIGHT - 2)), fill=_GREY)


def _line(
    draw: ImageDraw.ImageDraw, aperture: Float32[np.ndarray, "frames"], ink: tuple[int, int, int], width: int
) -> None:
    """Draw a curve, broken where the face was not seen."""
    room = _SCALE * (_HEIGHT - 2 * _EDGE)
    x = np.linspace(0, _SCALE * _WIDTH, len(aperture))
    y = _SCALE * (_HEIGHT - _EDGE) - np.minimum(aperture / _TOP, 1.0) * room
    for start in range(len(aperture) - 1):
        if np.isfinite(aperture[start : start + 2]).all():
            ends = (x[start], y[start], x[start + 1], y[start + 1])
            draw.line(ends, fill=ink, width=_SCALE * width)
