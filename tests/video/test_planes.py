"""Planes say where each control lies, and carry its values unharmed."""

import subprocess
import sys

import numpy as np
import pytest

from models.controls.controls import CLASSES, Controls
from models.video.planes import CHANNELS, Planes, to_bytes, to_signed
from tests.house.repository import ROOT

RANDOM = np.random.default_rng(0)


def controls(side=8):
    return Controls(
        RANDOM.random((side, side, 3), np.float32),
        RANDOM.integers(0, CLASSES, (side, side), np.uint8),
        RANDOM.integers(0, 256, (side, side, 3), np.uint8),
        RANDOM.random((side, side)) < 0.5,
    )


def test_slices_follow_the_names_and_fill_the_channels():
    layout = Planes(("warp", "dense", "semantic", "visible"))
    assert layout.slices == {
        "warp": slice(0, 3), "dense": slice(3, 6), "semantic": slice(6, 15), "visible": slice(15, 16),
    }  # fmt: skip
    assert layout.channels == sum(CHANNELS[name] for name in layout.names) == 16


def test_controls_arrive_in_their_planes():
    seen, layout = controls(), Planes()
    planes = layout.of(seen)
    parts = {name: planes[where] for name, where in layout.slices.items()}
    np.testing.assert_array_equal(parts["dense"], seen.dense.transpose(2, 0, 1))
    np.testing.assert_array_equal(parts["semantic"], seen.one_hot())
    np.testing.assert_array_equal(parts["visible"][0] > 0, seen.visible)
    hidden = np.broadcast_to(~seen.visible, (3, 8, 8))
    assert not parts["warp"][hidden].any()
    carried = to_bytes(parts["warp"]).transpose(1, 2, 0)
    np.testing.assert_array_equal(carried[seen.visible], seen.warp[seen.visible])


def test_keypoints_are_asked_for_or_left_out():
    marks = np.zeros((8, 8), np.uint8)
    marks[2, 3] = 255
    planes = Planes(("keypoints", "dense")).of(controls(), marks)
    assert planes[0, 2, 3] == 1
    assert planes[0].sum() == 1
    with pytest.raises(ValueError, match="without the plane keypoints"):
        Planes(("keypoints",)).of(controls())


@pytest.mark.parametrize("names", [("dense", "depth"), ("dense", "dense")])
def test_impossible_layouts_are_told_the_choices(names):
    with pytest.raises(ValueError, match="dense, semantic, warp, visible, keypoints"):
        Planes(names)


def test_colours_survive_the_way_to_the_network_and_back():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_bytes(to_signed(every)), every)
    assert to_bytes(np.array([-3.0, 3.0], np.float32)).tolist() == [0, 255]


def test_torch_stays_out_until_the_full_model_is_opened():
    program = """
import sys
from pathlib import Path
import agent.render, engine.render, models.video.planes
from agent.picture import full_picture_maker
full_picture_maker([Path("weights.safetensors")])
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0
