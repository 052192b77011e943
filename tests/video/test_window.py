"""Temporal outpainting: given frames are held at every step, and chunks make the same video as the whole."""

import pytest

torch = pytest.importorskip("torch")

from models.video.full.clip import held  # noqa: E402  (after what may be missing)
from models.video.full.samplers import SAMPLERS  # noqa: E402
from models.video.full.schedule import Cosine  # noqa: E402
from models.video.full.spec import Window  # noqa: E402
from models.video.full.upscale import augmented, enlarge, shrink  # noqa: E402
from models.video.full.window import Outpainter  # noqa: E402
from tests.video.networks import inputs, random_model  # noqa: E402

SMALL = {"kind": "unet", "width": 8, "multiply": [1, 2], "blocks": 1, "attention": [], "heads": 2}


def painter(overlap=50, frames=4, **changes):
    return Outpainter(
        [random_model(net=SMALL, window={"frames": frames, "overlap_percent": overlap}, **changes)]
    )


def film(outpainter, chunks, seed=0, frames=9):
    """Push `frames` frames of controls in chunks, and flush."""
    planes, references = [], []
    for model in outpainter.cascade:
        controls, reference, _, _ = inputs(model, frames=frames, batch=1)
        planes.append(controls)
        references.append(reference)
    state, made, begin = outpainter.init_state(seed, references), [], 0
    while begin < frames:
        end = begin + chunks[len(made) % len(chunks)]
        video, state = outpainter.push([part[:, begin:end] for part in planes], state)
        made.append(video)
        begin = end
    video, state = outpainter.flush(state)
    return torch.cat([*made, video], dim=1)


@pytest.mark.parametrize("overlap", [0, 25, 50, 75])
def test_chunks_make_the_same_video_as_the_whole(overlap):
    outpainter = painter(overlap)
    whole = film(outpainter, [9])
    assert whole.shape == (1, 9, 3, 8, 8)
    assert whole.isfinite().all()
    for chunks in ([1], [3], [2, 5]):
        torch.testing.assert_close(film(outpainter, chunks), whole, atol=1e-4, rtol=1e-3)


def test_another_seed_is_another_video():
    outpainter = painter()
    assert not torch.allclose(film(outpainter, [9], 0), film(outpainter, [9], 1), atol=0.05)


def test_windows_come_as_soon_as_they_can():
    outpainter = painter(25)
    planes, reference, _, _ = inputs(outpainter.cascade[0], frames=12, batch=1)
    state, come = outpainter.init_state(0, [reference]), []
    assert all(part.isnan().all() for part in state.given)
    for frame in range(12):
        video, state = outpainter.push([planes[:, frame : frame + 1]], state)
        come.append(video.shape[1])
    assert come == [0, 0, 0, 4, 0, 0, 3, 0, 0, 3, 0, 0]


def test_a_window_sees_the_end_of_the_one_before_and_no_more():
    outpainter = painter(50)
    planes, reference, _, _ = inputs(outpainter.cascade[0], frames=6, batch=1)
    _, first = outpainter.push([planes[:, :4]], outpainter.init_state(0, [reference]))
    assert first.given[0].shape[1] == 2
    usual, _ = outpainter.push([planes[:, 4:]], first)
    for frame in (0, 1):
        given = first.given[0].clone()
        given[:, frame] += 1
        other = first.__class__(first.seed, first.reference, (given,), first.waiting, first.windows)
        video, _ = outpainter.push([planes[:, 4:]], other)
        assert not torch.allclose(video, usual, atol=1e-4)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("how", ["noised", "clean"])
def test_given_frames_are_held_at_every_step(sampler, how):
    schedule, seen = Cosine(), []
    given, noise = torch.randn(2, 1, 2, 3, 4, 4).unbind()
    window = Window(frames=4, overlap_percent=50, held=how, clean_t=0.1)

    def denoise(x, t, cond):
        seen.append((x, t))
        return torch.zeros_like(x)

    begun = held(denoise, given, schedule, window, noise)
    random = torch.Generator().manual_seed(0)
    drawn = SAMPLERS[sampler](
        begun, None, lambda _: torch.randn(1, 4, 3, 4, 4, generator=random), schedule, 5
    )
    assert len(seen) == 5
    for x, t in seen:
        expected = t[:, 2:] if how == "noised" else torch.full((1, 2), 0.1)
        torch.testing.assert_close(t[:, :2], torch.minimum(expected, t[:, 2:]))
        alpha, sigma = (part[..., None, None, None] for part in schedule.alpha_sigma(t[:, :2]))
        torch.testing.assert_close(x[:, :2], alpha * given + sigma * noise)
    torch.testing.assert_close(drawn[:, :2], given)
    assert not drawn[:, 2:].any()


def test_a_cascade_sharpens_what_the_base_drew():
    base = random_model(net=SMALL)
    large = random_model(1, net={**SMALL, "patch": 2}, side=16, low_side=8)
    outpainter = Outpainter([base, large])
    whole = film(outpainter, [9])
    assert whole.shape == (1, 9, 3, 16, 16)
    torch.testing.assert_close(film(outpainter, [2, 3]), whole, atol=1e-4, rtol=1e-3)
    other = film(Outpainter([random_model(5, net=SMALL), large]), [9])
    assert not torch.allclose(other, whole, atol=1e-3), "another base must give another video"


def test_impossible_cascades_are_explained():
    base, large = random_model(net=SMALL), random_model(net=SMALL, side=16, low_side=8)
    with pytest.raises(ValueError, match="at least a base"):
        Outpainter([])
    with pytest.raises(ValueError, match=r"\[16\] px that sharpen \[8\]"):
        Outpainter([large])
    longer = random_model(net=SMALL, side=16, low_side=8, window={"frames": 8, "overlap_percent": 50})
    with pytest.raises(ValueError, match="same window"):
        Outpainter([base, longer])


def test_sizes_change_without_moving_anything():
    ramp = torch.linspace(-1, 1, 16).expand(1, 2, 3, 16, 16)
    small = shrink(ramp, 8)
    torch.testing.assert_close(enlarge(small, 16)[..., 2:-2], ramp[..., 2:-2], atol=0.04, rtol=0)
    noise = torch.randn(1, 2, 3, 16, 16)
    torch.testing.assert_close(augmented(small, 16, torch.zeros(1, 2), Cosine(), noise), enlarge(small, 16))
    drowned = augmented(small, 16, torch.ones(1, 2), Cosine(), noise)
    torch.testing.assert_close(drowned, noise, atol=1e-5, rtol=0)
