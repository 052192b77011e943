"""Sizes, marks and paths that must not creep in."""

import ast
import re

import pytest

from tests.house.repository import own_files, python_files, relative, tree

FILE_LINES = 400
FUNCTION_LINES = 60
WEIGHTS_MB = 60
WEIGHTS = {
    ".safetensors",
    ".onnx",
    ".pt",
    ".pth",
    ".bin",
    ".tflite",
    ".task",
    ".gguf",
    ".npz",
    ".npy",
    ".pkl",
}

NEVER = {
    "a path of one machine": r"(?<![\w.])/(?:root|home|work|Users)/[\w.-]+/",
    "a mark of unfinished work": r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b",
    "a package registry's host": r"pypi\.o"
    + r"rg|pythonhoste"
    + r"d\.org|npmjs\.o"
    + r"rg|pytorch\.o"
    + r"rg/whl",
}


def texts():
    for path in own_files():
        content = path.read_bytes()
        if b"\0" not in content:
            yield path, content.decode("utf-8")


@pytest.mark.parametrize("what", NEVER)
def test_never_contains(what):
    found = {
        f"{relative(path)}: {match.group()}"
        for path, text in texts()
        for match in re.finditer(NEVER[what], text)
    }
    assert not found


def test_files_are_short():
    long = {
        relative(path): lines
        for path, text in texts()
        if path.suffix in {".py", ".js"} and (lines := text.count("\n")) > FILE_LINES
    }
    assert not long


def test_functions_are_short():
    long = {
        f"{relative(path)}:{node.lineno} {node.name}": lines
        for path in python_files()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    }
    assert not long


def test_no_second_versions():
    names = [relative(path) for path in own_files()]
    assert not [name for name in names if re.search(r"_(v\d+|legacy|old|new|copy|backup)\b", name)]


def test_annotations_are_not_postponed():
    """Postponed annotations would hide array shapes from the checks at run time."""
    found = {
        relative(path)
        for path in python_files()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    }
    assert not found


def test_weights_are_small_and_safe():
    weights = [path for path in own_files() if path.suffix in WEIGHTS]
    assert {path.suffix for path in weights} <= {".safetensors"}
    assert sum(path.stat().st_size for path in weights) <= WEIGHTS_MB * 1e6
