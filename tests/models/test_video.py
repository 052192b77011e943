"""The learned picture at run time: runtimes agree, frames follow one another, tiers change without a jump."""

import itertools

import numpy as np
import pytest

from models.body.body import aside_deg
from models.body.rig import RIG_INDEX, Region
from models.controls.window import Window
from models.motion.frame import MotionFrame
from models.picture import Tier
from models.video.blend import blend, feather, trust
from models.video.conditions import CONTROL_PLANES, CONTROL_SIDE, SIDE, observe
from models.video.halves import halved, whole
from models.video.open import open_picture
from models.video.runtime import TIMES, RuntimeMissingError, Sampler, find_runtime
from models.video.shape import PictureShape
from models.video.state import PAST, PictureMemory, Remembered
from models.video.weights import PictureWeights
from models.warp import WarpPicture
from tests.models.poses import pose

FRAMES = 3


@pytest.fixture(scope="module")
def weights():
    """The bundled ones, with a past that counts."""
    bundled = PictureWeights.load()
    random = np.random.default_rng(0)
    louder = {
        name: random.normal(0, 0.02, value.shape).astype(np.float32) if "temporal" in name else value
        for name, value in bundled.arrays.items()
    }
    return PictureWeights(bundled.shape, louder, bundled.ranges)


@pytest.fixture(scope="module")
def seen():
    """Frames as the network is told of them: noise will do."""
    random = np.random.default_rng(1)
    reference = random.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    warps = random.integers(0, 256, (FRAMES, SIDE, SIDE, 3)).astype(np.uint8)
    controls = random.random((FRAMES, CONTROL_PLANES, CONTROL_SIDE, CONTROL_SIDE)).astype(np.float32)
    return reference, warps, controls


def run(name, weights, seen, steps=1):
    reference, warps, controls = seen
    program = find_runtime(name).picture(weights, reference, Sampler.of(steps))
    memory, added = PictureMemory.empty(weights.shape, steps), []
    for warp, told in zip(warps, controls, strict=True):
        made = program(warp, told, memory)
        memory = made.memory
        added.append(made.added)
    return np.stack(added)


def decibels(one, other):
    return 10 * np.log10(255**2 / np.mean((one - other) ** 2))


@pytest.mark.parametrize("steps", [1, 2])
def test_openvino_agrees_with_torch(weights, seen, steps):
    pytest.importorskip("torch")
    assert decibels(run("openvino", weights, seen, steps), run("torch", weights, seen, steps)) > 45


def test_eight_bits_cost_little(weights, seen):
    assert weights.ranges, "the bundled weights carry their ranges"
    assert decibels(run("openvino-int8", weights, seen), run("openvino", weights, seen)) > 34


def test_frame_by_frame_is_the_whole_clip(weights, seen):
    """Cached activations stand for the frames before: the same as one pass over the clip."""
    torch = pytest.importorskip("torch")
    from models.video.network import Given, PictureNet

    reference, warps, controls = seen
    net = PictureNet(weights.shape).eval()
    net.load_state_dict({name: torch.from_numpy(value) for name, value in weights.arrays.items()})

    def planes(pictures):
        return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1

    given = Given(planes(warps), planes(np.stack([reference] * FRAMES)), torch.from_numpy(controls))
    (start,) = TIMES[1]
    noisy = (1 - start) * given.warp + start * torch.from_numpy(Sampler().noise())
    with torch.no_grad():
        whole = net(noisy, torch.full((FRAMES,), start), given, clip=FRAMES)
    added = ((whole - given.warp) * 127.5).permute(0, 2, 3, 1).numpy()
    stepped = run("torch", weights, seen)
    np.testing.assert_allclose(stepped, added, atol=0.02)
    alone = run("torch", weights, (reference, warps[1:2], controls[1:2]))
    assert np.abs(stepped[1] - alone[0]).max() > 0.5, "the past must count in this test"


def test_memory_drops_the_oldest():
    shape = PictureShape(width=2, deep=2)
    memory = PictureMemory.empty(shape, 1)
    for number in (1.0, 2.0, 3.0):
        grid, deep = (np.full_like(part, number) for part in (memory.frames[0].grid, memory.frames[0].deep))
        memory = memory.next(Remembered(grid, deep))
    assert len(memory.frames) == PAST
    assert [frame.grid[0, 0, 0, 0] for frame in memory.frames] == [3, 2]
    assert [frame.deep[0, 0, 0, 0] for frame in memory.frames] == [3, 2]


def test_halves_are_the_picture():
    """Twelve channels of 2 x 2 pixels, in an order that the graph's kernels know."""
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    halves = halved(picture)
    assert halves.shape == (4, 4, 12)
    assert halves[1, 2].tolist() == picture[2:4, 4:6].ravel().tolist()
    assert (whole(halves.astype(np.float32)) == picture).all()


def test_an_unknown_sampler_names_those_there_are():
    with pytest.raises(ValueError, match="there are: 1, 2, 4"):
        Sampler.of(3)


def test_noise_is_one_seeds_own():
    assert (Sampler.of(1, 5).noise() == Sampler.of(2, 5).noise()).all()
    assert (Sampler.of(1, 5).noise() != Sampler.of(1, 6).noise()).any()
    assert not Sampler(seed=None).noise().any()


def test_a_runtime_that_is_missing_says_how_to_get_it(monkeypatch, avatar):
    monkeypatch.setattr("models.video.runtime.find_spec", lambda name: None)
    with pytest.raises(RuntimeMissingError, match="pip install openvino"):
        find_runtime("openvino")
    assert isinstance(open_picture(avatar, 64), WarpPicture), "without any runtime there is still the warp"


def test_nothing_is_added_outside_the_window():
    picture = np.full((64, 64, 3), 100, np.uint8)
    blend(picture, np.full((16, 16, 3), 50, np.float32), Window(16, 8, 32), feather(32), 1.0)
    inside = np.zeros((64, 64), bool)
    inside[8:40, 16:48] = True
    assert (picture[~inside] == 100).all()
    assert (picture[20:28, 28:36] == 150).all()
    assert (np.diff(picture[24, 16:48, 0].astype(int)) < 40).all(), "the edge is soft"


def test_a_wide_mouth_is_left_to_the_warp():
    semantic = np.zeros((64, 64), np.uint8)
    semantic[40:50, 24:40] = Region.MOUTH + 1
    shut, half, wide = (trust(semantic, opening, 0.0, 128) for opening in (0.1, 0.4, 0.6))
    assert (shut == 1).all()
    assert wide[90, 64] < 0.1 < half[90, 64] < 0.9
    assert all(share[20, 64] == 1 for share in (shut, half, wide)), "skin is not the mouth"


def test_around_a_head_that_turns_aside_the_warp_stays_and_back_to_the_front_all_is_learned():
    semantic = np.zeros((64, 64), np.uint8)
    semantic[10:54, 16:48] = Region.HEAD + 1
    front, half, aside = (trust(semantic, 0.0, away_deg, 128) for away_deg in (-8.0, 3.0, 6.0))
    assert (front == 1).all()
    assert aside[64, 8] < 0.01 < 0.4 < half[64, 8] < 0.6
    assert all(share[64, 64] == 1 for share in (half, aside)), "the face is learned"


def test_how_far_aside_a_head_looks_is_counted_from_the_camera(avatar):
    photo = avatar.fit.rotations
    turned = photo.copy()
    turned[RIG_INDEX["neck"], 1] += np.radians(4)
    turned[RIG_INDEX["head"], 1] += np.radians(5)
    straight = np.degrees(
        photo[[RIG_INDEX[name] for name in ("root", "spine", "chest", "neck", "head")], 1]
    ).sum()
    assert aside_deg(photo) == pytest.approx(abs(straight), abs=1e-3)
    assert aside_deg(turned) == pytest.approx(abs(straight + 9), abs=1e-3)
    turned[RIG_INDEX["head"], 0] += 0.3
    assert aside_deg(turned) == pytest.approx(abs(straight + 9), abs=1e-3), "nods are none"


def test_blending_saturates():
    picture = np.full((32, 32, 3), 250, np.uint8)
    blend(picture, np.full((16, 16, 3), 50, np.float32), Window(0, 0, 32), feather(32), 1.0)
    assert picture[16, 16, 0] == 255


@pytest.fixture(scope="module")
def learned(avatar):
    return open_picture(avatar, avatar.side, runtime="openvino-int8")


def test_tiers_change_without_a_jump(learned):
    """What is learned comes and goes over some frames; a still face shows it plainly."""
    state, pictures = learned.init_state(), []
    tiers = [Tier.FULL] * 2 + [Tier.WARP] * 6 + [Tier.FULL] * 10
    for tier in tiers:
        picture, state = learned.step(pose(jawOpen=0.4), state, tier)
        pictures.append(picture.astype(int))
    whole = np.abs(pictures[1] - pictures[7]).mean()
    steps = [np.abs(b - a).mean() for a, b in itertools.pairwise(pictures)]
    assert max(steps) < 0.45 * whole
    assert np.abs(pictures[-1] - pictures[1]).mean() < 0.1 * whole


def test_the_warp_tier_is_the_warp(learned, avatar):
    warp = WarpPicture(avatar)
    picture, _ = learned.step(pose(jawOpen=0.4), learned.init_state(), Tier.WARP)
    plain, _ = warp.step(pose(jawOpen=0.4), warp.init_state(), Tier.WARP)
    assert (picture == plain).all()


def test_sessions_do_not_share_a_past(learned):
    """Two visits of one avatar, in turns, see what each would see alone."""
    frames = [pose(jawOpen=opening) for opening in (0.0, 0.3, 0.6)]
    alone, state = [], learned.init_state()
    for frame in frames:
        picture, state = learned.step(frame, state, Tier.FULL)
        alone.append(picture)
    one, other = learned.init_state(), learned.init_state()
    for frame, expected in zip(frames, alone, strict=True):
        _, other = learned.step(MotionFrame.rest(), other, Tier.FULL)
        picture, one = learned.step(frame, one, Tier.FULL)
        assert (picture == expected).all()


def test_controls_lie_where_the_face_is(avatar):
    warp = WarpPicture(avatar)
    window = Window.around_face(avatar.marks, avatar.side)
    posed = warp.reference.pose(pose(jawOpen=0.8))
    told = observe(warp.reference, posed, window, warp.draw(posed)[0])
    planes = told.controls()
    assert planes.shape == (CONTROL_PLANES, CONTROL_SIDE, CONTROL_SIDE)
    rows, columns = np.nonzero(told.semantic >= 7)  # mouth and tongue
    lips = window.inside(avatar.marks[[13, 14]], CONTROL_SIDE).mean(0)
    assert len(rows) > 4
    assert abs(rows.mean() - lips[1]) < 8
    assert abs(columns.mean() - lips[0]) < 4
