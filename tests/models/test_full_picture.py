"""The full model as a picture stage: late by its window, never wrong about whose turn it is."""

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from models.motion.frame import MotionFrame
from models.picture import Tier, delay_of
from models.video.full.stage import FullPicture
from models.warp import WarpPicture
from tests.video.networks import random_model

SMALL = {"kind": "unet", "width": 8, "multiply": [1, 2], "blocks": 1, "attention": [], "heads": 2}
MOTIONS = [MotionFrame.named({"jawOpen": 0.1 * n}, {"head": (0, n, 0)}) for n in range(9)]


def play(stage, tiers):
    state, pictures = stage.init_state(), []
    for motion, tier in zip(MOTIONS, tiers, strict=False):
        picture, state = stage.step(motion, state, tier)
        pictures.append(picture)
    return pictures


def warped(avatar, size, number):
    warp = WarpPicture(avatar, avatar.side)
    picture, _ = warp.draw(warp.reference.pose(MOTIONS[number]))
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)


def test_pictures_come_with_the_delay_that_is_told(avatar):
    stage = FullPicture(avatar, [random_model(net=SMALL, side=16)], size=32)
    assert delay_of(stage) == stage.delay_frames == 3
    pictures = play(stage, [Tier.FULL] * 9)
    assert {picture.shape for picture in pictures} == {(32, 32, 3)}
    for picture in pictures[:3]:
        np.testing.assert_array_equal(picture, warped(avatar, 32, 0))
    for number, picture in enumerate(pictures[3:]):
        assert (picture != warped(avatar, 32, number)).any()
    again = play(stage, [Tier.FULL] * 9)
    np.testing.assert_array_equal(pictures, again)


def test_a_tier_without_the_model_shows_the_warp_of_the_same_frame(avatar):
    stage = FullPicture(avatar, [random_model(net=SMALL, side=16)], size=32)
    pictures = play(stage, [Tier.FULL] * 5 + [Tier.WARP] * 4)
    full = play(stage, [Tier.FULL] * 9)
    np.testing.assert_array_equal(pictures[:7], full[:7])
    for number in (7, 8):
        np.testing.assert_array_equal(pictures[number], warped(avatar, 32, number - 3))


def test_a_face_is_laid_over_the_warp_without_an_edge(avatar):
    stage = FullPicture(avatar, [random_model(net=SMALL, side=16, framing="face")], size=avatar.side)
    picture = play(stage, [Tier.FULL] * 4)[3].astype(int)
    warp = WarpPicture(avatar, avatar.side)
    beneath = warp.draw(warp.reference.pose(MOTIONS[0]))[0].astype(int)
    box = stage._window.box
    inside = np.zeros(picture.shape[:2], bool)
    inside[box] = True
    assert not (picture != beneath)[~inside].any()
    assert (picture != beneath)[inside].any(-1).mean() > 0.8
    border = np.abs(picture - beneath)[box][[0, -1]]
    assert border.max() <= 2
