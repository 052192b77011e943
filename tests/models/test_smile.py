"""Teeth that the photo hides: how bright and of which colour they are taken to be."""

from dataclasses import replace

import numpy as np
import pytest

from models.body.rig import Region
from models.controls import smile
from models.controls.reference import open_reference
from models.controls.smile import AVERAGE_ENAMEL, find_teeth


@pytest.fixture
def hidden(monkeypatch):
    """No photo shows enough of them."""
    monkeypatch.setattr(smile, "LEAST_SHARE", 2.0)


def enamel_under(avatar, light):
    lit = np.clip(avatar.reference * np.array(light), 0, 255).astype(np.uint8)
    return find_teeth(open_reference(replace(avatar, reference=lit)))[1]


def shades(colour):
    return colour / colour.max()


def test_teeth_that_are_seen_have_their_own_colour(avatar):
    seen = enamel_under(avatar, (1, 1, 1))
    assert seen.min() > 100
    assert not np.allclose(shades(seen), shades(AVERAGE_ENAMEL), atol=0.01)


def test_hidden_teeth_are_as_bright_as_the_light(avatar, hidden):
    dark, bright = (enamel_under(avatar, (share,) * 3).max() for share in (0.5, 1.0))
    assert dark < 0.65 * bright


def test_hidden_teeth_have_half_of_the_lights_colour(avatar, hidden):
    plain, yellow = (shades(enamel_under(avatar, light)) for light in ((1, 1, 1), (1, 0.85, 0.4)))
    assert shades(AVERAGE_ENAMEL)[2] - 0.15 < plain[2]
    tint = yellow / plain
    assert tint[0] == 1.0
    assert tint[1] == pytest.approx(0.85**0.5, abs=0.04)
    assert tint[2] == pytest.approx(0.4**0.5, abs=0.06)


def test_eyes_that_lie_in_shadow_tell_nothing_of_the_light(avatar, hidden):
    reference = open_reference(avatar)
    eyes = smile._pixels_of(reference, Region.EYE_RIGHT, Region.EYE_LEFT)
    red = np.array([50, 20, 20], np.uint8)
    picture = np.where(eyes[..., None], red, avatar.reference)
    shadowed = replace(reference, avatar=replace(avatar, reference=picture))
    np.testing.assert_allclose(shades(find_teeth(shadowed)[1]), shades(AVERAGE_ENAMEL), atol=0.01)


@pytest.mark.parametrize("middle", [(-20, 256), (3, 3), (511, 600)])
def test_a_face_at_the_picture_s_edge_is_lit_by_what_shows_of_it(avatar, middle):
    reference = open_reference(avatar)
    marks = avatar.marks + np.array(middle, np.float32) - avatar.marks.mean(0)
    _, enamel = find_teeth(replace(reference, avatar=replace(avatar, marks=marks)))
    assert np.isfinite(enamel).all()
    assert enamel.max() > 30
