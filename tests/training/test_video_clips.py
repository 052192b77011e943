"""Clips for video training: the packed ones and the drawn ones keep the same promises."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from models.video.planes import CHANNELS, Planes, to_bytes
from training.video.clips import PackedClips, ShapeClips, far_reference
from training.video.packed import OTHER, PackedVideo, head_of
from training.video.shapes import draw_video, pack_shapes

LAYOUT = Planes(tuple(CHANNELS))
SIDE, FRAMES = 24, 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    pack_shapes(folder, videos=3, frames=10, side=SIDE)
    return folder


@pytest.fixture(params=["packed", "shapes"])
def open_clips(request, folder):
    def open_clips(seed=0):
        if request.param == "shapes":
            return ShapeClips(LAYOUT, SIDE, FRAMES, seed)
        return PackedClips(folder, LAYOUT, SIDE, FRAMES, seed=seed)

    return open_clips


def test_a_clip_is_planes_target_and_reference(open_clips):
    clip = open_clips()[4]
    assert clip.planes.shape == (FRAMES, LAYOUT.channels, SIDE, SIDE)
    assert clip.target.shape == (FRAMES, 3, SIDE, SIDE)
    assert clip.reference.shape == (3, SIDE, SIDE)
    assert {array.dtype for array in (clip.planes, clip.target, clip.reference)} == {np.dtype(np.float32)}
    assert max(np.abs(array).max() for array in (clip.planes, clip.target, clip.reference)) <= 1


def test_the_same_number_is_the_same_clip(open_clips):
    first, again, other, seed = open_clips()[4], open_clips()[4], open_clips()[5], open_clips(1)[4]
    np.testing.assert_array_equal(first.target, again.target)
    np.testing.assert_array_equal(first.planes, again.planes)
    assert (first.target != other.target).any()
    assert (first.target != seed.target).any()


def test_controls_belong_to_their_frame(open_clips):
    clip = open_clips()[4]
    parts = {name: clip.planes[:, where] for name, where in LAYOUT.slices.items()}
    np.testing.assert_array_equal(parts["semantic"].sum(1), 1)
    seen = parts["visible"][:, 0] > 0
    assert 0.2 < seen.mean() < 0.8
    error = np.abs(parts["warp"] - clip.target).mean(1)
    assert error[seen].mean() < 0.1 < error[~seen].mean()
    body = parts["semantic"][:, 0] == 0
    assert (parts["dense"].max(1) > 0)[body].all()
    assert not parts["dense"].any(1)[~body].any()
    assert 0 < parts["keypoints"].mean() < 0.1


def test_clips_are_resized(folder):
    small = PackedClips(folder, LAYOUT, 12, FRAMES)[0]
    assert small.planes.shape == (FRAMES, LAYOUT.channels, 12, 12)
    assert set(np.unique(small.planes[:, LAYOUT.slices["semantic"]])) == {0.0, 1.0}


def test_a_reference_is_far_away_in_time():
    random = np.random.default_rng(0)
    references = np.array([0, 30, 60, 90])
    chosen = {far_reference(references, 25, 10, 20, random) for _ in range(60)}
    assert chosen == {0, 2, 3}
    assert far_reference(references, 25, 10, 80, random) == 3
    assert {far_reference(np.array([30, OTHER]), 25, 10, 20, random) for _ in range(9)} == {1}


def test_what_the_clips_cannot_be_made_of_is_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="no video of 11 frames"):
        PackedClips(folder, LAYOUT, SIDE, 11)
    save_file({"target": np.zeros((2, 3, 4, 4), np.uint8)}, tmp_path / "odd.safetensors")
    with pytest.raises(ValueError, match="no packed video"):
        PackedClips(tmp_path, LAYOUT, SIDE, 1)


def test_videos_come_back_as_they_were_packed(tmp_path):
    video = draw_video(np.random.default_rng(0), 5, SIDE, references=3)
    video.save(tmp_path / "a.safetensors")
    assert head_of(tmp_path / "a.safetensors")[0] == 5
    part = PackedVideo.load(tmp_path / "a.safetensors", slice(1, 3), 2)
    np.testing.assert_array_equal(part.target, video.target[1:3])
    np.testing.assert_array_equal(part.warp[0], video.warp[2, 1:3])
    np.testing.assert_array_equal(part.reference[0], video.reference[2])


def test_packed_photographs_are_read_too(tmp_path):
    random = np.random.default_rng(0)
    arrays = {
        "reference": random.integers(0, 256, (16, 16, 3), np.uint8),
        "warp": random.integers(0, 256, (4, 16, 16, 3), np.uint8),
        "target": random.integers(0, 256, (4, 16, 16, 3), np.uint8),
        "dense": random.integers(0, 256, (4, 4, 4, 3), np.uint8),
        "semantic": random.integers(0, 9, (4, 4, 4), np.uint8),
        "visible": np.ones((4, 4, 4), np.uint8),
    }
    save_file(arrays, tmp_path / "a.safetensors")
    clip = PackedClips(tmp_path, Planes(), 16, 4, far_frames=50)[0]
    np.testing.assert_array_equal(to_bytes(clip.target), arrays["target"].transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(
        to_bytes(clip.planes[:, Planes().slices["warp"]]), arrays["warp"].transpose(0, 3, 1, 2)
    )
    assert clip.planes[:, Planes().slices["visible"]].all()
