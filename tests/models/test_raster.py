import numpy as np
import pytest

from models.controls.interpolate import interpolate
from models.controls.raster import CpuRasterizer

SQUARE = np.array([[0, 1, 2], [1, 3, 2]], np.int32)


def rasterize(points, depth, triangles, side=16):
    return CpuRasterizer().rasterize(
        np.array(points, np.float32), np.array(depth, np.float32), np.asarray(triangles, np.int32), side, side
    )


def test_a_square_covers_exactly_its_pixels():
    fragments = rasterize([[2, 3], [10, 3], [2, 9], [10, 9]], [1, 1, 1, 1], SQUARE)
    covered = np.argwhere(fragments.triangle >= 0)
    assert covered.min(0).tolist() == [3, 2]
    assert covered.max(0).tolist() == [8, 9]
    assert len(covered) == 6 * 8


def test_the_nearer_triangle_wins_in_either_order():
    points = [[0, 0], [16, 0], [0, 16], [16, 16], [0, 0], [16, 0], [0, 16], [16, 16]]
    depth = [2, 2, 2, 2, 1, 1, 1, 1]
    both = np.concatenate([SQUARE, SQUARE + 4])
    assert (rasterize(points, depth, both).triangle >= 2).all()
    assert (rasterize(points, depth, both[::-1].copy()).triangle <= 1).all()


def test_attributes_are_perspective_correct():
    points, depth = [[0, 8], [16, 0], [16, 16]], [1.0, 4.0, 4.0]
    fragments = rasterize(points, depth, [[0, 1, 2]])
    far = interpolate(fragments, np.array([[0, 1, 2]], np.int32), np.array([[0], [1], [1]], np.float32))
    x = 8.5 / 16
    expected = (x / 4) / ((1 - x) / 1 + x / 4)
    assert far[8, 8, 0] == pytest.approx(expected, rel=1e-5)
    assert fragments.barycentric[8, 8].sum() == pytest.approx(1, abs=1e-6)


def test_triangles_behind_the_camera_and_flat_ones_are_left_out():
    assert (rasterize([[0, 0], [16, 0], [0, 16]], [1, -1, 1], [[0, 1, 2]]).triangle == -1).all()
    assert (rasterize([[0, 0], [8, 8], [16, 16]], [1, 1, 1], [[0, 1, 2]]).triangle == -1).all()


def test_empty_pixels_are_poisoned_unless_asked_otherwise():
    fragments = rasterize([[0, 0], [4, 0], [0, 4]], [1, 1, 1], [[0, 1, 2]])
    values = interpolate(fragments, np.array([[0, 1, 2]], np.int32), np.ones((3, 1), np.float32))
    assert np.isnan(values[15, 15, 0])
    assert values[0, 0, 0] == pytest.approx(1)


def test_no_pixel_falls_between_two_triangles():
    """A sheet whose edges pass through the middles of pixels, but for rounding, has no hole."""
    line = np.arange(0, 132, 2, dtype=np.float32)
    nodes = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    first = (np.arange(65)[:, None] * 66 + np.arange(65)).ravel()
    upper = np.stack([first, first + 1, first + 66], 1)
    lower = np.stack([first + 1, first + 67, first + 66], 1)
    triangles = np.concatenate([upper, lower]).astype(np.int32)
    random, depth = np.random.default_rng(0), np.ones(len(nodes), np.float32)
    for _ in range(20):
        points = (nodes + 0.5 + 0.05 * random.integers(-2, 3, nodes.shape)).astype(np.float32)
        drawn = CpuRasterizer().rasterize(points, depth, triangles, 128, 128)
        assert (drawn.triangle[4:-4, 4:-4] >= 0).all()
