"""Self-reenactment: the first picture of a clip, moved as the person moved, against what the camera saw."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8

from models.controls.controls import render_controls
from models.controls.reference import open_reference
from models.motion.frame import MotionFrame
from models.picture import PictureStage, Tier
from training.evaluation.agreement import correlation
from training.evaluation.figures import Figures, mean_of
from training.evaluation.track import Track, Tracker
from training.evaluation.tracked_face import curves_of_track
from training.pictures.cycle import motion_to
from training.pictures.evaluation.framed import FramedClip
from training.pictures.evaluation.instruments import Instruments
from training.pictures.evaluation.regions import BOXES, Region
from training.pictures.evaluation.restoration import ORIGINAL
from training.pictures.evaluation.score import Truth, compare, look_at, sharpness_figures
from training.pictures.evaluation.steadiness import Flicker, jitter_percent
from training.pictures.evaluation.systems import System

EVERY: Final = 5
"""LPIPS, identity and sharpness look at one picture of so many; pixels are compared in each."""


@dataclass(slots=True)
class Take:
    """One system's pictures of one clip, as far as they were seen."""

    tracker: Tracker
    stage: PictureStage[Any] | None = None
    """None for the camera itself."""
    state: Any = None
    flicker: Flicker = field(default_factory=Flicker)
    figures: list[Figures] = field(default_factory=list)

    def draw(self, motion: MotionFrame) -> UInt8[np.ndarray, "side side 3"]:
        """Make the next picture."""
        if self.stage is None:
            raise ValueError("the camera takes its pictures itself")
        picture, self.state = self.stage.step(motion, self.state, Tier.FULL)
        return picture

    def see(self, picture: UInt8[np.ndarray, "side side 3"]) -> None:
        """Note what is measured over time."""
        self.tracker.see(picture)
        self.flicker = self.flicker.add(picture)


def reenact(
    clip: FramedClip, systems: Sequence[System], instruments: Instruments, every: int = EVERY
) -> dict[str, Figures]:
    """Return each system's figures on one clip, the camera's own under `ORIGINAL`.

    The portrait's own picture is drawn but not compared: whoever shows the portrait would be perfect there.

    Args:
        clip: the clip.
        systems: what is measured.
        instruments: what looks deeper than pixels.
        every: how often they look.
    """
    reference = open_reference(clip.avatar)
    with ExitStack() as open_trackers:
        takes = {
            system.name: _take(system, clip, open_trackers.enter_context(Tracker())) for system in systems
        }
        camera = Take(open_trackers.enter_context(Tracker()))
        for number, picture in enumerate(clip.pictures()):
            motion = motion_to(reference, clip.poses[number])
            camera.see(picture)
            made = {name: take.draw(motion) for name, take in takes.items()}
            for name, take in takes.items():
                take.see(made[name])
            if number == 0 or not np.isfinite(clip.marks[number]).all():
                continue
            deep = instruments if number % every == 0 else None
            controls = render_controls(reference, motion, clip.avatar.side)
            truth = look_at(picture, clip.marks[number], controls, deep)
            for name, take in takes.items():
                take.figures.append(compare(truth, made[name], deep))
            if deep:
                camera.figures.append(sharpness_figures(truth, picture))
        return _over_time(camera, takes, _boxes(clip))


def _take(system: System, clip: FramedClip, tracker: Tracker) -> Take:
    stage = system.open(clip.avatar)
    return Take(tracker, stage, stage.init_state())


def _boxes(clip: FramedClip) -> Mapping[str, Region]:
    """Return where flicker is measured: the boxes of the portrait, which the head hardly leaves."""
    portrait: Truth = look_at(clip.avatar.reference, clip.marks[0])
    return {name: portrait.regions[name] for name in BOXES if name in portrait.regions}


def _over_time(camera: Take, takes: Mapping[str, Take], boxes: Mapping[str, Region]) -> dict[str, Figures]:
    seen = camera.tracker.track()
    found = {ORIGINAL: mean_of(camera.figures) | _steadiness(camera, camera, boxes, seen, seen)}
    for name, take in takes.items():
        track = take.tracker.track()
        found[name] = mean_of(take.figures) | _steadiness(take, camera, boxes, track, seen)
        found[name] |= _likeness(track, seen)
    return found


def _steadiness(take: Take, camera: Take, boxes: Mapping[str, Region], track: Track, seen: Track) -> Figures:
    figures = {f"{name}_flicker": take.flicker.mean(region.mask) for name, region in boxes.items()}
    jitter = jitter_percent(track.points)
    figures["jitter_percent"] = jitter
    if take is not camera:
        for name, region in boxes.items():
            figures[f"{name}_flicker_beyond"] = take.flicker.beyond(camera.flicker, region.mask)
        figures["jitter_beyond_percent"] = jitter - jitter_percent(seen.points)
    return figures


def _likeness(track: Track, seen: Track) -> Figures:
    """Return whether the landmarks of the pictures are where the camera's are."""
    made, true = curves_of_track(track), curves_of_track(seen)
    apart = np.linalg.norm(track.points[1:, :, :2] - seen.points[1:, :, :2], axis=-1)
    height = np.nanmedian(np.ptp(seen.points[:, :, 1], axis=1))
    return {
        "landmarks_apart_percent": float(100.0 * np.nanmean(apart) / height),
        "aperture_correlation": correlation(true.aperture, made.aperture),
    }
