"""Motion is measured on the body as a track is on a video."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.motion.frame import MotionFrame
from models.motion.stage import StillMotion
from training.evaluation.body_face import curves_of_motion, face_points
from training.evaluation.drive import Pace, drive, idle
from training.evaluation.marks import IRIS_MM
from training.evaluation.track import Track
from training.evaluation.tracked_face import curves_of_track, motion_of_track
from training.teacher.rules import RuleMotion


def face(weights=None, turns_deg=None):
    return MotionFrame.named(weights or {}, turns_deg).vector()


def test_the_aperture_grows_with_the_jaw_and_closes_over_it():
    rows = [face({"jawOpen": weight}) for weight in (0.0, 0.2, 0.4, 0.8)]
    rows += [face({"jawOpen": 0.4, "mouthClose": weight}) for weight in (0.2, 0.4)]
    aperture = curves_of_motion(np.array(rows)).aperture
    assert aperture[0] == 0.0
    assert (np.diff(aperture[:4]) > 0.03).all()
    assert aperture[2] > aperture[4] > aperture[5] == pytest.approx(0.0, abs=2e-3)


def test_the_jaw_is_seen_behind_closed_lips():
    rows = np.array([face(), face({"jawOpen": 0.4}), face({"jawOpen": 0.4, "mouthClose": 0.4})])
    jaw = curves_of_motion(rows).jaw
    assert jaw[1] - jaw[0] > 0.1
    assert jaw[2] == pytest.approx(jaw[1], abs=0.02)


def test_the_head_is_turned_by_what_its_joints_add_up_to():
    rows = np.array([face(None, {"head": (6, 0, 0), "neck": (4, 0, 0)}), face(None, {"head": (0, 7, 0)})])
    assert curves_of_motion(rows).head_deg == pytest.approx(np.array([[10, 0, 0], [0, 7, 0]]), abs=0.01)


def test_a_nod_opens_no_mouth_but_moves_the_face():
    still = curves_of_motion(np.array([face(), face(None, {"head": (10, 0, 0)})]))
    assert still.aperture[1] == still.aperture[0]
    assert np.abs(still.points_m[1] - still.points_m[0]).max() > 0.01


def turn(degrees):
    """Pitch, yaw and roll as a matrix."""
    pitch, yaw, roll = degrees
    return Rotation.from_euler("YXZ", (yaw, pitch, roll), degrees=True).as_matrix()


def seen(weights, turn_deg=(0, 0, 0), px_per_m=3000.0):
    """What a tracker would see of the body's own face."""
    points = (
        face_points(np.array([weights[:52]]))[0] @ Rotation.from_euler("xyz", turn_deg, True).as_matrix().T
    )
    return (points * (1, -1, -1) * px_per_m).astype(np.float32)


def test_a_tracked_turned_face_has_the_lips_of_a_straight_one():
    motion = [face(), face({"jawOpen": 0.3}), face({"mouthSmile": 0.5})]
    turns = [(0, 0, 0), (8, 0, 0), (0, 12, 5)]
    points = np.array([seen(weights, degrees) for weights, degrees in zip(motion, turns, strict=True)])
    rotations = np.array([turn(degrees) for degrees in turns], np.float32)
    tracked = curves_of_track(Track(points, np.array(motion)[:, :52], rotations))
    made = curves_of_motion(np.array(motion))
    # The body's iris is a little smaller than a human's, and the tracker's scale comes from it.
    size = np.ptp(tracked.lips_mm[0, :, 0]) / np.ptp(made.lips_mm[0, :, 0])
    assert size == pytest.approx(IRIS_MM / 10.7, abs=0.05)
    moved, expected = tracked.lips_mm[1] - tracked.lips_mm[0], made.lips_mm[1] - made.lips_mm[0]
    assert moved == pytest.approx(size * expected, abs=0.8)
    assert np.abs(tracked.head_deg - turns).max() < 0.01


def test_the_body_wears_what_was_tracked():
    motion = np.array([face({"jawOpen": 0.3}), face({"jawOpen": 0.1, "mouthFunnel": 0.4})])
    rotations = np.array([turn((-5, 0, 0)), turn((5, 0, 0))], np.float32)
    points = np.array([seen(weights) for weights in motion])
    worn = motion_of_track(Track(points, motion[:, :52], rotations))
    assert worn[:, :52] == pytest.approx(motion[:, :52])
    assert curves_of_motion(worn).head_deg[:, 0] == pytest.approx([-5, 5], abs=0.01)


def test_a_lost_face_is_nowhere():
    lost = Track(
        np.full((2, 478, 3), np.nan, np.float32), np.full((2, 52), np.nan, np.float32),
        np.full((2, 3, 3), np.nan, np.float32),
    )  # fmt: skip
    lost.points[0] = seen(face())
    lost.expression[0], lost.rotation[0] = 0.0, np.eye(3)
    curves = curves_of_track(lost)
    assert np.isfinite(curves.aperture).tolist() == [True, False]
    assert np.isfinite(curves.head_deg[:, 0]).tolist() == [True, False]
    assert not motion_of_track(lost).any()


def test_a_kept_track_comes_back(tmp_path):
    track = Track(
        np.ones((3, 478, 3), np.float32), np.zeros((3, 52), np.float32), np.ones((3, 3, 3), np.float32)
    )
    track.save(tmp_path / "tracks" / "one.npz")
    assert (Track.load(tmp_path / "tracks" / "one.npz").points == track.points).all()
    assert Track.load(tmp_path / "tracks" / "other.npz") is None


@pytest.mark.parametrize("chunk_frames", [1, 3, 8])
@pytest.mark.parametrize("stage", [StillMotion(), RuleMotion()])
def test_chunks_do_not_change_what_is_driven(stage, chunk_frames):
    pcm = 0.2 * np.random.default_rng(1).standard_normal(640 * 25).astype(np.float32)
    whole = drive(stage, pcm, None, 3, Pace(25, 0))
    assert drive(stage, pcm, None, 3, Pace(chunk_frames, 0)) == pytest.approx(whole)
    assert whole.shape == (25, 98)


def test_the_stage_is_told_what_follows():
    class Listening(StillMotion):
        def step(self, chunk, state):
            heard.append((len(chunk.pcm), len(chunk.ahead), chunk.segment, chunk.segment_s))
            return super().step(chunk, state)

    heard = []
    drive(Listening(), np.zeros(640 * 10, np.float32), None, 0, Pace(4, 80))
    assert [entry[2] for entry in heard[:7]] == [0] * 7
    assert heard[7:] == [(2560, 1280, 1, 0.0), (2560, 1280, 1, 0.16), (1280, 0, 1, 0.32)]


def test_waiting_has_the_asked_length():
    assert idle(StillMotion(), 7, 0, Pace(3)).shape == (7, 98)
