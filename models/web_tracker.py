"""The face tracker of the page: MediaPipe's web tasks out of an npm package, kept beside the environment.

The files are 24 MB and not ours, so they are not in the repository: `visavis tracker` brings them, with npm or
from a package file, and every file is compared with its SHA-256. Nothing is loaded from elsewhere when the page
runs. Version 0.10.35 is the last that has no code to report its use to its maker.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from models.assets import AssetDamagedError, AssetMissingError

PACKAGE: Final = "@mediapipe/tasks-vision"
VERSION: Final = "0.10.35"
LICENCE: Final = "Apache-2.0"
FILES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "vision_bundle.mjs": "55d7ab624fbb70dcc5adc4ae6d7ea9cfcb569139d3dbfbf2b1deafcb966bc0fe",
        "wasm/vision_wasm_internal.js": "e7fd9858e8e8f221d9b96eddc11f8e077f263e0b7bbd79d3cbe882b134274f8c",
        "wasm/vision_wasm_internal.wasm": "6a5c64584c2ab61c763b6e204afbdbc7ce1caf7f5216187322bca8df94f646bc",
        "wasm/vision_wasm_nosimd_internal.js": "438d1fe8ff7f4d946025bc211c291543c037d8a3785ed4eee60f1f521b236296",
        "wasm/vision_wasm_nosimd_internal.wasm": "8a3092d34c79d3f57e6ba8592105e8a90f6b07c27891ffecd14cca428bfd3e31",
    }
)
"""SHA-256 of each file by its path in the package; the two variants are for browsers with and without SIMD."""
COMMAND: Final = "visavis tracker"


def tracker_folder() -> Path:
    """Return where the files lie: in the environment, as packages do. It need not exist."""
    return Path(sys.prefix) / "share" / "visavis" / f"tasks-vision-{VERSION}"


def installed_tracker() -> Path | None:
    """Return the folder when all files are there, else None."""
    folder = tracker_folder()
    return folder if all((folder / name).is_file() for name in FILES) else None


def install_tracker(package: Path | None = None) -> Path:
    """Unpack the files into their folder, whole or not at all, and return it.

    Args:
        package: the package's .tgz file; fetched with npm where it is left out.

    Raises:
        AssetMissingError: there is no npm, it cannot fetch, or the package lacks a file.
        AssetDamagedError: a file is not, byte for byte, the one that was tested.
    """
    with tempfile.TemporaryDirectory(prefix="visavis-tracker-") as scratch:
        archive = package or _fetch(Path(scratch))
        unpacked = Path(scratch) / "files"
        _unpack(archive, unpacked)
        target = tracker_folder()
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(unpacked, target)
    return target


def _fetch(folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise AssetMissingError(
            f"npm is needed to get {PACKAGE}@{VERSION}; install Node.js, or bring the package's .tgz file: "
            f"{COMMAND} --package FILE"
        )
    done = subprocess.run(
        [npm, "pack", f"{PACKAGE}@{VERSION}", "--pack-destination", str(folder)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = list(folder.glob("*.tgz"))
    if done.returncode or not found:
        raise AssetMissingError(f"npm could not get {PACKAGE}@{VERSION}: {done.stderr.strip()[-400:]}")
    return found[0]


def _unpack(archive: Path, folder: Path) -> None:
    """Take the files that are wanted out of the package, each after its bytes were compared."""
    try:
        with tarfile.open(archive, "r:gz") as package:
            for name, sha256 in FILES.items():
                member = package.extractfile(f"package/{name}")
                data = member.read() if member is not None else b""
                if hashlib.sha256(data).hexdigest() != sha256:
                    raise AssetDamagedError(
                        f"{name} in {archive.name} is not the tested file; it needs {VERSION}"
                    )
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(data)
    except (tarfile.TarError, KeyError, OSError) as error:
        raise AssetMissingError(f"{archive} is no package of {PACKAGE}: {error}") from error
