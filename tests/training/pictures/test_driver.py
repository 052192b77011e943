"""Landmarks of a moved body give back the motion that moved it."""

import numpy as np
import pytest

from models.body.rig import RIG_INDEX
from models.motion.frame import EXPRESSION_INDEX, MotionFrame
from models.portrait.marks import shared_marks
from training.pictures.cycle import motion_to
from training.pictures.evaluation.driver import Follower


@pytest.fixture(scope="module")
def see(warp):
    """What a perfect tracker sees when the portrait makes a motion: landmarks in pixels."""
    reference = warp.reference
    fit = reference.avatar.fit

    def project(expression, rotations):
        rest = shared_marks().rest(fit.shape, expression).astype(np.float32)
        return reference.project(reference.identity.carry(rest, RIG_INDEX["head"], rotations))[0]

    at_rest = project(fit.expression, fit.rotations)

    def see(motion):
        posed = reference.pose(motion)
        return reference.avatar.marks + project(posed.expression, posed.rotations) - at_rest

    return see


@pytest.fixture
def follower(avatar):
    return Follower(avatar, avatar.marks)


def still(frames=1):
    return np.zeros((frames, 52), np.float32)


def test_the_portrait_maps_to_itself(follower, avatar, warp):
    (pose,) = follower.follow(avatar.marks[None], still())
    assert np.abs(pose.expression - avatar.fit.expression).max() < 1e-4
    assert np.abs(pose.rotations - avatar.fit.rotations).max() < 1e-4
    posed = warp.reference.pose(motion_to(warp.reference, pose))
    assert np.abs(posed.points - warp.reference.points).max() < 0.05


def test_a_motion_is_found_again(follower, see, warp):
    told = MotionFrame.named({"jawOpen": 0.4, "mouthPucker": 0.2}, {"head": (4, 7, -3), "spine": (1, 0, 1.5)})
    (pose,) = follower.follow(see(told)[None], still())
    found = motion_to(warp.reference, pose)
    assert np.linalg.norm(see(found) - see(told), axis=1).mean() < 0.5
    jaw = EXPRESSION_INDEX["jawOpen"]
    assert found.expression[jaw] == pytest.approx(told.expression[jaw], abs=0.12)


def test_a_lost_face_keeps_its_pose(follower, see):
    told = see(MotionFrame.named({"jawOpen": 0.3}))
    lost = np.full_like(told, np.nan)
    first, second = follower.follow(np.stack([told, lost]), still(2))
    assert (first.expression == second.expression).all()
    assert (first.rotations == second.rotations).all()
