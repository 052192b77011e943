"""From a track in pixels to `Curves`: the iris tells the scale, the tracker the head's turn."""

import numpy as np
from jaxtyping import Float32

from models.motion.frame import EXPRESSIONS, JOINT_INDEX, MOTION_SIZE
from training.evaluation.agreement import from_mean
from training.evaluation.curves import Curves, jaw_opening
from training.evaluation.marks import CHIN, FIRM, FOREHEAD, INNER_LOWER, INNER_UPPER, IRIS, IRIS_MM, LIPS
from training.evaluation.track import Track


def curves_of_track(track: Track) -> Curves:
    """Return what the metrics look at."""
    points_m = (
        track.points * np.array([1.0, -1.0, -1.0], np.float32) * np.float32(0.001 * mm_per_pixel(track))
    )
    # Rows times the head-to-camera matrix: each frame's points in the head's own frame.
    upright = np.einsum("tmc,tcd->tmd", points_m, track.rotation)
    upright = _steady(upright)
    flat = track.points[..., :2]
    height = np.linalg.norm(flat[:, FOREHEAD] - flat[:, CHIN], axis=1)
    aperture = np.linalg.norm(flat[:, INNER_UPPER] - flat[:, INNER_LOWER], axis=1) / height
    return Curves(
        aperture.astype(np.float32),
        jaw_opening(upright),
        (1000.0 * upright[:, LIPS, :2]).astype(np.float32),
        points_m.astype(np.float32),
        track.rotation,
        track.expression,
    )


def motion_of_track(track: Track) -> Float32[np.ndarray, "frames 98"]:
    """Return the motion that shows the tracked weights and turns of the head; rest where no face was seen."""
    motion = np.zeros((len(track.points), MOTION_SIZE), np.float32)
    known = np.isfinite(track.rotation).all(axis=(1, 2))
    head = len(EXPRESSIONS) + 3 * JOINT_INDEX["head"]
    motion[known, : len(EXPRESSIONS)] = track.expression[known]
    motion[known, head : head + 3] = from_mean(track.rotation[known]).as_rotvec()
    return motion


def mm_per_pixel(track: Track) -> float:
    """Return the scale of the tracked face, by the median width of its irises."""
    widths = [np.linalg.norm(track.points[:, a, :2] - track.points[:, b, :2], axis=1) for a, b in IRIS]
    return float(IRIS_MM / np.nanmedian(np.concatenate(widths)))


def _steady(points: Float32[np.ndarray, "frames 478 3"]) -> Float32[np.ndarray, "frames 478 3"]:
    """Put the part of the face that speech does not move at one place and one size in all frames."""
    firm = points[:, FIRM]
    centre = firm.mean(axis=1, keepdims=True)
    size = np.linalg.norm(firm - centre, axis=(1, 2))[:, None, None]
    return np.asarray((points - centre) / size * np.nanmedian(size), np.float32)
