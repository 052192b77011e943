"""Cycle-warp restoration: a photo is warped away, and a picture stage is asked to bring it back.

The stage's portrait is the pseudo-reference, whose mouth, lids and newly bared skin are the warp's
inventions; it is driven back to the pose of the photo, and the photo is the truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

import numpy as np
from jaxtyping import UInt8

from models.avatar import Avatar
from models.controls.controls import Controls, render_controls
from models.motion.frame import MotionFrame
from models.picture import PictureStage, Tier
from models.warp import WarpPicture
from training.evaluation.figures import Figures, mean_of
from training.pictures.cycle import Cycle, cycle
from training.pictures.evaluation.instruments import Instruments
from training.pictures.evaluation.score import compare, look_at, sharpness_figures
from training.pictures.evaluation.systems import System
from training.pictures.evaluation.variety import sample_deviation

ORIGINAL: Final = "original"
"""The column of the true pictures: what sharpness and steadiness are for a camera."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured of each portrait."""

    takes: int = 1
    """Pseudo-references of each photo."""
    seeds: int = 1
    """Samples of each picture, for stages that leave room to chance."""
    settle: int = 1
    """How often a motion is shown before the picture counts: for stages that remember frames."""
    seed: int = 0
    """Of the pseudo-references' poses."""


def restore(
    photo: Avatar, systems: Sequence[System], instruments: Instruments, plan: Plan
) -> dict[str, Figures]:
    """Return each system's figures on one photo, mean over the takes; the photo's own under `ORIGINAL`."""
    warp = WarpPicture(photo)
    takes = [
        _restore_take(cycle(warp, pose_seed(photo, plan, take)), systems, instruments, plan)
        for take in range(plan.takes)
    ]
    return {name: mean_of([take[name] for take in takes]) for name in takes[0]}


def pose_seed(photo: Avatar, plan: Plan, take: int) -> int:
    """Return the seed of a take's pose: every person gets poses of their own, the same in every run."""
    return crc32(f"{photo.name} {plan.seed} {take}".encode())


def _restore_take(
    task: Cycle, systems: Sequence[System], instruments: Instruments, plan: Plan
) -> dict[str, Figures]:
    photo, given = task.photo, task.pseudo.reference
    controls = render_controls(given, task.motion, photo.side)
    truth = look_at(photo.reference, photo.marks, controls, instruments)
    found: dict[str, Figures] = {ORIGINAL: sharpness_figures(truth, photo.reference)}
    for system in systems:
        samples = _samples(system, given.avatar, task.motion, plan)
        found[system.name] = mean_of([compare(truth, sample, instruments) for sample in samples])
        found[system.name] |= _variety(samples, controls, chance=system.seeded is not None)
    return found


def _samples(
    system: System, avatar: Avatar, motion: MotionFrame, plan: Plan
) -> list[UInt8[np.ndarray, "side side 3"]]:
    if system.seeded is None or plan.seeds == 1:
        return [settled(system.open(avatar), motion, plan.settle)]
    return [settled(system.seeded(avatar, seed), motion, plan.settle) for seed in range(plan.seeds)]


def settled(
    stage: PictureStage[Any], motion: MotionFrame, times: int = 1
) -> UInt8[np.ndarray, "side side 3"]:
    """Return the picture of a motion that was shown `times` times from the stage's start."""
    state = stage.init_state()
    picture, state = stage.step(motion, state, Tier.FULL)
    for _ in range(times - 1):
        picture, state = stage.step(motion, state, Tier.FULL)
    return picture


def _variety(
    samples: Sequence[UInt8[np.ndarray, "side side 3"]], controls: Controls, *, chance: bool
) -> Figures:
    """Return how far samples lie apart where the portrait shows the surface, and where it does not."""
    seen, unseen = controls.visible, (controls.semantic > 0) & ~controls.visible
    if not chance:
        return {"seen_deviation": 0.0, "unseen_deviation": 0.0}
    return {
        "seen_deviation": sample_deviation(samples, seen),
        "unseen_deviation": sample_deviation(samples, unseen),
    }
