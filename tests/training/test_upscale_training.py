"""Training the upscaler: what is packed for it, and that a small run learns."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.video.upscale import UpscaleWeights  # noqa: E402
from models.video.upscale_network import UpscaleNet, grey  # noqa: E402
from models.video.weights import ASSET, PictureWeights  # noqa: E402
from models.warp import WarpPicture  # noqa: E402
from training.pictures.config import LossConfig  # noqa: E402
from training.pictures.pack import pack  # noqa: E402
from training.pictures.part import as_planes  # noqa: E402
from training.pictures.upscale.pack import FinePicture, fine_picture, pack_fine  # noqa: E402
from training.pictures.upscale.train import UpscaleTraining, load_upscale, train_upscale  # noqa: E402

pytestmark = pytest.mark.usefixtures("unchecked")
RUN = UpscaleTraining(width=16, steps=60, batch=4, crop_px=64, warmup_steps=5, learning_rate=0.003)


@pytest.fixture(scope="module")
def blurred(tmp_path_factory):
    """Pictures whose fine stripes the picture network has lost, and the warp has elsewhere."""
    folder, random = tmp_path_factory.mktemp("fine"), np.random.default_rng(0)
    for number in range(8):
        level = random.integers(60, 180, (1, 1, 3))
        stripes = 20 * (np.arange(96) % 2 * 2 - 1)[None, :, None]
        warp, target = (np.broadcast_to(level + s, (96, 96, 3)) for s in (stripes, -stripes))
        made = np.broadcast_to(level, (96, 96, 3))
        FinePicture(*(p.astype(np.uint8) for p in (warp, made, target))).save(
            folder / f"{number}.safetensors"
        )
    return folder


def test_the_parts_of_a_fine_picture_lie_over_each_other(default_portrait):
    found = fine_picture(WarpPicture(default_portrait), PictureWeights.load(), (0, 1))
    assert found.warp.shape == found.made.shape == found.target.shape
    photo = found.target.astype(float)
    warped, made = (np.abs(picture - photo).mean() for picture in (found.warp, found.made))
    assert made < warped < np.abs(found.target - photo.mean((0, 1))).mean(), "it is nearer to the photo"
    again = fine_picture(WarpPicture(default_portrait), PictureWeights.load(), (0, 1))
    assert (found.made == again.made).all()


def test_whom_the_trainer_never_sees_the_upscaler_does_not_see(default_photo, tmp_path):
    photos, clips = tmp_path / "photos", tmp_path / "clips"
    photos.mkdir()
    for name in ("a.png", "b.png"):
        default_photo.save(photos / name)
    pack(photos, clips, rounds=1, held_out=1, seed=0, workers=1)
    out = pack_fine(photos, clips, ASSET, held_out=1, pictures=2, seed=0, workers=1)
    assert [path.name for path in sorted(out.iterdir())] == ["0000-000.safetensors", "0000-001.safetensors"]


def test_a_small_run_learns(blurred, tmp_path):
    weights = UpscaleWeights.load(train_upscale(RUN, blurred, tmp_path))
    net = UpscaleNet(weights.width)
    net.load_state_dict({name: torch.from_numpy(value) for name, value in weights.arrays.items()})
    picture = FinePicture.load(sorted(blurred.iterdir())[0])
    warp, made, target = (as_planes(p[None]) for p in (picture.warp, picture.made, picture.target))
    with torch.no_grad():
        finer = made + net(grey(warp), grey(made))
    inside = np.s_[:, :, 8:-8, 8:-8]
    assert (finer - target)[inside].square().mean() < 0.1 * (made - target)[inside].square().mean()


def test_the_same_seed_gives_the_same_weights(blurred, tmp_path):
    run = RUN.model_copy(update={"steps": 6, "loss": LossConfig(adversarial=0.01)})
    one, other = (train_upscale(run, blurred, tmp_path / name).read_bytes() for name in ("one", "other"))
    assert one == other


def test_the_preset_is_what_ships():
    run = load_upscale(Path(__file__).parents[2] / "configs" / "pictures" / "upscale.yaml")
    assert run.width == UpscaleWeights.load().width


def test_a_wrong_setting_is_named(tmp_path):
    (tmp_path / "run.yaml").write_text("steps: 3\nsharpness: 2\n")
    with pytest.raises(ValueError, match="sharpness"):
        load_upscale(tmp_path / "run.yaml")
    with pytest.raises(ValueError, match="holds no pictures"):
        train_upscale(RUN, tmp_path, tmp_path)
