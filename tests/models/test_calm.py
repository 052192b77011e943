"""What is learned, on portraits as coarse as a cheap camera's."""

import dataclasses

import cv2
import numpy as np
import pytest

from models.controls.reference import open_reference
from models.controls.window import Window
from models.video.calm import MOUTH, SMALL, Calm, fineness
from models.video.conditions import SIDE
from tests.models.poses import pose

ACROSS = 110
"""Pixels to which a portrait is shrunk and drawn large again: those of a face in a small video."""


def coarsened(avatar):
    side = avatar.side
    small = cv2.resize(avatar.reference, (ACROSS, ACROSS), interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
    return dataclasses.replace(avatar, reference=coarse)


@pytest.fixture(scope="module")
def window(avatar):
    return Window.around_face(avatar.marks, avatar.side)


@pytest.fixture(scope="module")
def sharp(avatar, window):
    """Of a portrait with structure of one pixel: the default one's own face is small."""
    grain = np.random.default_rng(1).normal(0, 12, avatar.reference.shape)
    grained = np.clip(avatar.reference + grain, 0, 255).astype(np.uint8)
    return Calm.of(open_reference(dataclasses.replace(avatar, reference=grained)), window, SIDE)


@pytest.fixture(scope="module")
def coarse(avatar, window):
    return Calm.of(open_reference(coarsened(avatar)), window, SIDE)


@pytest.fixture(scope="module")
def added():
    """What a network might add: something broad, and something of one pixel."""
    random = np.random.default_rng(0)
    broad = cv2.resize(random.normal(0, 8, (8, 8, 3)).astype(np.float32), (SIDE, SIDE))
    return broad + random.normal(0, 8, (SIDE, SIDE, 3)).astype(np.float32)


def left_of(calm, added, avatar, moved=None):
    """Return what is left of what is added to a portrait in some pose."""
    return calm(added, open_reference(avatar).pose(pose(moved))).added


def test_fine_structure_comes_to_a_coarse_skin_but_not_to_its_eyes_and_mouth(
    sharp, coarse, added, avatar, window
):
    """There it would flicker: what moves most is drawn anew in each frame."""
    still = open_reference(avatar).pose(pose())
    assert (sharp(added, still).finer == 1).all()
    finer = coarse(added, still).finer
    eye, mouth, chin = (
        finer[tuple(value * SMALL // SIDE for value in at(avatar, window, *marks))]
        for marks in ((33, 133), (13, 14), (152,))
    )
    assert max(eye, mouth) < 0.1 < 0.7 < chin


def at(avatar, window, *marks):
    """Return the network's pixel in the middle of landmarks."""
    x, y = window.inside(avatar.marks[list(marks)], SIDE).mean(0)
    return round(float(y)), round(float(x))


def strength(picture, place):
    y, x = place
    return float(np.std(picture[y - 6 : y + 7, x - 6 : x + 7]))


def test_a_sharp_portrait_takes_all(sharp, added, avatar):
    assert left_of(sharp, added, avatar) is added


def test_a_coarse_portrait_takes_nothing_in_the_eyes_and_some_elsewhere(coarse, added, avatar, window):
    assert coarse.coarse == 1
    left = left_of(coarse, added, avatar)
    eye, chin, mouth = (at(avatar, window, *marks) for marks in ((33, 133), (152,), (13, 14)))
    shares = [strength(left, place) / strength(added, place) for place in (eye, chin, mouth)]
    assert shares[0] < 0.1 < 0.2 < shares[1] < 0.5
    assert shares[2] == pytest.approx(MOUTH.own, abs=0.08)


@pytest.fixture(scope="module")
def even():
    return np.full((SIDE, SIDE, 3), 10, np.float32)


def test_places_move_with_the_head(coarse, even, avatar):
    left, right = (calmest(left_of(coarse, even, avatar, {"head": (0, y, 0)})) for y in (-12, 12))
    assert right - left > 30


def calmest(left):
    """Return the column in which least is left of what was even, at the height of the mouth."""
    return int(left[150:168].mean(axis=(0, 2)).argmin())


def test_what_is_broad_stays_broad_and_less_of_it_around_the_mouth(coarse, even, avatar, window):
    left = left_of(coarse, even, avatar)
    assert left[at(avatar, window, 152)] == pytest.approx(7, abs=0.3)
    assert left[at(avatar, window, 13, 14)] == pytest.approx(10 * (MOUTH.own + MOUTH.broad), abs=0.3)
    assert (left[at(avatar, window, 33, 133)] < 0.5).all()


def test_fineness_falls_with_pixels_and_a_blank_picture_lacks_nothing(avatar):
    assert fineness(avatar.reference) > fineness(coarsened(avatar).reference)
    assert fineness(np.full((64, 64, 3), 90, np.uint8)) == 1.0
