"""Lids lie where the photo's eyes end, and meet when they shut."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from models.body.body import shared_body
from models.body.rig import Region
from models.controls.eyes import Eye, middles, unmoved
from models.controls.lids import LASHES, LOWER_MARKS, OVERLAP, UPPER_MARKS, Edges
from models.controls.raster import CpuRasterizer
from models.controls.reference import open_reference
from models.motion.frame import EXPRESSION_INDEX
from models.warp import FINER, SEAM, _soften_seams
from tests.models.poses import pose

SIDES = ("Left", "Right")
CORNERS = {"Right": (33, 133), "Left": (263, 362)}
EYES = (Region.EYE_LEFT, Region.EYE_RIGHT)


@pytest.fixture(scope="module")
def reference(avatar):
    return open_reference(avatar)


def eyeballs(reference, posed):
    """Where the camera sees them."""
    side = reference.avatar.side
    triangle = (
        CpuRasterizer().rasterize(posed.points, posed.depth, reference.body.triangles, side, side).triangle
    )
    return (triangle >= 0) & np.isin(reference.body.regions[triangle], EYES)


def outlined(reference, side):
    """Fill the polygon of an eye's landmarks, less the upper lid's lashes."""
    avatar = reference.avatar
    upper = avatar.marks[list(UPPER_MARKS[side])] + (0, LASHES * reference.face_px)
    marks = np.concatenate([avatar.marks[list(CORNERS[side])], upper, avatar.marks[list(LOWER_MARKS[side])]])
    inside = np.zeros((avatar.side, avatar.side), np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(np.round(marks).astype(np.int32)), 1)
    return inside > 0


def test_eyes_are_open_where_the_photo_s_eyes_are(reference):
    """Else a rim of the eyeball counts as lid, and hangs on it when it falls."""
    seen = eyeballs(reference, reference.pose(pose()))
    wanted = outlined(reference, "Left") | outlined(reference, "Right")
    assert (seen & wanted).sum() / (seen | wanted).sum() > 0.7


def test_no_eyeball_shows_between_shut_lids(reference):
    assert not eyeballs(reference, reference.pose(pose(eyeBlink=1.0))).any()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("photo", [{}, {"eyeWide": 0.5}, {"eyeSquint": 0.5}, {"eyeBlink": 0.15}])
def test_shut_lids_meet_all_along_their_edges(avatar, side, photo):
    fit = avatar.fit
    expression = np.maximum(fit.expression, pose(**photo).expression)
    reference = open_reference(replace(avatar, fit=replace(fit, expression=expression)))
    points, edges = reference.pose(pose(eyeBlink=1.0)).points, Edges.of(side)
    upper, lower = points[edges.upper], points[edges.lower]
    lower = lower[lower[:, 0].argsort()]
    below = (upper[:, 1] - np.interp(upper[:, 0], lower[:, 0], lower[:, 1])) / reference.face_px
    np.testing.assert_allclose(below[1:-1], OVERLAP, atol=0.004)
    assert np.abs(below[[0, -1]]).max() < 2 * OVERLAP, "corners hardly move"


def test_lids_that_meet_leave_the_photo_alone(avatar, reference):
    fit = avatar.fit
    plain = shared_body().identity(fit.shape).pose(fit.expression, fit.rotations)
    np.testing.assert_allclose(reference.identity.pose(fit.expression, fit.rotations), plain, atol=1e-6)


def test_half_a_blink_is_half_of_it(reference):
    """Whatever a lid lacks, it gets in proportion."""
    lid = Edges.of("Left").upper
    moved = [reference.pose(pose(eyeBlink=weight)).points[lid, 1] for weight in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(moved[1], (moved[0] + moved[2]) / 2, atol=0.2)


def test_an_eye_that_is_turned_away_keeps_the_body_s_blink(avatar, monkeypatch):
    monkeypatch.setattr("models.controls.lids.NARROWEST", 1.0)
    monkeypatch.setattr("models.controls.lids.LIFT_M", 0.0)
    blink = EXPRESSION_INDEX["eyeBlinkLeft"]
    model = open_reference(avatar).identity.model
    np.testing.assert_array_equal(model.expression[blink], shared_body().expression[blink])


def test_a_line_where_skin_hides_skin_is_soft():
    rng = np.random.default_rng(0)
    sharp = rng.integers(0, 255, (9, 9, 3), dtype=np.uint8)
    source = np.stack(np.meshgrid(np.arange(9.0), np.arange(9.0)), -1).astype(np.float32) * FINER
    source[5:, :, 1] += 2 * SEAM * FINER
    skin, painted, out = np.ones((9, 9), np.float32), np.zeros((9, 9), np.float32), sharp.copy()
    _soften_seams(source, skin, painted, sharp, out)
    changed = (out != sharp).any(-1)
    assert changed[4:6, 1:-1].all()
    assert not changed[:4].any()
    assert not changed[6:].any()
    assert out[4, 4].tolist() == cv2.GaussianBlur(sharp, (3, 3), 0)[4, 4].tolist()


@pytest.mark.parametrize(
    ("moved", "rest"),
    [({}, 1.0), ({"eyeBlink": 0.8}, 1.0), ({"eyeLookUp": 0.6}, 0.0), ({"eyeWide": 1.0}, 0.0)],
)
def test_an_eye_s_edge_is_the_photo_s_until_it_moves(reference, moved, rest):
    """Lashes and the lids' shadow do not turn with the eye, and a lid that rises takes them along."""
    gaze = [middles(reference, region) for region in (Region.EYE_RIGHT, Region.EYE_LEFT)]
    points = reference.pose(pose(**moved)).points
    found = unmoved(points[gaze], reference.points[gaze], reference.face_px)
    np.testing.assert_allclose(found, rest, atol=0.01)


def test_white_that_the_photo_hides_is_like_the_white_beside_it(avatar):
    """No patch of one colour comes out of an eye's corner."""
    tinted = avatar.reference.copy()
    left = avatar.marks[[33, 133, 263, 362], 0].mean() > np.arange(avatar.side)
    tinted[:, left, 2] = (tinted[:, left, 2] * 0.5).astype(np.uint8)
    hidden = [
        Eye.build(open_reference(replace(avatar, reference=picture)), Region.EYE_RIGHT).texture[0, 0]
        for picture in (avatar.reference, tinted)
    ]
    assert hidden[1][2] == pytest.approx(0.5 * hidden[0][2], rel=0.05)
    assert hidden[1][0] == pytest.approx(hidden[0][0], rel=0.01)
