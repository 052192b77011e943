"""What all tests share: shape checks, virtual time, the command line, the corpus.

A test marked `virtual_time` runs on `engine.virtual_time.VirtualTimeLoop`.
A test marked `corpus` takes the fixture `corpus`, and is skipped where there is no corpus.
A test marked `browser` takes the fixture `chromium`, and is skipped where there is no Chromium.
"""

import asyncio
import os
import shutil
from pathlib import Path

import jaxtyping
import pytest

import tests.shape_checks

ROOT = Path(__file__).parent.parent
NO_CORPUS = "no corpus beside the checkout, and VISAVIS_CORPUS names none"
NO_CHROMIUM = "no Chromium on the PATH, and VISAVIS_CHROMIUM names none"
PACKAGES = ("models", "engine", "streaming", "agent", "training")


def _checkable_modules() -> list[str]:
    """Return our modules that speak of shapes and may be checked: numba cannot compile a checked function."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    texts = {file: file.read_text() for file in files if file.stem != "__init__"}
    checkable = [file for file, text in texts.items() if "jaxtyping" in text and "numba" not in text]
    return [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in checkable]


jaxtyping.install_import_hook(_checkable_modules(), "tests.shape_checks.check")

from engine.virtual_time import VirtualTimeLoop  # noqa: E402  (the hook must be there before our modules)


def pytest_configure(config):
    config.addinivalue_line("markers", "virtual_time: runs on a loop whose clock jumps to the next timer")


def pytest_asyncio_loop_factories(config, item):
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualTimeLoop}
    return {"asyncio": asyncio.new_event_loop}


def _corpus_folder() -> Path | None:
    named = os.environ.get("VISAVIS_CORPUS")
    folder = Path(named) if named else ROOT.parent / "shared"
    return folder if folder.is_dir() else None


def _chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("VISAVIS_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def pytest_collection_modifyitems(items):
    reasons = {
        "corpus": None if _corpus_folder() else NO_CORPUS,
        "browser": None if _chromium() else NO_CHROMIUM,
    }
    for item in items:
        for marker, reason in reasons.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def unchecked():
    """Leave the shape checks off: for tests of many thousand frames."""
    with tests.shape_checks.switched_off():
        yield


@pytest.fixture
def run(capfd):
    """Run one command of `visavis` in this process; returns its exit status, output and errors."""
    from agent.cli import main

    def run(*arguments):
        with pytest.raises(SystemExit) as exit:
            main(arguments)
        output, errors = capfd.readouterr()
        return exit.value.code or 0, output, errors

    return run


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Folder of the shared corpus (`portraits/`, `speech/`, …)."""
    folder = _corpus_folder()
    if folder is None:
        pytest.skip(NO_CORPUS)
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium that can be driven."""
    path = _chromium()
    if path is None:
        pytest.skip(NO_CHROMIUM)
    return path
