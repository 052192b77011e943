"""The warped portrait moves what it should, and nothing else."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from models.motion.frame import MotionFrame
from models.picture import Tier
from models.portrait.landmarks import FaceFinder
from models.warp import WarpPicture
from tests.models.poses import pose


@pytest.fixture(scope="module")
def warp(avatar):
    return WarpPicture(avatar)


@pytest.fixture(scope="module")
def draw(warp):
    def draw(frame):
        return warp.step(frame, warp.init_state(), Tier.WARP)[0]

    return draw


@pytest.fixture(scope="module")
def look():
    """What the landmarker sees in a picture."""
    with FaceFinder() as finder:

        def look(picture):
            (face, *_) = finder.find(picture)
            return face

        yield look


def aperture(face):
    return float(np.linalg.norm(face.points[13, :2] - face.points[14, :2]) / face.height_px)


def openness(face):
    lids = [np.linalg.norm(face.points[u, :2] - face.points[v, :2]) for u, v in ((159, 145), (386, 374))]
    return float(np.mean(lids) / face.height_px)


def test_rest_keeps_the_person(avatar, draw):
    picture = draw(MotionFrame.rest())
    assert picture.shape == avatar.reference.shape
    assert picture.dtype == np.uint8
    assert np.abs(picture.astype(int) - avatar.reference).mean() < 3


def test_the_mouth_opens_as_told(draw, look):
    seen = [aperture(look(draw(pose(jawOpen=weight)))) for weight in (0.0, 0.3, 0.6)]
    assert seen[0] < seen[1] < seen[2]
    assert seen[2] - seen[0] > 0.06


def test_lips_close_fully(draw, look):
    assert aperture(look(draw(pose(mouthPress=0.5)))) < 0.03


def test_eyes_close(draw, look):
    wide, shut = openness(look(draw(MotionFrame.rest()))), openness(look(draw(pose(eyeBlink=1.0))))
    assert shut < 0.6 * wide


def test_gaze_turns_both_irises(draw, look):
    def irises(frame):
        face = look(draw(frame))
        return face.points[[468, 473], 0] - face.points[[33, 362], 0]

    shift = irises(pose(eyeLookOutLeft=0.5, eyeLookInRight=0.5)) - irises(MotionFrame.rest())
    assert (shift > 0.3).all(), "both towards the person's left, the picture's right"


@pytest.mark.parametrize(("turn", "axis", "sign"), [((0, 10, 0), 0, 1), ((10, 0, 0), 1, -1)])
def test_the_head_turns_and_nods(draw, look, turn, axis, sign):
    before = look(draw(MotionFrame.rest())).yaw_pitch_deg[axis]
    after = look(draw(pose({"head": turn}))).yaw_pitch_deg[axis]
    assert sign * (after - before) > 4


def test_the_background_stays_still(avatar, draw):
    still = cv2.dilate(avatar.mask, np.ones((61, 61), np.uint8)) == 0
    assert still.sum() > 1000
    moved = draw(pose({"head": (5, 8, 3), "chest": (1, 1, 1)}, jawOpen=0.4))
    np.testing.assert_array_equal(moved[still], draw(MotionFrame.rest())[still])


def test_small_motions_make_small_changes(draw):
    """No popping: frames a hundredth apart differ by a hundredth."""
    steps = [draw(pose({"head": (0, 0.1 * n, 0)}, jawOpen=0.02 * n, eyeBlink=0.02 * n)) for n in range(12)]
    change = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(steps)]
    assert max(change) < 1.5
    assert max(change) < 4 * (np.median(change) + 0.05)


def test_smaller_pictures_look_the_same(avatar, draw):
    small, _ = WarpPicture(avatar, 128).step(
        MotionFrame.rest(), WarpPicture(avatar, 128).init_state(), Tier.WARP
    )
    assert small.shape == (128, 128, 3)
    big = draw(MotionFrame.rest()).reshape(128, 4, 128, 4, 3).mean((1, 3))
    assert np.abs(small - big).mean() < 1


def test_frames_are_independent(draw):
    first = draw(pose(jawOpen=0.5))
    draw(pose({"head": (0, 9, 0)}))
    np.testing.assert_array_equal(draw(pose(jawOpen=0.5)), first)


def test_a_turn_that_bares_the_frame_is_drawn_at_once(avatar, warp):
    """The sheet's margin ends; what it bares shows the photo, and OpenCV is never asked for a NaN."""
    far = MotionFrame.named({}, {"spine": (0, 0, 25)})
    reference = warp.reference
    source = warp._sheet.source(reference, reference.pose(far), 128)
    assert np.isfinite(source).all()
