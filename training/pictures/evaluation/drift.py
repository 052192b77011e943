"""Whether a stage that remembers wanders off: colour, identity and sharpness over thousands of frames.

The person goes round the same few poses again and again. Whatever differs from one round to the next at the
same pose is drift, for the motion is the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from models.avatar import Avatar
from models.motion.frame import FPS, MotionFrame
from models.picture import Tier
from training.evaluation.figures import Figures
from training.pictures.evaluation.identity import FaceDescriber, distance
from training.pictures.evaluation.regions import regions_of
from training.pictures.evaluation.sharpness import cpbd
from training.pictures.evaluation.systems import System
from training.warp_sheet import MOTIONS

FRAMES: Final = 3000
"""Two minutes."""
BETWEEN: Final = 12
"""Frames from one pose to the next."""
STATIONS: Final = len(MOTIONS)


@dataclass(frozen=True, slots=True)
class Drift:
    """One system, pose by pose, round by round; NaN in a round that was not finished."""

    colour: Float64[np.ndarray, "rounds stations 3"]
    """Mean colour of the face's box in levels, RGB."""
    identity: Float64[np.ndarray, "rounds stations"]
    """Distance of the face's descriptor from the photo's; NaN where it is not measured."""
    sharpness: Float64[np.ndarray, "rounds stations"]
    """CPBD of the face's box."""

    def colour_apart(self) -> Float64[np.ndarray, "rounds stations"]:
        """Return the distance of each colour from the first round's, in levels."""
        return np.asarray(np.linalg.norm(self.colour - self.colour[:1], axis=-1))

    def summary(self) -> Figures:
        """Return what changed from the first round to the last, mean over the poses."""
        return {
            "rounds": float(len(self.colour)),
            "colour_apart_last": _mean(self.colour_apart()[-1]),
            "colour_apart_most": float(np.nanmax(self.colour_apart())),
            "identity_change": _mean(self.identity[-1] - self.identity[0]),
            "cpbd_change": _mean(self.sharpness[-1] - self.sharpness[0]),
        }


def measure_drift(
    avatar: Avatar, system: System, describer: FaceDescriber | None, frames: int = FRAMES
) -> Drift:
    """Let a system run, and look at it whenever it comes by a pose."""
    box = regions_of(avatar.marks, avatar.side)["face"]
    own = describer.describe(avatar.reference, avatar.marks) if describer else None
    rows: list[tuple[Float64[np.ndarray, 3], float, float]] = []
    for picture in _visits(avatar, system, frames):
        apart = (
            distance(own, describer.describe(picture, avatar.marks))
            if describer and own is not None
            else np.nan
        )
        rows.append((picture[box.box].mean((0, 1)), apart, cpbd(picture[box.box])))
    colour, identity, sharpness = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    return Drift(
        colour.reshape(-1, STATIONS, 3), identity.reshape(-1, STATIONS), sharpness.reshape(-1, STATIONS)
    )


def _visits(avatar: Avatar, system: System, frames: int) -> Iterator[UInt8[np.ndarray, "side side 3"]]:
    """Yield the picture at each pose, of whole rounds alone; at least one."""
    stage = system.open(avatar)
    state: Any = stage.init_state()
    rounds = max(frames // (BETWEEN * STATIONS), 1)
    for number, motion in enumerate(_way(rounds)):
        picture, state = stage.step(motion, state, Tier.FULL)
        if number % BETWEEN == BETWEEN - 1:
            yield picture


def _way(rounds: int) -> Iterator[MotionFrame]:
    """Go round the poses of the warp's sheet, slowing down at each."""
    poses = [MotionFrame.named(weights, turns).vector() for turns, weights in MOTIONS.values()]
    before = poses[-1]
    for number in range(rounds * STATIONS):
        here = poses[number % STATIONS]
        for step in range(1, BETWEEN + 1):
            yield MotionFrame.from_vector(_between(before, here, step / BETWEEN))
        before = here


def _between(
    one: Float32[np.ndarray, "98"], other: Float32[np.ndarray, "98"], share: float
) -> Float32[np.ndarray, "98"]:
    eased = np.float32(share * share * (3 - 2 * share))
    return np.asarray(one + eased * (other - one), np.float32)


def _mean(values: Float64[np.ndarray, "stations"]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def plot_drift(drifts: Mapping[str, Drift], path: Path) -> None:
    """Draw colour, identity and sharpness over time into a PNG file.

    Raises:
        ImportError: matplotlib is not installed (extra `plots`).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 7.0), dpi=120, layout="constrained")
    panels = figure.subplots(3, 1, sharex=True)
    titles = ("colour, levels\nfrom the first round", "identity, distance\nfrom the photo", "sharpness, CPBD")
    for name, drift in drifts.items():
        seconds = (np.arange(len(drift.colour)) + 0.5) * BETWEEN * STATIONS / FPS
        for axes, values in zip(panels, (drift.colour_apart(), drift.identity, drift.sharpness), strict=True):
            axes.plot(seconds, values.mean(1), label=name)
    for axes, title in zip(panels, titles, strict=True):
        axes.set(ylabel=title)
        axes.set_ylim(bottom=0.0)
        axes.grid(alpha=0.3)
    panels[-1].set(xlabel="seconds")
    panels[0].legend(frameon=False)
    figure.savefig(path)
