"""Lips, teeth and chin of the warp, where a little off looks very wrong."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from models.body.body import shared_body
from models.body.rig import Region
from models.controls.raster import CpuRasterizer
from models.controls.reference import open_reference
from models.controls.shade import CAVITY, SKIN, TEETH, TONGUE
from models.controls.sheet import SPACING_PX, Sheet
from models.controls.teeth import COLUMNS, Teeth
from models.motion.frame import EXPRESSION_INDEX
from models.portrait.marks import shared_marks
from models.warp import WarpPicture
from tests.models.poses import pose
from training.lip_marks import LOWER, UPPER

INNER = (78, *UPPER[-1], 308, *reversed(LOWER[-1]))


@pytest.fixture(scope="module")
def warp(avatar):
    return WarpPicture(avatar)


def outlined(avatar):
    """Fill the polygon of the inner lips' landmarks."""
    inside = np.zeros((avatar.side, avatar.side), np.uint8)
    cv2.fillPoly(inside, [np.round(avatar.marks[list(INNER)]).astype(np.int32)], 1)
    return inside > 0


def test_lips_that_touch_have_landmarks_that_touch():
    marks = shared_marks().mean
    for upper, lower in zip(UPPER[-1], LOWER[-1], strict=True):
        assert abs(marks[upper, 1] - marks[lower, 1]) < 0.0015, (upper, lower)


def test_a_jaw_that_drops_takes_every_landmark_of_the_lower_lip_along():
    marks = shared_marks()
    weights = np.zeros(52)
    weights[pose(jawOpen=1.0).expression > 0] = 1.0
    moved = marks.rest(np.zeros(len(marks.shape)), weights) - marks.mean
    assert (moved[list(LOWER[-1]), 1] < -0.004).all()
    assert np.abs(moved[list(UPPER[-1]), 1]).max() < 0.25 * np.abs(moved[14, 1])


def test_the_photo_s_mouth_opens_where_the_photo_s_lips_end(avatar):
    """Half of the teeth of a smile would otherwise count as lip, and hang on it."""
    reference = open_reference(avatar)
    triangle = reference.fragments.triangle
    regions = shared_body().regions[triangle]
    opening = (triangle >= 0) & np.isin(regions, (Region.MOUTH, Region.TONGUE))
    wanted = outlined(avatar)
    assert (opening & wanted).sum() / (opening | wanted).sum() > 0.75


def test_the_mouth_s_lining_stays_behind_the_skin(avatar, warp):
    """Puckered lips push it through the chin of some."""
    reference = warp.reference
    face = warp._face
    for motion in (
        pose(jawOpen=0.3, mouthPucker=0.4, mouthFunnel=0.3),
        pose(mouthFunnel=0.8),
        pose(mouthPucker=1.0),
        pose(jawOpen=0.5, mouthFunnel=0.6),
    ):
        points, depth = face.place(reference, reference.pose(motion))
        fragments = CpuRasterizer().rasterize(points, depth, face.triangles, avatar.side, avatar.side)
        kinds = np.where(fragments.triangle >= 0, face.kinds[fragments.triangle], SKIN)
        inside = np.isin(kinds, (CAVITY, TONGUE, TEETH)).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(inside)
        assert count <= 2 or np.sort(stats[1:, cv2.CC_STAT_AREA])[-2] <= 3


def test_the_chins_edge_moves_with_it_and_what_lies_below_does_not(avatar, warp):
    """An edge between nodes of the sheet would become a saw's teeth, and so would a collar taken along."""
    reference, sheet = warp.reference, warp._sheet
    still, dropped = (reference.pose(pose(jawOpen=weight)) for weight in (0.0, 0.3))
    fall = np.full(len(sheet.nodes), np.nan)
    way = (dropped.points - still.points)[sheet.corners]
    fall[sheet.nailed] = (sheet.weights[..., None] * way).sum(1)[:, 1]
    offset = sheet.nodes - avatar.marks[152]
    beside = np.abs(offset[:, 0]) < 12
    edge = beside & (np.abs(offset[:, 1]) < 4) & (sheet.nodes % SPACING_PX != 0).any(1)
    below = beside & (offset[:, 1] > 9) & (offset[:, 1] < 25)
    above = beside & (offset[:, 1] < 0) & (offset[:, 1] > -9)
    assert edge.sum() >= 3, "nodes lie on the edge itself"
    assert fall[edge].min() > 0.6 * np.nanmean(fall[above]) > 1
    assert np.nanmax(fall[below]) < 0.1 * np.nanmean(fall[above])


def test_a_photo_that_ends_at_the_chin_moves_no_nodes(warp, monkeypatch):
    monkeypatch.setattr("models.controls.sheet.STEP_M", 10.0)
    assert (Sheet.build(warp.reference).nodes % SPACING_PX == 0).all()


def test_a_turned_head_bares_no_skin_the_photo_hides(warp):
    """Below the jaw lies skin inside the face's outline; beside a jaw that has turned it would be dashes."""
    reference, face = warp.reference, warp._face
    skin = np.setdiff1d(face.triangles[face.kinds == SKIN], face.triangles[face.kinds != SKIN])
    skin = skin[face.attributes[skin, 0] > 0]
    x, y = reference.points[face.vertices][skin].astype(int).T
    far = reference.depth[face.vertices][skin] - reference.fragments.depth[y, x]
    assert far.max() < 0.013


def test_a_photo_that_moves_by_half_a_pixel_stays_sharp(avatar, warp):
    def detail(picture):
        grey = cv2.cvtColor(picture[150:420, 120:400], cv2.COLOR_RGB2GRAY).astype(np.float32)
        return float(cv2.Laplacian(grey, cv2.CV_32F).std())

    reference = warp.reference
    posed = reference.pose(pose())
    side = avatar.side
    source = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).astype(np.float32) + 0.5
    bare = replace(
        warp._face.draw(*warp._face.place(reference, posed), side),
        skin=np.zeros((1, 1), np.float32), painted=np.zeros((1, 1), np.float32),
        source=np.zeros((1, 1, 2), np.float32), paint=np.zeros((1, 1, 3), np.float32),
    )  # fmt: skip
    unmoved, _ = warp._compose(source.copy(), bare)
    moved, _ = warp._compose(source + 0.5, bare)
    inside = avatar.mask == 255
    np.testing.assert_array_equal(unmoved[inside], avatar.reference[inside])
    assert detail(moved) > 0.8 * detail(unmoved)


def inside_of(warp, layer, motion):
    """Return the box's paint, and where it is drawn and of which kind."""
    points, depth = layer.place(warp.reference, warp.reference.pose(motion))
    drawn = layer.draw(points, depth, warp.reference.avatar.side)
    low = np.array([drawn.left, drawn.top], np.float32)
    height, width = drawn.painted.shape
    fragments = CpuRasterizer().rasterize(points - low, depth, layer.triangles, height, width)
    kinds = np.where(fragments.triangle >= 0, layer.kinds[fragments.triangle], SKIN)
    first = layer.triangles[fragments.triangle].min(-1) - len(layer.vertices)
    return drawn.paint, kinds, first >= len(layer.teeth.rest) // 2


def hidden_inside(warp):
    """Return the face of a portrait that shows nothing of what is in the mouth."""
    return replace(warp._face, inside=np.zeros_like(warp._face.inside))


def test_the_mouths_inside_is_lit_as_its_teeth_are(warp):
    """Under yellow light a tongue of its own colour would be purple."""
    light = np.array([1.0, 0.8, 0.5], np.float32)
    layer = hidden_inside(warp)
    yellow = replace(layer, enamel=layer.enamel * light)
    wide = pose(jawOpen=0.5)
    (white, kinds, _), (tinted, _, _) = (inside_of(warp, face, wide) for face in (layer, yellow))
    for kind in (TEETH, TONGUE, CAVITY):
        drawn = cv2.erode((kinds == kind).astype(np.uint8), np.ones((5, 5))) > 0
        if drawn.any():
            np.testing.assert_allclose(tinted[drawn].mean(0) / white[drawn].mean(0), light, atol=0.03)
    assert (kinds == TONGUE).sum() > 50


def test_what_lies_lower_in_the_mouth_is_redder(warp):
    layer = hidden_inside(warp)
    paint, kinds, low = inside_of(warp, layer, pose(jawOpen=0.5))

    def redness(where):
        red, green, _ = (paint[where] / layer.enamel).mean(0)
        return red / green

    upper, lower = (kinds == TEETH) & ~low, (kinds == TEETH) & low
    assert redness(upper) < 1.25 < redness(lower) < redness(np.isin(kinds, (TONGUE, CAVITY)))


def test_a_wide_mouth_holds_a_tongue_that_is_lit_in_the_middle_and_below(warp):
    """One that is dark behind the teeth looks empty; one of a single colour, like a plate."""
    layer = hidden_inside(warp)
    paint, kinds, _ = inside_of(warp, layer, pose(jawOpen=0.8))
    red = paint[..., 0] / layer.enamel[0]
    rows, columns = np.nonzero(np.isin(kinds, (CAVITY, TONGUE)))
    left, right, top, bottom = columns.min(), columns.max(), rows.min(), rows.max()
    middle = np.abs(columns - (left + right) / 2) < 0.1 * (right - left)
    aside = columns < left + 0.15 * (right - left)
    below = rows > top + 0.7 * (bottom - top)
    above = rows < top + 0.25 * (bottom - top)
    lit, far, high = (red[rows[s], columns[s]].mean() for s in (middle & below, aside, middle & above))
    assert lit > 1.1 * high
    assert lit > 1.5 * far
    assert far > 0.3


def test_a_shut_mouth_has_no_tongue(warp):
    layer = hidden_inside(warp)
    closed = np.zeros((8, 8), np.float32)
    paint = np.zeros((8, 8, 3), np.float32)
    layer._fill_mouth(paint, closed, closed)
    assert not paint.any()


def test_lower_teeth_are_fixed_to_the_jaw(avatar):
    """They keep their place behind the lip that it takes along, and their distances from one another."""
    teeth = Teeth.build(avatar.fit.shape)
    opening = np.zeros(52, np.float32)
    opening[EXPRESSION_INDEX["jawOpen"]] = 0.2
    shut, opened = teeth.pose(np.zeros(52, np.float32)), teeth.pose(opening)
    upper = len(shut) // 2
    np.testing.assert_array_equal(shut[:upper], opened[:upper])
    ends = [upper, upper + COLUMNS // 2, upper + COLUMNS - 1, len(shut) - 1]
    apart = [np.linalg.norm(p[ends][:, None] - p[ends], axis=-1) for p in (shut, opened)]
    np.testing.assert_allclose(apart[0], apart[1], rtol=0.02)
    marks = shared_marks()
    lip = marks.rest(avatar.fit.shape, opening)[14] - marks.rest(avatar.fit.shape)[14]
    incisors = (opened - shut)[upper + COLUMNS // 2]
    assert 0.6 * lip[1] > incisors[1] > lip[1]
    assert incisors[2] == pytest.approx(lip[2], rel=0.2)
