"""Errors, sharpness, steadiness and variety on pictures whose answer is known."""

import cv2
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from training.pictures.evaluation.errors import BEST_PSNR_DB, errors_of
from training.pictures.evaluation.regions import regions_of
from training.pictures.evaluation.sharpness import cpbd
from training.pictures.evaluation.steadiness import Flicker, jitter_percent
from training.pictures.evaluation.variety import sample_deviation

EVERYWHERE = np.ones((64, 64), bool)


@pytest.fixture
def picture():
    """Blobs of colour, 64 px."""
    noise = np.random.default_rng(3).uniform(0, 255, (64, 64, 3)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 1.5).astype(np.uint8)


@pytest.fixture
def noisy(picture):
    noise = np.random.default_rng(4).normal(0, 12, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def test_errors_are_those_of_the_textbook(picture, noisy):
    errors = errors_of(picture, noisy)
    assert errors.psnr_db(EVERYWHERE) == pytest.approx(peak_signal_noise_ratio(picture, noisy), abs=1e-3)
    _, similarity = structural_similarity(
        picture,
        noisy,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    inside = np.s_[6:-6, 6:-6]
    assert errors.similarity[inside] == pytest.approx(similarity.mean(-1)[inside], abs=2e-3)
    assert errors.l1(EVERYWHERE) == pytest.approx(np.abs(picture.astype(float) - noisy).mean(), abs=1e-3)


def test_a_region_hears_nothing_of_errors_beside_it(picture):
    other = picture.copy()
    other[:, 40:] = 255 - other[:, 40:]
    left = EVERYWHERE.copy()
    left[:, 30:] = False
    errors = errors_of(picture, other)
    assert errors.psnr_db(left) == BEST_PSNR_DB
    assert errors.ssim(left) == pytest.approx(1.0)
    assert errors.psnr_db(~left) < 25


def bars(blur):
    """Black and white bars, 32 px wide, their edges blurred by a Gaussian of so many pixels."""
    row = np.where(np.arange(256) // 32 % 2, 220.0, 30.0)
    flat = np.tile(row, (256, 1)).astype(np.float32)
    soft = cv2.GaussianBlur(flat, (0, 0), blur) if blur else flat
    return np.repeat(soft[..., None], 3, 2).astype(np.uint8)


def test_blur_lowers_sharpness():
    assert cpbd(bars(0)) == 1.0
    assert cpbd(bars(3)) == 0.0


def test_faint_edges_may_be_wider():
    """Where contrast is low, nobody notices blur as soon."""
    assert cpbd(bars(0.8) // 8 + 100) > cpbd(bars(0.8))


def test_sharpness_needs_edges():
    assert np.isnan(cpbd(np.full((256, 256, 3), 90, np.uint8)))


def flickered(levels):
    state = Flicker()
    for level in levels:
        state = state.add(np.full((4, 4, 3), level, np.uint8))
    return state


def test_flicker_is_the_second_difference():
    mask = np.ones((4, 4), bool)
    assert flickered([10, 20, 30, 40]).mean(mask) == 0.0
    assert flickered([10, 14, 10, 14]).mean(mask) == 8.0
    assert np.isnan(flickered([10, 14]).mean(mask))


def test_flicker_of_the_original_is_forgiven():
    mask = np.ones((4, 4), bool)
    calm, restless = flickered([10, 11, 10, 11]), flickered([10, 14, 10, 14])
    assert restless.beyond(calm, mask) == 6.0
    assert calm.beyond(restless, mask) == 0.0


def test_jitter_is_measured_in_faces():
    steady = np.random.default_rng(0).uniform(0, 100, (478, 2))
    way = steady + np.arange(6)[:, None, None] * 3.0
    assert jitter_percent(way) == pytest.approx(0.0, abs=1e-9)
    shaken = way.copy()
    shaken[1::2, :, 0] += 1.0
    height = np.linalg.norm(steady[10] - steady[152])
    assert jitter_percent(shaken) == pytest.approx(100 * 2.0 / height, rel=0.05)
    assert jitter_percent(2 * shaken) == pytest.approx(jitter_percent(shaken))


def test_samples_differ_where_they_are_invented():
    rng = np.random.default_rng(1)
    base = np.full((16, 16, 3), 128, np.uint8)
    left = np.zeros((16, 16), bool)
    left[:, :8] = True
    samples = []
    for _ in range(4):
        sample = base.copy()
        sample[:, :8] = rng.integers(108, 149, (16, 8, 3))
        samples.append(sample)
    assert sample_deviation(samples, left) == pytest.approx(11.7, abs=1.5)
    assert sample_deviation(samples, ~left) == 0.0
    assert np.isnan(sample_deviation(samples[:1], left))


def test_regions_lie_where_the_landmarks_are(avatar):
    regions = regions_of(avatar.marks, avatar.side)
    assert set(regions) == {"full", "face", "mouth", "eyes"}
    face, mouth, eyes = (regions[name] for name in ("face", "mouth", "eyes"))
    assert face.top < eyes.top < eyes.bottom < mouth.bottom < face.bottom
    for x, y in avatar.marks[[61, 291, 13, 14]]:
        assert mouth.mask[int(y), int(x)]
    assert regions["full"].mask.all()
    assert mouth.mask.sum() < 0.25 * face.mask.sum()
