from dataclasses import replace

import numpy as np
import pytest

from models.body.expression import ExpressionMap
from models.body.rig import Region
from models.controls.controls import CLASSES, _seen, render_controls
from models.controls.reference import SKIN_MARKS, open_reference
from models.motion.frame import MotionFrame
from models.portrait.face import CHIN
from tests.models.poses import pose


@pytest.fixture(scope="module")
def reference(avatar):
    return open_reference(avatar)


def test_the_residual_meets_the_landmarks(avatar, reference):
    """The nearest vertex's residual takes every landmark to within a pixel."""
    from models.body.rig import RIG_INDEX
    from models.camera import project
    from models.portrait.marks import shared_marks

    marks, fit = shared_marks(), avatar.fit
    rest = marks.rest(fit.shape, fit.expression)
    posed = reference.identity.carry(rest.astype(np.float32), RIG_INDEX["head"], fit.rotations)
    seen, _ = project(posed, fit.translation, fit.focal_px, avatar.side)
    before = seen[:SKIN_MARKS]
    raw = reference.points - reference.residual
    nearest = ((raw[:, None] - before[None]) ** 2).sum(-1).argmin(0)
    after = before + reference.residual[nearest]
    wanted = avatar.marks[:SKIN_MARKS]
    left, was = (np.linalg.norm(points - wanted, axis=1).mean() for points in (after, before))
    assert left < 0.5 * was


def test_shapes_and_classes(reference):
    controls = render_controls(reference, pose(jawOpen=0.7), 128)
    assert controls.dense.shape == (128, 128, 3)
    assert controls.one_hot().shape == (CLASSES, 128, 128)
    np.testing.assert_array_equal(controls.one_hot().sum(0), 1)
    assert {0, Region.TORSO + 1, Region.HEAD + 1, Region.MOUTH + 1} <= set(np.unique(controls.semantic))
    assert (controls.dense >= 0).all()
    assert (controls.dense <= 1.0001).all()
    assert (controls.warp[~controls.visible] == 0).all()


def test_the_warp_of_the_reference_is_the_reference(avatar, reference):
    """Without any motion of lids, lips or joints the partial warp shows the photo's own pixels."""
    same = ExpressionMap(avatar.fit.expression, np.zeros(52, np.float32))
    controls = render_controls(replace(reference, mapping=same), MotionFrame.rest(), avatar.side)
    shown = controls.visible
    assert shown.mean() > 0.25
    difference = np.abs(controls.warp.astype(int) - avatar.reference)[shown]
    assert difference.mean() < 0.5


def test_an_open_mouth_is_not_visible_in_a_closed_one(avatar, reference):
    """The chin sinks, and the inside of the mouth has no colour in the photo."""
    closed = render_controls(reference, pose(mouthPress=0.2), 256)
    opened = render_controls(reference, pose(jawOpen=0.9), 256)
    mouth = (Region.MOUTH + 1, Region.TONGUE + 1)
    inside = np.isin(opened.semantic, mouth)
    assert inside.sum() > np.isin(closed.semantic, mouth).sum()
    x, y = (avatar.marks[CHIN] / 2).astype(int)
    assert opened.semantic[y + 2, x] == Region.HEAD + 1
    assert not opened.visible[inside].all()


def test_background_beside_the_outline_is_never_a_colour_of_the_body(reference):
    """Beside the outline the photo has no depth to compare with, and no colour of the person."""
    beside = np.argwhere(reference.fragments.triangle < 0)[:1]
    source = (beside[:, None, ::-1] + 0.5).astype(np.float32)
    far, region = np.ones((1, 1), np.float32), np.full((1, 1), int(Region.HEAD), np.int32)
    assert not _seen(reference, source, far, region).any()
