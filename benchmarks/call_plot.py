"""The plot of docs/calls.md: what is left of the lips at each rate, beside two video codecs."""

from pathlib import Path

import numpy as np

from benchmarks.call_video import QUANTISERS, code
from training.evaluation.agreement import correlation
from training.evaluation.clips import find_clips, read_pictures
from training.evaluation.track import track_clip, track_pictures
from training.evaluation.tracked_face import curves_of_track

Point = tuple[float, float]
"""kbit/s on the wire, and the correlation of the lips' opening."""


def video_curves(clips: Path) -> dict[str, list[Point]]:
    """Code every clip with each quantiser, track what comes back, and compare the lips with the original's.

    Where no face can be found any more, nothing agrees: 0.
    """
    paths = find_clips(clips)
    return {
        name: [tuple(np.mean([_lips(path, name, q) for path in paths], axis=0).tolist()) for q in quantisers]
        for name, quantisers in QUANTISERS.items()
    }


def _lips(path: Path, name: str, quantiser: int) -> Point:
    video = code(name, quantiser, read_pictures(path))
    seen = curves_of_track(track_pictures(video.pictures)).aperture
    truth = curves_of_track(track_clip(path)).aperture
    return video.kbps, float(np.nan_to_num(correlation(truth, seen)))


def plot(sweep: list[dict[str, float]], default: Point, videos: dict[str, list[Point]], path: Path) -> None:
    """Draw the figures into a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.2), dpi=120, layout="constrained")
    axes = figure.subplots()
    lips = [point["aperture"] for point in sweep]
    axes.plot([point["motion_kbps"] for point in sweep], lips, "o-", label="motion inside voice packets")
    axes.plot([point["data_channel_kbps"] for point in sweep], lips, "o--", label="motion on a data channel")
    axes.plot(*default, "*", markersize=14, label="default settings, data channel")
    for (name, points), mark in zip(videos.items(), "sD", strict=False):
        axes.plot(*zip(*points, strict=True), f"{mark}-", label=f"{name}, from its coarsest on")
    axes.axhline(0.98, color="grey", linewidth=0.8)
    axes.set(
        xscale="log", ylim=(0.2, 1.03), xlabel="kbit/s on the wire, all headers", ylabel="lips: correlation"
    )
    ticks = [1, 2, 4, 8, 16, 32, 64, 128]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left", frameon=False)
    figure.savefig(path)


def as_points(videos: dict[str, list[Point]]) -> dict[str, list[dict[str, float]]]:
    """Return the curves as the report has them."""
    return {
        name: [{"kbps": round(kbps, 2), "aperture": round(lips, 4)} for kbps, lips in points]
        for name, points in videos.items()
    }
