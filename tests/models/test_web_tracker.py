"""The page's face tracker is unpacked whole or not at all, and compared with the tested files."""

import hashlib
import io
import sys
import tarfile

import pytest

from models import web_tracker
from models.assets import AssetDamagedError, AssetMissingError


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Two small files in place of the real ones, and an environment of their own."""
    contents = {"bundle.mjs": b"export {};", "wasm/tracker.wasm": b"\0asm"}
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    monkeypatch.setattr(web_tracker, "FILES", sums)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    return contents


def packed(path, files):
    with tarfile.open(path, "w:gz") as package:
        for name, data in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            package.addfile(member, io.BytesIO(data))
    return path


def test_a_package_is_unpacked(files, tmp_path):
    assert web_tracker.installed_tracker() is None
    folder = web_tracker.install_tracker(packed(tmp_path / "good.tgz", files | {"README.md": b"more"}))
    assert web_tracker.installed_tracker() == folder
    assert (folder / "wasm/tracker.wasm").read_bytes() == b"\0asm"
    assert not (folder / "README.md").exists()


def test_a_changed_file_is_refused_and_nothing_stays(files, tmp_path):
    with pytest.raises(AssetDamagedError, match="bundle"):
        web_tracker.install_tracker(packed(tmp_path / "bad.tgz", files | {"bundle.mjs": b"evil()"}))
    assert web_tracker.installed_tracker() is None


def test_a_package_without_a_file_or_no_package_at_all_is_told(files, tmp_path):
    with pytest.raises(AssetMissingError, match="tasks-vision"):
        web_tracker.install_tracker(packed(tmp_path / "half.tgz", {"bundle.mjs": files["bundle.mjs"]}))
    (tmp_path / "text.tgz").write_text("no archive")
    with pytest.raises(AssetMissingError, match="tasks-vision"):
        web_tracker.install_tracker(tmp_path / "text.tgz")
