"""Training the picture network: what is packed, what is drawn from it, and that a small run learns."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from models.picture import Tier  # noqa: E402
from models.video.calm import fineness  # noqa: E402
from models.video.conditions import CONTROL_SIDE, SIDE  # noqa: E402
from models.video.network import Given, PictureNet, earlier, prior  # noqa: E402
from models.video.shape import PictureShape  # noqa: E402
from models.video.weights import PictureWeights, time_turns  # noqa: E402
from training.pictures import data  # noqa: E402
from training.pictures.camera import Camera  # noqa: E402
from training.pictures.checkpoint import load_net, save_net  # noqa: E402
from training.pictures.clip import FRAMES, PictureClip  # noqa: E402
from training.pictures.config import (  # noqa: E402
    LossConfig,
    NoiseConfig,
    PictureTraining,
    StageConfig,
    load_training,
)
from training.pictures.cycle import cycle, motion_to, posed_as  # noqa: E402
from training.pictures.data import Clips  # noqa: E402
from training.pictures.loss import draw_noisy  # noqa: E402
from training.pictures.pack import _singles, pack  # noqa: E402
from training.pictures.part import as_planes, cut  # noqa: E402
from training.pictures.poses import other_pose, photo_pose  # noqa: E402
from training.pictures.quantise import KEPT, quantise  # noqa: E402
from training.pictures.train import Trainer, decibels  # noqa: E402

pytestmark = pytest.mark.usefixtures("unchecked")
CONFIGS = Path(__file__).parents[2] / "configs" / "pictures"
SMALL = PictureShape(width=8, deep=16, outer=1, inner=1, fine=4)


def stage(batch: int, crop_px: int, kind: str = "image", **more: object) -> StageConfig:
    """What is drawn for one step of a stage."""
    return StageConfig(stage=kind, steps=1, batch=batch, crop_px=crop_px, **more)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Clips whose warp is too dark by what the reference's corner tells: there is something to learn."""
    folder, random = tmp_path_factory.mktemp("clips"), np.random.default_rng(0)
    for part, count in (("train", 12), ("held-out", 4)):
        (folder / part).mkdir()
        for number in range(count):
            target = random.integers(90, 200, (1, 1, 1, 3)) + random.integers(
                -20, 20, (FRAMES, SIDE, SIDE, 3)
            )
            warp = target - 40
            small = (FRAMES, CONTROL_SIDE, CONTROL_SIDE)
            PictureClip(
                warp[0].astype(np.uint8), warp.astype(np.uint8), target.astype(np.uint8),
                np.zeros((*small, 3), np.uint8), np.zeros(small, np.uint8), np.ones(small, np.uint8),
            ).save(folder / part / f"{number}.safetensors")  # fmt: skip
    return folder


def test_a_photo_warped_away_and_back_is_nearly_itself(warp):
    photo = warp.reference.avatar.reference.astype(float)
    made = cycle(warp, 1)
    away = made.pseudo.reference.avatar.reference
    back, _ = made.pseudo.step(made.motion, made.pseudo.init_state(), Tier.WARP)
    assert np.abs(away - photo).mean() > 2 * np.abs(back - photo).mean()


def test_the_way_back_ends_in_the_photos_pose(warp):
    """Not near it: the controls must lie on the photo, or the network learns to shift."""
    made = cycle(warp, 2)
    photo = warp.reference
    there = posed_as(photo, photo_pose(photo.avatar.fit))
    back = made.pseudo.reference.pose(made.motion)
    assert np.abs(back.points - there.points).max() < 0.1


def test_staying_is_no_motion(warp):
    motion = motion_to(warp.reference, photo_pose(warp.reference.avatar.fit))
    posed = warp.reference.pose(motion)
    assert np.abs(posed.points - warp.reference.points).max() < 0.05
    assert np.abs(motion.rotations).max() < 1e-6


def test_poses_differ_by_seed_alone(warp):
    fit = warp.reference.avatar.fit
    one, same, other = (other_pose(fit, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one.expression == same.expression).all()
    assert np.abs(one.rotations - other.rotations).max() > 0.01


def test_a_clip_begins_with_the_photo_itself(clip, warp):
    assert clip.target.shape == clip.warp.shape == (FRAMES, SIDE, SIDE, 3)
    errors = np.abs(clip.target.astype(float) - clip.warp).mean(axis=(1, 2, 3))
    assert (errors > 0.5).all(), "the warp does not know the answer"
    moved = np.abs(np.diff(clip.target.astype(float), axis=0)).mean(axis=(1, 2, 3))
    assert (moved[1:] > 0.05).all(), "frames go on"


def test_clips_survive_the_disk(clip, tmp_path):
    clip.save(tmp_path / "clip.safetensors")
    again = PictureClip.load(tmp_path / "clip.safetensors")
    assert all((getattr(again, name) == getattr(clip, name)).all() for name in clip.__dataclass_fields__)


def test_a_part_shows_one_place_of_everything(clip, tmp_path):
    clip.save(tmp_path / "clip.safetensors")
    part = cut(tmp_path / "clip.safetensors", np.s_[1:2], (64, 32), 128)
    assert (part.target == clip.target[1:2, 64:192, 32:160]).all()
    assert (part.reference[0] == clip.reference[64:192, 32:160]).all()
    assert (part.controls[0, -1] == clip.visible[1, 16:48, 8:40]).all()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_as_many_single_pictures_are_photographs_as_was_said(clip, tmp_path, monkeypatch, share):
    monkeypatch.setattr(data, "vary", lambda part, *_: part)
    clip.save(tmp_path / "0.safetensors")
    drawn = Clips(tmp_path, 0).draw(stage(40, SIDE, photographs=share)).target
    photo = as_planes(clip.target[:1])
    assert float((drawn == photo).all(dim=(1, 2, 3)).float().mean()) == share


def test_twins_are_mirror_images_in_all_that_is_given(clip, tmp_path):
    clip.save(tmp_path / "0.safetensors")
    batch = Clips(tmp_path, 0).draw(stage(4, 128, loss=LossConfig(mirror=1.0)))
    noisy, t = draw_noisy(batch, NoiseConfig())
    for plane in (batch.target, batch.given.warp, batch.given.reference, noisy):
        one, other = plane.chunk(2)
        assert torch.equal(one, other.flip(-1))
        assert not torch.equal(one[0], one[1])
    assert torch.equal(t[:2], t[2:])
    across, mirror = batch.given.controls[:, 0].chunk(2)
    assert torch.equal(across, -mirror.flip(-1))


def test_packing_goes_on_where_it_stopped(default_photo, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "b.png"):
        default_photo.save(photos / name)
    assert pack(photos, tmp_path / "out", rounds=1, held_out=1, seed=0, workers=1) == 2
    (kept,) = (tmp_path / "out" / "train").iterdir()
    before = kept.stat().st_mtime_ns
    assert pack(photos, tmp_path / "out", rounds=2, held_out=1, seed=0, workers=1) == 4
    assert kept.stat().st_mtime_ns == before
    assert pack(photos, tmp_path / "out", rounds=2, held_out=1, seed=0, workers=1, photographs=2) == 6
    singles = sorted((tmp_path / "out" / "photographs").iterdir())
    assert [PictureClip.load(path).warp.shape[0] for path in singles] == [1, 1]
    (first, second) = (PictureClip.load(path).reference for path in singles)
    assert (first != second).any(), "each shows the photo from another pose"
    with pytest.raises(ValueError, match="2 photos"):
        pack(photos, tmp_path / "out", rounds=1, held_out=2, seed=0, workers=1)


def test_a_round_in_four_shows_a_bad_cameras_photo(default_photo, tmp_path, monkeypatch):
    monkeypatch.setattr("training.pictures.pack.SEVERAL", 1)
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        default_photo.save(tmp_path / "photos" / name)
    pack(tmp_path / "photos", tmp_path / "out", rounds=1, held_out=1, seed=0, workers=1, photographs=3)
    clips = [PictureClip.load(path) for path in sorted((tmp_path / "out" / "photographs").iterdir())]
    fine = [fineness(clip.target[0]) for clip in clips]
    assert fine[1] < 0.9 * min(fine[0], fine[2])
    edges = [np.abs(np.diff(clip.warp[0].astype(float), axis=1)).max() for clip in clips]
    assert edges[1] > 0.7 * edges[0], "the warp's own edges are as sharp as ever"


def test_a_bad_camera_is_the_same_when_packing_goes_on(tmp_path):
    def cameras():
        jobs = _singles([Path("a.png"), Path("b.png")], tmp_path, range(8, 16), 1, 3, coarse=True)
        return [job.camera for job in jobs]

    whole = cameras()
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs" / "0000-008.safetensors").touch()
    assert cameras() == whole != [None]


@pytest.mark.parametrize("grainy", [False, True])
def test_a_bad_camera_keeps_light_and_loses_what_is_fine(clip, grainy):
    picture, rng = clip.target[0], np.random.default_rng(0)
    camera = replace(Camera.draw(rng), coarser=3.0, quality=None)
    seen = camera.take(picture, rng if grainy else None)
    assert seen.shape == picture.shape
    assert abs(seen.astype(float).mean() - picture.mean()) < 2
    assert np.abs(seen.astype(float) - picture).mean() < 12
    assert (seen != camera.take(picture, rng if grainy else None)).any() == grainy


def test_single_pictures_are_drawn_beside_the_clips_own(clip, tmp_path):
    singles = tmp_path / "photographs"
    (tmp_path / "train").mkdir()
    singles.mkdir()
    clip.save(tmp_path / "train" / "a.safetensors")
    black = np.zeros_like(clip.target[:1])
    one = {name: getattr(clip, name)[:1] for name in ("warp", "dense", "semantic", "visible")}
    replace(clip, **one, target=black).save(singles / "a.safetensors")
    clips = Clips(tmp_path / "train", 0, singles)
    drawn = clips.draw(stage(40, SIDE, blurred=0.0, photographs=1.0)).target
    dark = int((drawn.amax((1, 2, 3)) < -0.9).sum())
    assert 8 <= dark <= 32
    assert clips.draw(stage(40, SIDE, blurred=0.0, photographs=0.0)).target.amax((1, 2, 3)).min() > -0.9


def test_photographs_stand_still_among_clips(clip, tmp_path):
    clip.save(tmp_path / "0.safetensors")
    clips = Clips(tmp_path, 0)
    still, moving = (
        clips.draw(stage(2 * FRAMES, SIDE, "temporal", photographs=share)) for share in (1.0, 0.0)
    )
    assert still.clip == moving.clip == FRAMES
    frames = still.target.unflatten(0, (-1, FRAMES))
    assert (frames == frames[:, :1]).all()
    assert (moving.given.warp[0] != moving.given.warp[1]).any()


def test_a_frame_without_a_past_is_a_picture():
    """Temporal layers change nothing where nothing came before, whatever they have learned."""
    net = PictureNet(SMALL)
    for layer in net.temporal:
        torch.nn.init.normal_(layer.past.weight)
    torch.nn.init.normal_(net.out.weight)
    given = Given(torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64), torch.rand(2, 13, 16, 16))
    x, t = torch.rand(2, 3, 64, 64), torch.full((2,), 0.5)
    single, clip = net(x, t, given), net(x, t, given, clip=2)
    torch.testing.assert_close(single[0], clip[0])
    assert (single[1] - clip[1]).abs().max() > 1e-3


def test_the_past_is_the_two_frames_before():
    frames = torch.arange(1.0, 7.0).reshape(6, 1, 1, 1)
    assert earlier(frames, 3)[:, :, 0, 0].tolist() == [[0, 0], [1, 0], [2, 1], [0, 0], [4, 0], [5, 4]]


def test_the_prior_trusts_what_is_clean():
    x, warp = torch.ones(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    guess = prior(x, torch.tensor([0.0, 0.999]), warp)
    torch.testing.assert_close(guess[0], x[0])
    assert guess[1].abs().max() < 0.05


def test_noise_from_the_warp_and_from_the_truth(packed):
    batch = Clips(packed / "train", 0).draw(stage(8, 64, "temporal"))
    torch.manual_seed(0)
    noisy, t = draw_noisy(batch, NoiseConfig(from_warp=1.0, start=0.5, spread=0.1))
    assert ((t >= 0.4) & (t <= 0.6)).all()
    assert (t.reshape(-1, FRAMES).std(1) == 0).all(), "a clip has one time"
    noise = (noisy - (1 - t[:, None, None, None]) * batch.given.warp) / t[:, None, None, None]
    assert abs(float(noise.std()) - 1) < 0.05
    torch.testing.assert_close(noise[0], noise[1], atol=1e-4, rtol=0)


def test_times_are_the_same_in_numpy(tmp_path):
    net = PictureNet(SMALL)
    torch.nn.init.normal_(net.before[0].time.weight)
    save_net(net, tmp_path / "net.safetensors")
    weights = PictureWeights.load(tmp_path / "net.safetensors")
    from models.video.network import turns

    t = torch.tensor([0.55])
    expected = net.before[0].time(net.time(turns(t, SMALL.times)))[0].detach().numpy()
    np.testing.assert_allclose(weights.shift("before.0", 0.55), expected, atol=1e-4)
    np.testing.assert_allclose(time_turns(0.55, 8), turns(t, 8)[0].numpy(), atol=1e-5)


@pytest.fixture(scope="module")
def trained(packed, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    return Trainer(load_training(CONFIGS / "tiny.yaml"), packed, out).train(), out


def test_a_small_run_learns(trained):
    done, out = trained
    assert done.learned_db > done.warp_db + 2, "40 levels too dark is easily mended"
    assert {path.name for path in out.iterdir()} >= {"picture.safetensors", "scalars.jsonl", "samples.png"}


def test_a_run_goes_on_and_ends(trained, packed):
    done, out = trained
    again = Trainer(load_training(CONFIGS / "tiny.yaml"), packed, out).train()
    assert again.steps == done.steps
    assert again.learned_db == pytest.approx(done.learned_db, abs=0.2)


def test_the_same_seed_gives_the_same_weights(packed, tmp_path):
    run = load_training(CONFIGS / "tiny.yaml")
    short = run.model_copy(update={"stages": (run.stages[0].model_copy(update={"steps": 3}),)})
    one, other = (Trainer(short, packed, tmp_path / name).train().weights for name in ("one", "other"))
    for a, b in zip(load_net(one).parameters(), load_net(other).parameters(), strict=True):
        assert torch.equal(a, b)


def test_every_eight_bit_layer_gets_a_range(trained, packed, tmp_path):
    done, _ = trained
    out = quantise(done.weights, packed / "train", tmp_path / "small.safetensors", batches=1)
    weights = PictureWeights.load(out)
    layers = {n.removesuffix(".weight") for n, v in weights.arrays.items() if v.ndim == 4}
    assert set(weights.ranges) == layers - set(KEPT)
    assert all(0 < value < 100 for value in weights.ranges.values())
    assert load_net(out).shape == load_net(done.weights).shape


def test_clips_leave_single_pictures_as_they_were(packed, tmp_path):
    """Frames that follow the photo are drawn by the warp; learned from, they would blur the rest."""
    run = load_training(CONFIGS / "tiny.yaml")
    image, _, temporal = run.stages
    before = Trainer(run.model_copy(update={"stages": (image,)}), packed, tmp_path / "before").train()
    both = run.model_copy(update={"stages": (image, temporal)})
    after = Trainer(both, packed, tmp_path / "after").train()
    one, other = load_net(before.weights).state_dict(), load_net(after.weights).state_dict()
    taught = {name for name in one if not torch.equal(one[name], other[name])}
    assert taught == {name for name in one if name.startswith("temporal.")}


def test_decibels_of_a_known_error():
    one = torch.zeros(1, 3, 4, 4)
    assert decibels(one + 0.2, one) == pytest.approx(20.0)


def test_a_wrong_setting_is_named(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("stages: [{stage: image, steps: 1}]\nsteps: 3\n")
    with pytest.raises(ValueError, match=r"run\.yaml: steps"):
        load_training(path)
    path.write_text("stages: [{stage: picture, steps: 1}]\n")
    with pytest.raises(ValueError, match="image"):
        load_training(path)


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        *((name, ["image", "finish", "temporal"]) for name in ("tiny", "embedded", "grown")),
        ("photographs", ["image", "image"]),
        ("photographs-finish", ["image", "temporal"]),
        ("sampler", ["image", "finish"]),
    ],
)
def test_presets_are_valid(name, stages):
    run = load_training(CONFIGS / f"{name}.yaml")
    assert isinstance(run, PictureTraining)
    assert [stage.stage for stage in run.stages] == stages
