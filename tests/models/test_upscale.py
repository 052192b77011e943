"""The upscaler at run time: runtimes agree, and nothing is added where nothing should be."""

import cv2
import numpy as np
import pytest

from models.picture import Tier
from models.video.blend import feather
from models.video.runtime import find_runtime
from models.video.stage import LearnedPicture
from models.video.upscale import PATCH, Upscaler, UpscaleWeights
from models.video.weights import PictureWeights
from models.warp import WarpPicture
from tests.models.poses import pose

SPAN = 42
"""No multiple of a patch."""
ALL = np.ones((SPAN, SPAN), np.float32)


@pytest.fixture(scope="module")
def weights():
    return UpscaleWeights.load()


@pytest.fixture
def window():
    random = np.random.default_rng(2)
    return [random.integers(80, 160, (SPAN, SPAN, 3)).astype(np.uint8) for _ in range(2)]


def test_openvino_agrees_with_torch(weights):
    pytest.importorskip("torch")
    patches = np.random.default_rng(1).normal(0, 0.3, (20, 20, 2 * PATCH**2)).astype(np.float32)
    fast, slow = (find_runtime(name).upscaler(weights, 20)(patches) for name in ("openvino", "torch"))
    assert np.abs(slow).max() > 0.01
    assert np.abs(fast - slow).max() < 0.03 * np.abs(slow).max()


def test_what_is_added_live_is_what_was_trained(weights, window):
    torch = pytest.importorskip("torch")
    from models.video.upscale_network import UpscaleNet, grey

    warp, made = window
    net = UpscaleNet(weights.width)
    net.load_state_dict({name: torch.from_numpy(value) for name, value in weights.arrays.items()})
    whole = np.s_[: SPAN // PATCH * PATCH, : SPAN // PATCH * PATCH]
    planes = [
        torch.from_numpy(picture[whole].astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
        for picture in window
    ]
    with torch.no_grad():
        found = net(*map(grey, planes))[0, 0, :, :, None].numpy() * 127.5
    expected = made[whole] + found
    Upscaler(weights, SPAN, find_runtime("torch").upscaler)(warp, made, ALL)
    assert np.abs(np.clip(expected, 0, 255) - made[whole]).max() < 0.51


def test_at_the_soft_edge_and_with_no_share_nothing_is_added(weights, window):
    warp, made = window
    upscaler, before = Upscaler(weights, SPAN, find_runtime("torch").upscaler), made.copy()
    upscaler(warp, made, 0 * ALL)
    assert (made == before).all()
    upscaler(warp, made, np.outer(feather(SPAN), feather(SPAN)))
    assert (made[0] == before[0]).all()
    assert (made[-1] == before[-1]).all()
    assert (made != before).any()


def test_the_upscaler_adds_fine_structure_alone(avatar, weights):
    """A picture made with it and one made without differ in what is fine, and in no colour."""
    warp, runtime = WarpPicture(avatar, avatar.side), find_runtime()
    with_it, without = (
        LearnedPicture(warp, PictureWeights.load(), finer, runtime) for finer in (weights, None)
    )
    one, other = (
        stage.step(pose(jawOpen=0.2), stage.init_state(), Tier.FULL)[0].astype(int)
        for stage in (with_it, without)
    )
    apart = (one - other)[with_it.window.box].astype(np.float32)
    assert 0.2 < np.abs(apart).mean() < 4
    broad = cv2.resize(apart, None, fx=1 / 16, fy=1 / 16, interpolation=cv2.INTER_AREA)
    assert broad.std() < 0.35 * apart.std()


def test_a_file_of_something_else_is_refused(tmp_path):
    PictureWeights.load().save(tmp_path / "picture.safetensors")
    with pytest.raises(ValueError, match="holds no upscaler"):
        UpscaleWeights.load(tmp_path / "picture.safetensors")
