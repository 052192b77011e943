"""A wheel of one of the repository's packages, built from the files that are its own."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.house.repository import own_files


def build_wheel(package: Path, work: Path) -> zipfile.ZipFile:
    """Copy a package's own files and build them, as a release would.

    Args:
        package: the folder of its `pyproject.toml`.
        work: an empty folder.
    """
    for path in own_files():
        if path.is_relative_to(package):
            copy = work / path.relative_to(package)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "-w", "built", "."], cwd=work, check=True, capture_output=True)
    (wheel,) = (work / "built").glob("*.whl")
    return zipfile.ZipFile(wheel)
