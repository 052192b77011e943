"""The plugins as they are installed elsewhere: complete, typed, in nobody's way."""

import pytest

from tests.house.repository import ROOT, own_files
from tests.house.wheels import build_wheel

PACKAGES = {
    "visavis-client": "visavis_client",
    "pipecat-visavis": "pipecat_visavis",
    "livekit-plugins-visavis": "livekit/plugins/visavis",
}


@pytest.fixture(scope="module", params=PACKAGES)
def wheel(request, tmp_path_factory):
    """Name of a package, and the wheel that is built from it."""
    name = request.param
    return name, build_wheel(ROOT / "plugins" / name, tmp_path_factory.mktemp("source"))


def test_everything_is_inside_and_nothing_else(wheel):
    name, archive = wheel
    folder, source = PACKAGES[name], ROOT / "plugins" / name / "src"
    inside = {file for file in archive.namelist() if ".dist-info/" not in file}
    ours = {path.relative_to(source).as_posix() for path in own_files() if path.is_relative_to(source)}
    assert inside == ours
    assert f"{folder}/py.typed" in inside
    assert all(file.startswith(f"{folder}/") for file in inside), "`livekit` and its `plugins` are shared"


def test_its_version_is_the_pinned_one(wheel):
    name, archive = wheel
    metadata = next(file for file in archive.namelist() if file.endswith("/METADATA"))
    version = next(
        line for line in archive.read(metadata).decode().splitlines() if line.startswith("Version:")
    )
    assert f"{name}=={version.split()[1]}\n" in (ROOT / "constraints.txt").read_text()


def test_it_needs_nothing_of_visavis_itself(wheel):
    _, archive = wheel
    metadata = next(file for file in archive.namelist() if file.endswith("/METADATA"))
    needs = [
        line for line in archive.read(metadata).decode().splitlines() if line.startswith("Requires-Dist:")
    ]
    assert not [line for line in needs if line.split()[1].partition(">")[0] == "visavis"]
