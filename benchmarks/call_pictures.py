"""What people look like after a call, beside a video codec: pictures against what the camera saw.

Each clip's first face becomes its own portrait, and is moved by the motion that came over the line; so drawn
and filmed pictures show the same person doing the same. A codec codes the clip, whole or at half its size.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from benchmarks.call_link import Line, call, settings
from benchmarks.call_video import code
from models.controls.reference import open_reference
from models.motion.frame import MotionFrame
from models.picture import PictureStage, Tier
from models.portrait.face import CHIN, FOREHEAD
from models.portrait.landmarks import FaceFinder
from models.portrait.photo import cut_frame
from streaming.motion.packet import Header
from streaming.motion.wire import WITH_VOICE
from training.evaluation.clips import find_clips, fit_frames, read_pictures, read_sound
from training.evaluation.figures import Figures, mean_of
from training.pictures.cycle import motion_to
from training.pictures.evaluation.framed import FramedClip, frame_clip
from training.pictures.evaluation.instruments import Instruments, open_instruments
from training.pictures.evaluation.score import Truth, compare, look_at
from training.pictures.evaluation.systems import System, open_systems

EVERY: Final = 5
"""Pictures are looked at five times a second."""
TARGETS_BPS: Final = (1000, 2000, 4000, 8000)
"""The finest quality needs less than the last."""
PLAYOUT_TICKS: Final = 7
PASSES: Final = 5
"""A clip is too short for rate control to settle: it is sent forth and back, and the last pass counts."""
CODED: Final = {
    "H.264, half size": ("H.264", (51, 45, 39), 2),
    "H.264": ("H.264", (51, 45, 39), 1),
    "VP8, half size": ("VP8", (63, 50), 2),
    "VP8": ("VP8", (63, 50), 1),
}
"""Codec, quantisers from the coarsest it has, and by how much the sides are made smaller."""
DRAWN: Final = ("warp", "learned")
"""What draws the person; the second is measured against the first."""

Picture = UInt8[np.ndarray, "side side 3"]
Points = dict[str, list[Figures]]
"""By way: figures from few bits to many."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the camera saw in one picture."""

    truth: Truth
    points: Float32[np.ndarray, "478 2"]
    """Landmarks, found as they are in what is compared."""
    height: float
    """Of the face, from forehead to chin, in pixels."""


@dataclass(frozen=True, slots=True)
class Sitter:
    """A clip in the square of its own portrait."""

    clip: FramedClip
    truths: tuple["Seen | None", ...]
    """What is looked at, prepared; None where no face is seen, and for the portrait itself."""
    motion: Float32[np.ndarray, "frames 98"]
    sound: Float32[np.ndarray, "samples"]


def measure_pictures(clips: Path, report: Callable[[str], None] = lambda name: None) -> dict[str, Any]:
    """Measure every clip.

    Args:
        clips: their folder.
        report: told each clip's name before it is measured.

    Returns:
        `clips`, how many; `points`, means over them by way: motion drawn by each of `DRAWN`, each codec, and
        `portrait`, which shows the first picture and costs nothing; `learned_less_warp`: by how much the
        figures differ at the highest rate, mean and standard error over the clips.
    """
    systems, tools, found = open_systems(DRAWN), _quick(open_instruments()), []
    for path in find_clips(clips):
        report(path.stem)
        found.append(_measure(_sit(frame_clip(path), tools), systems, tools))
    ways = found[0]
    points = {way: [mean_of([one[way][at] for one in found]) for at in range(len(ways[way]))] for way in ways}
    warp, learned = ([one[_moved_by(name)][-1] for one in found] for name in DRAWN)
    return {"clips": len(found), "points": points, "learned_less_warp": _differences(learned, warp)}


def _quick(tools: Instruments) -> Instruments:
    """Leave out what says nothing of codecs, and LPIPS over VGG, which takes most of the time."""
    return Instruments({"alex": tools.lpips["alex"]} if "alex" in tools.lpips else {}, None, tools.missing)


def _differences(some: list[Figures], others: list[Figures]) -> dict[str, tuple[float, float]]:
    """Return the mean of paired differences and its standard error, by figure."""
    found = {}
    for name in some[0]:
        apart = np.array([one[name] - other[name] for one, other in zip(some, others, strict=True)])
        found[name] = (
            float(apart.mean()),
            float(apart.std(ddof=1) / len(apart) ** 0.5) if len(apart) > 1 else 0.0,
        )
    return found


def _measure(sitter: Sitter, systems: list[System], tools: Instruments) -> Points:
    """Return every way's points for one clip."""
    found: Points = {"portrait": [{"kbps": 0.0, **_likeness(sitter, _stands(sitter), tools)}]}
    sent = [_sent(sitter, target) for target in TARGETS_BPS]
    for system in systems:
        stage = system.open(sitter.clip.avatar)
        found[_moved_by(system.name)] = [
            {"kbps": kbps, **_likeness(sitter, _drawn(stage, rows), tools)} for kbps, rows in sent
        ]
    for way, (codec, quantisers, smaller) in CODED.items():
        found[way] = [_coded(sitter, codec, quantiser, smaller, tools) for quantiser in quantisers]
    return found


def _moved_by(name: str) -> str:
    return f"motion, {name}"


def _sit(clip: FramedClip, tools: Instruments) -> Sitter:
    reference = open_reference(clip.avatar)
    rows = [motion_to(reference, pose).vector() for pose in clip.poses]
    sound = fit_frames(read_sound(clip.path), clip.first + len(rows))[640 * clip.first :]
    pictures = zip(islice(clip.pictures(), 0, None, EVERY), clip.marks[::EVERY], strict=True)
    with FaceFinder(1) as finder:
        truths = [_see(picture, marks, finder, tools) for picture, marks in pictures]
    return Sitter(clip, (None, *truths[1:]), np.stack(rows), sound)


def _see(
    picture: Picture, marks: Float32[np.ndarray, "478 2"], finder: FaceFinder, tools: Instruments
) -> Seen | None:
    faces = finder.find(picture)
    if not faces or not np.isfinite(marks).all():
        return None
    points = faces[0].points[:, :2]
    height = float(np.linalg.norm(points[FOREHEAD] - points[CHIN]))
    return Seen(look_at(picture, marks, None, tools), points, height)


def _sent(sitter: Sitter, target_bps: int) -> tuple[float, Float32[np.ndarray, "frames 98"]]:
    """Send motion inside voice packets and let rate control meet a target; return kbit/s and what comes."""
    config = settings(finest=0, coarsest=12, target_bps=target_bps, overhead_bytes=WITH_VOICE.overhead_bytes)
    length = len(sitter.motion)
    motion = np.concatenate([sitter.motion[:: 1 - 2 * (number % 2)] for number in range(PASSES)])
    made = call(motion, np.tile(sitter.sound, PASSES), config, Line(), PLAYOUT_TICKS)
    last = [packet for packet in made.packets if Header.unpack(packet).tick >= (PASSES - 1) * length]
    kbps = 0.008 * sum(WITH_VOICE.weigh(len(packet)) for packet in last) / (length / 25)
    return kbps, made.shown[-length:]


def _drawn(stage: PictureStage[Any], rows: Float32[np.ndarray, "frames 98"]) -> Iterator[Picture]:
    """Yield every fifth picture; all are drawn, for a stage may remember."""
    state = stage.init_state()
    for number, row in enumerate(rows):
        picture, state = stage.step(MotionFrame.from_vector(row), state, Tier.FULL)
        if number % EVERY == 0:
            yield picture


def _stands(sitter: Sitter) -> Iterator[Picture]:
    for _ in sitter.truths:
        yield sitter.clip.avatar.reference


def _coded(sitter: Sitter, name: str, quantiser: int, smaller: int, tools: Instruments) -> Figures:
    """Code the clip as a call would, and cut the portrait's square out of what comes back."""
    clip = sitter.clip
    camera = list(read_pictures(clip.path))[clip.first : clip.first + len(clip.poses)]
    height, width = camera[0].shape[:2]
    video = code(
        name, quantiser, [_sized(picture, width // smaller, height // smaller) for picture in camera]
    )
    back = (cut_frame(_sized(picture, width, height), clip.frame) for picture in video.pictures[::EVERY])
    return {"kbps": video.kbps, **_likeness(sitter, back, tools)}


def _sized(picture: UInt8[np.ndarray, "_ _ 3"], width: int, height: int) -> UInt8[np.ndarray, "_ _ 3"]:
    """Return the picture in another size, both sides even."""
    size = (width // 2 * 2, height // 2 * 2)
    if size == (picture.shape[1], picture.shape[0]):
        return picture
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def _likeness(sitter: Sitter, pictures: Iterable[Picture], tools: Instruments) -> Figures:
    """Compare pictures with what the camera saw."""
    with FaceFinder(1) as finder:
        return mean_of(
            [
                compare(seen.truth, made, tools) | _landmarks(seen, made, finder)
                for seen, made in zip(sitter.truths, pictures, strict=True)
                if seen is not None
            ]
        )


def _landmarks(seen: Seen, made: Picture, finder: FaceFinder) -> Figures:
    """Return whether a face is found, and how far its landmarks lie from those of the camera's picture."""
    faces = finder.find(made)
    if not faces:
        return {"found": 0.0}
    apart = np.linalg.norm(faces[0].points[:, :2] - seen.points, axis=1).mean()
    return {"found": 1.0, "landmarks_percent": float(100 * apart / seen.height)}
