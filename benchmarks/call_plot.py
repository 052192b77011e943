"""The plot of docs/calls.md: what is left of the lips at each rate, beside the floors of two video codecs."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.call_video import CODECS, at_the_floor

Point = tuple[float, float]
"""kbit/s on the wire, and the correlation of the lips' opening."""


def video_floors(clips: Path) -> dict[str, Point]:
    """Code every clip at a codec's floor, track what comes back, and compare the lips with the original's.

    Where no face can be found any more, nothing agrees: 0.
    """
    from training.evaluation.agreement import correlation
    from training.evaluation.clips import find_clips, read_pictures
    from training.evaluation.track import track_clip, track_pictures
    from training.evaluation.tracked_face import curves_of_track

    floors = {}
    for name in CODECS:
        rates, lips = [], []
        for path in find_clips(clips):
            video = at_the_floor(name, read_pictures(path))
            seen = curves_of_track(track_pictures(video.pictures)).aperture
            truth = curves_of_track(track_clip(path)).aperture
            rates.append(video.kbps)
            lips.append(correlation(truth, seen))
        floors[name] = (float(np.mean(rates)), float(np.mean(np.nan_to_num(lips))))
    return floors


def plot(sweep: list[dict[str, float]], default: Point, floors: dict[str, Point], path: Path) -> None:
    """Draw the figures into a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.2), dpi=120, layout="constrained")
    axes = figure.subplots()
    lips = [point["aperture"] for point in sweep]
    axes.plot([point["motion_kbps"] for point in sweep], lips, "o-", label="motion inside voice packets")
    axes.plot([point["data_channel_kbps"] for point in sweep], lips, "o--", label="motion on a data channel")
    axes.plot(*default, "*", markersize=14, label="default settings, data channel")
    for (name, point), mark in zip(floors.items(), "sD", strict=False):
        axes.plot(*point, mark, markersize=9, label=f"{name} at its coarsest, 360 × 288")
    axes.axhline(0.98, color="grey", linewidth=0.8)
    axes.set(
        xscale="log", ylim=(-0.03, 1.03), xlabel="kbit/s on the wire, all headers", ylabel="lips: correlation"
    )
    ticks = [1, 2, 4, 8, 16, 32, 64]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(loc="center right", frameon=False)
    figure.savefig(path)


def as_points(floors: dict[str, Point]) -> dict[str, Any]:
    """Return the floors as the report has them."""
    return {
        name: {"kbps": round(kbps, 2), "aperture": round(lips, 4)} for name, (kbps, lips) in floors.items()
    }
