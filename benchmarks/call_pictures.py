"""What people look like after a call, beside a video codec: pictures against what the camera saw.

Each clip's first face becomes its own portrait, and is moved by the motion that came over the line; so drawn
and filmed pictures show the same person doing the same. A codec codes the clip, whole or at half its size.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from benchmarks.call_link import Line, call, settings
from benchmarks.call_video import code
from models.avatar import Avatar
from models.controls.reference import open_reference
from models.motion.frame import MotionFrame
from models.picture import Tier
from models.portrait.face import CHIN, FOREHEAD
from models.portrait.landmarks import FaceFinder
from models.portrait.photo import cut_frame
from models.warp import WarpPicture
from streaming.motion.wire import WITH_VOICE
from training.evaluation.clips import find_clips, fit_frames, read_pictures, read_sound
from training.pictures.cycle import motion_to
from training.pictures.evaluation.errors import errors_of
from training.pictures.evaluation.framed import FramedClip, frame_clip
from training.pictures.evaluation.instruments import Instruments, open_instruments
from training.pictures.evaluation.regions import regions_of
from training.pictures.evaluation.score import shown

EVERY: Final = 5
"""Pictures are looked at five times a second."""
TARGETS_BPS: Final = (1000, 2000, 4000, 8000, 16_000)
CODED: Final = {
    "H.264": ((51, 2), (45, 2), (39, 2), (51, 1), (45, 1), (39, 1)),
    "VP8": ((63, 2), (50, 2), (63, 1), (50, 1)),
}
"""Quantiser, from the coarsest each codec has, and by how much the sides are made smaller."""
REGIONS: Final = ("full", "face", "mouth")
LPIPS_SIDE: Final = 256

Pictures = Iterable[UInt8[np.ndarray, "side side 3"]]
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Sitter:
    """A clip in the square of its own portrait."""

    clip: FramedClip
    true: list[UInt8[np.ndarray, "side side 3"]]
    """What is looked at."""
    motion: Float32[np.ndarray, "frames 98"]
    sound: Float32[np.ndarray, "samples"]


def measure_pictures(clips: Path) -> dict[str, list[Figures]]:
    """Return, for motion and each codec, points of kbit/s and likeness, means over the clips."""
    sitters = [_sit(frame_clip(path)) for path in find_clips(clips)]
    tools = open_instruments()
    found = {"motion": [_mean(_moved(sitter, target, tools) for sitter in sitters) for target in TARGETS_BPS]}
    for name, ways in CODED.items():
        found[name] = [_mean(_coded(sitter, name, *way, tools) for sitter in sitters) for way in ways]
    return found


def _sit(clip: FramedClip) -> Sitter:
    reference = open_reference(clip.avatar)
    rows = [motion_to(reference, pose).vector() for pose in clip.poses]
    sound = fit_frames(read_sound(clip.path), clip.first + len(rows))[640 * clip.first :]
    return Sitter(clip, list(clip.pictures())[::EVERY], np.stack(rows), sound)


def _moved(sitter: Sitter, target_bps: int, tools: Instruments) -> Figures:
    """Send motion inside voice packets, let rate control meet a target, and draw what comes."""
    config = settings(finest=0, coarsest=12, target_bps=target_bps, overhead_bytes=WITH_VOICE.overhead_bytes)
    made = call(sitter.motion, sitter.sound, config, Line(), 7)
    seconds = len(sitter.motion) / 25
    kbps = 0.008 * sum(WITH_VOICE.weigh(len(packet)) for packet in made.packets) / seconds
    return {"kbps": kbps, **_likeness(sitter, _drawn(sitter.clip.avatar, made.shown[::EVERY]), tools)}


def _drawn(
    avatar: Avatar, rows: Float32[np.ndarray, "frames 98"]
) -> Iterator[UInt8[np.ndarray, "side side 3"]]:
    warp = WarpPicture(avatar)
    state = warp.init_state()
    for row in rows:
        picture, state = warp.step(MotionFrame.from_vector(row), state, Tier.WARP)
        yield picture


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


def _likeness(sitter: Sitter, pictures: Pictures, tools: Instruments) -> Figures:
    """Compare pictures with what the camera saw; the portrait's own is left out."""
    rows = []
    with FaceFinder(1) as finder:
        for number, (true, made) in enumerate(zip(sitter.true, pictures, strict=False)):
            marks = sitter.clip.marks[number * EVERY]
            if number and np.isfinite(marks).all():
                rows.append(_compared(true, made, marks, finder, tools))
    return _mean(rows)


def _compared(
    true: UInt8[np.ndarray, "side side 3"],
    made: UInt8[np.ndarray, "side side 3"],
    marks: Float32[np.ndarray, "478 2"],
    finder: FaceFinder,
    tools: Instruments,
) -> Figures:
    regions, errors = regions_of(marks, true.shape[0]), errors_of(true, made)
    figures = {f"{name}_psnr_db": errors.psnr_db(regions[name].mask) for name in REGIONS if name in regions}
    figures["face_ssim"] = errors.ssim(regions["face"].mask)
    if "alex" in tools.lpips:
        cut = [shown(picture, regions["face"], LPIPS_SIDE) for picture in (true, made)]
        figures["face_lpips"] = tools.between("alex", tools.features("alex", cut[0]), cut[1])
    faces = finder.find(made)
    figures["seen"] = float(bool(faces))
    if faces:
        height = float(np.linalg.norm(marks[FOREHEAD] - marks[CHIN]))
        apart = np.linalg.norm(faces[0].points[:, :2] - marks, axis=1).mean()
        figures["landmarks_percent"] = float(100 * apart / height)
    return figures


def _mean(rows: Iterable[Figures]) -> Figures:
    kept = list(rows)
    names = {name for row in kept for name in row}
    return {name: float(np.mean([row[name] for row in kept if name in row])) for name in sorted(names)}


def plot_pictures(points: dict[str, list[Figures]], path: Path) -> None:
    """Draw likeness against kbit/s, one panel for each way to measure it."""
    from matplotlib.figure import Figure

    panels: tuple[tuple[str, str], ...] = (
        ("face_psnr_db", "face: PSNR, dB ↑"),
        ("face_lpips", "face: LPIPS ↓"),
        ("landmarks_percent", "landmarks: % of the face's height ↓"),
    )
    figure = Figure(figsize=(11, 3.6), dpi=110, layout="constrained")
    for axes, (name, label) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        for (way, rows), mark in zip(points.items(), "osD", strict=False):
            known = [row for row in rows if name in row]
            axes.plot([row["kbps"] for row in known], [row[name] for row in known], f"{mark}-", label=way)
        axes.set(xscale="log", xlabel="kbit/s on the wire", ylabel=label)
        ticks = [1, 2, 4, 8, 16, 32, 64, 128]
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    figure.axes[0].legend(frameon=False)
    figure.savefig(path)
