"""What is installed from a built wheel is complete: page, presets, weights, and no tests."""

import pytest

from tests.house.repository import IMPORTED, ROOT, own_files
from tests.house.wheels import build_wheel

NEEDED = (".py", ".yaml", ".safetensors", ".html", ".css", ".js", ".svg", ".png", ".woff2")


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory):
    return set(build_wheel(ROOT, tmp_path_factory.mktemp("source")).namelist())


def test_everything_the_rooms_need_is_inside(wheel_names):
    needed = {
        path.relative_to(ROOT).as_posix()
        for path in own_files()
        if path.relative_to(ROOT).parts[0] in IMPORTED and path.suffix in NEEDED
    }
    assert not needed - wheel_names


def test_nothing_else_is_installed(wheel_names):
    tops = {name.partition("/")[0] for name in wheel_names}
    assert {top for top in tops if not top.endswith(".dist-info")} <= IMPORTED


def test_licences_are_inside(wheel_names):
    files = {name.rpartition("/")[2] for name in wheel_names if ".dist-info/" in name}
    assert {"LICENSE", "NOTICE", "METADATA", "entry_points.txt"} <= files
