"""The plots of docs/calls.md: what is left of lips and looks at each rate, beside two video codecs."""

from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.call_pictures import Points
from benchmarks.call_video import QUANTISERS, code
from training.evaluation.agreement import correlation
from training.evaluation.clips import find_clips, read_pictures
from training.evaluation.track import track_clip, track_pictures
from training.evaluation.tracked_face import curves_of_track

PANELS: Final = (
    ("face_psnr_db", "face: PSNR, dB ↑"),
    ("face_lpips_alex", "face: LPIPS ↓"),
    ("landmarks_percent", "landmarks: % of the face's height ↓"),
)
"""Figure and label of each panel of `plot_pictures`."""
CALL_KBPS: Final = (1, 16)
"""Rates that a call on a bad line has."""

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


def plot_pictures(points: Points, path: Path) -> None:
    """Draw likeness against kbit/s into a PNG file, one panel for each way to measure it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.2), dpi=110, layout="constrained")
    for axes, (name, label) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        axes.axvspan(*CALL_KBPS, color="tab:green", alpha=0.07, linewidth=0)
        (still,) = points["portrait"]
        axes.axhline(still[name], color="grey", linestyle="--", linewidth=1, label="the portrait, unmoved")
        for (way, rows), mark in zip(list(points.items())[1:], "osDd^v", strict=False):
            known = [row for row in rows if name in row]
            axes.plot([row["kbps"] for row in known], [row[name] for row in known], f"{mark}-", label=way)
        axes.set(xscale="log", xlim=(0.8, 250), xlabel="kbit/s on the wire, all headers", ylabel=label)
        ticks = [1, 2, 4, 8, 16, 32, 64, 128]
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False
    )
    figure.savefig(path)


def as_points(videos: dict[str, list[Point]]) -> dict[str, list[dict[str, float]]]:
    """Return the curves as the report has them."""
    return {
        name: [{"kbps": round(kbps, 2), "aperture": round(lips, 4)} for kbps, lips in points]
        for name, points in videos.items()
    }
