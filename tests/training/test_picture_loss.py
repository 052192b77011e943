"""What a picture is blamed for, and what it is not."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import avg_pool2d, interpolate  # noqa: E402

from models.controls.window import Window  # noqa: E402
from models.video.conditions import SIDE, observe  # noqa: E402
from training.evaluation.marks import IRIS, LIPS  # noqa: E402
from training.pictures.clip import PictureClip  # noqa: E402
from training.pictures.config import LossConfig, StageConfig  # noqa: E402
from training.pictures.cycle import posed_as  # noqa: E402
from training.pictures.data import Clips  # noqa: E402
from training.pictures.loss import mouth, picture_loss  # noqa: E402
from training.pictures.part import Batch  # noqa: E402
from training.pictures.poses import photo_pose  # noqa: E402

pytestmark = pytest.mark.usefixtures("unchecked")
PLAIN, ROUGH = LossConfig(), LossConfig(square=0.0, texture=1.0)


def drawn(clip: PictureClip, folder: Path, loss: LossConfig = PLAIN) -> Batch:
    """Two parts of a clip."""
    clip.save(folder / "0.safetensors")
    return Clips(folder, 0).draw(StageConfig(stage="image", steps=1, batch=2, crop_px=128, loss=loss))


def test_a_cheek_completed_unlike_its_mirror_image_costs(clip, tmp_path):
    batch = drawn(clip, tmp_path, LossConfig(mirror=1.0))
    made = batch.target.clone()
    assert picture_loss(made, batch, LossConfig(mirror=1.0), None).mirror == 0
    made[0, :, :, :64] += 0.5
    found = picture_loss(made, batch, LossConfig(square=0.0, mirror=2.0), None)
    assert found.mirror == pytest.approx(0.125)
    assert found.total == pytest.approx(0.25)


def test_the_error_counts_more_at_the_lips_even_when_they_are_shut(warp):
    photo, window = warp.reference.avatar, Window.around_face(warp.reference.avatar.marks, 512)
    seen = observe(warp.reference, posed_as(warp.reference, photo_pose(photo.fit)), window, photo.reference)
    more = mouth(torch.from_numpy(seen.controls())[None], SIDE)[0, 0].numpy()
    places = window.inside(photo.marks, SIDE).round().astype(int)
    lips, eyes = (more[places[marks, 1], places[marks, 0]] for marks in (LIPS, np.ravel(IRIS)))
    assert (lips > 0.5).all()
    assert (eyes == 0).all()
    assert more.mean() < 0.1


def test_relative_error_asks_the_same_of_easy_and_of_hard_pictures(clip, tmp_path):
    batch = drawn(clip, tmp_path)
    errors = torch.tensor([0.05, 0.5])[:, None, None, None].requires_grad_()
    picture_loss(batch.target + errors, batch, LossConfig(square=0.0, relative=1.0), None).total.backward()
    slopes = errors.grad.flatten() * errors.detach().flatten()
    assert slopes[0] == pytest.approx(slopes[1].item(), rel=0.05), "a tenth less error is worth the same"


def test_a_smooth_mean_costs_more_than_structure_beside_its_place(clip, tmp_path):
    """Squared error has it the other way round, and so it alone teaches a blur."""
    batch = drawn(clip, tmp_path)
    smooth = interpolate(avg_pool2d(batch.target, 4), 128, mode="bilinear")
    beside = batch.target.roll(2, -1)
    by_texture, by_square = (
        [picture_loss(made, batch, weights, None).total for made in (batch.target, beside, smooth)]
        for weights in (ROUGH, PLAIN)
    )
    assert by_texture[0] < 1e-6
    assert 1.5 * by_texture[1] < by_texture[2]
    assert by_square[2] < by_square[1]


def test_texture_knows_no_light(clip, tmp_path):
    batch = drawn(clip, tmp_path)
    assert picture_loss(batch.target + 0.2, batch, ROUGH, None).total < 1e-4
