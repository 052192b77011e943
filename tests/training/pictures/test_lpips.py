"""LPIPS: its weights are read without running anything, and its network is the published one."""

import hashlib
import io
import os
import pickle
import tarfile

import numpy as np
import pytest
import torch

from training.pictures.evaluation import lpips_weights
from training.pictures.evaluation.lpips import BACKBONES, as_tensor, build_lpips, open_lpips
from training.pictures.evaluation.lpips_weights import (
    ARCHIVE_FOLDER,
    FILES,
    LpipsWeightsError,
    WeightsFile,
    find_weights,
    read_weights,
    unpack_weights,
)


@pytest.fixture(scope="module")
def arrays():
    """Small random weights of AlexNet's form."""
    rng = np.random.default_rng(0)
    stages, backbone = BACKBONES["alex"]
    found, inputs = {}, 3
    for at, stage in enumerate(stages):
        (kernel,), (outputs,) = stage.kernels, stage.channels
        spread = 1 / np.sqrt(kernel * kernel * inputs)
        found[f"{backbone}/Conv_{at}/kernel"] = rng.normal(0, spread, (kernel, kernel, inputs, outputs))
        found[f"{backbone}/Conv_{at}/bias"] = rng.normal(0, 0.1, outputs)
        found[f"NetLinLayer_{at}/Conv_0/kernel"] = rng.uniform(0, 1, (1, 1, outputs, 1))
        inputs = outputs
    return {name: array.astype(np.float32) for name, array in found.items()}


@pytest.fixture(scope="module")
def lpips(arrays):
    return build_lpips("alex", arrays)


@pytest.fixture
def picture():
    return np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)


def test_the_first_stage_is_the_convolution_of_the_file(lpips, arrays, picture):
    """Kernels lie in the file as rows, columns, inputs, outputs; a wrong turn would show here."""
    with torch.inference_mode():
        first, *_ = lpips.features(as_tensor(picture))
    row, column = 3, 5
    padded = np.pad(
        (picture / 127.5 - 1 - (-0.030, -0.088, -0.188)) / (0.458, 0.448, 0.450), ((2, 2), (2, 2), (0, 0))
    )
    patch = padded[4 * row : 4 * row + 11, 4 * column : 4 * column + 11]
    kernel, bias = arrays["AlexNet_0/Conv_0/kernel"], arrays["AlexNet_0/Conv_0/bias"]
    expected = np.maximum(np.einsum("rci,rcio->o", patch, kernel) + bias, 0)
    expected /= np.linalg.norm(expected)
    assert first[0, :, row, column].numpy() == pytest.approx(expected, abs=1e-4)


def test_distance_is_zero_for_the_same_and_grows_with_noise(lpips, picture):
    def apart(spread):
        noise = np.random.default_rng(2).normal(0, spread, picture.shape)
        noisy = np.clip(picture + noise, 0, 255).astype(np.uint8)
        with torch.inference_mode():
            return lpips(as_tensor(picture), as_tensor(noisy)).item()

    assert apart(0) == 0.0
    assert 0 < apart(5) < apart(40)


def test_weights_are_read_by_their_names(tmp_path):
    tree = {"VGG16_0": {"Conv_0": {"bias": np.arange(3, dtype=np.float32)}}}
    (tmp_path / "weights").write_bytes(pickle.dumps(tree))
    (name, array), *rest = read_weights(tmp_path / "weights").items()
    assert not rest
    assert name == "VGG16_0/Conv_0/bias"
    assert array.tolist() == [0, 1, 2]


def test_a_pickle_that_would_run_something_is_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trap"),)

    (tmp_path / "weights").write_bytes(pickle.dumps({"a": Trap()}))
    with pytest.raises(LpipsWeightsError, match="arrays alone"):
        read_weights(tmp_path / "weights")
    assert not (tmp_path / "trap").exists()


def test_files_come_out_of_the_archive_and_are_compared(tmp_path, monkeypatch):
    contents = {net: net.encode() * 9 for net in FILES}
    known = {net: WeightsFile(FILES[net].name, hashlib.sha256(contents[net]).hexdigest()) for net in FILES}
    monkeypatch.setattr(lpips_weights, "FILES", known)
    with tarfile.open(tmp_path / "archive.tar.gz", "w:gz") as archive:
        for net, file in known.items():
            entry = tarfile.TarInfo(f"{ARCHIVE_FOLDER}/{file.name}")
            entry.size = len(contents[net])
            archive.addfile(entry, io.BytesIO(contents[net]))
    unpack_weights(tmp_path / "archive.tar.gz", tmp_path)
    assert find_weights("vgg", tmp_path).read_bytes() == contents["vgg"]
    (tmp_path / known["alex"].name).write_bytes(b"other")
    with pytest.raises(LpipsWeightsError, match="not the tested file"):
        find_weights("alex", tmp_path)


def test_absent_weights_are_told_the_command(tmp_path):
    with pytest.raises(LpipsWeightsError, match="visavis evaluate fetch"):
        open_lpips("alex", tmp_path)
    with pytest.raises(LpipsWeightsError, match="alex, vgg"):
        open_lpips("squeeze", tmp_path)


@pytest.mark.parametrize("net", FILES)
def test_real_weights_find_blur_worse_than_light(net):
    import cv2
    import skimage.data

    try:
        lpips = open_lpips(net)
    except LpipsWeightsError as error:
        pytest.skip(str(error))
    person = cv2.resize(skimage.data.astronaut()[:256, 96:352], (128, 128), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(person, (0, 0), 2.0)
    lit = np.clip(person.astype(int) + 12, 0, 255).astype(np.uint8)
    with torch.inference_mode():
        blur, light = (lpips(as_tensor(person), as_tensor(other)).item() for other in (blurred, lit))
    assert blur > 3 * light
    assert 0.1 < blur < 0.6
