"""What the tests of the house look at: the repository's own files."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

MAY_IMPORT = {
    "models": set(),
    "engine": {"models"},
    "streaming": {"engine", "models"},
    "agent": {"streaming", "engine", "models"},
    "training": {"models"},
    "benchmarks": {"agent", "streaming", "engine", "models", "training"},
}
"""Each room, and the rooms it may import besides itself."""

IMPORTED = {*MAY_IMPORT, "configs"}
"""Top-level names that visavis installs."""


PLUGINS = {"visavis_client", "pipecat_visavis", "livekit.plugins.visavis"}
"""Import names of the packages in `plugins/`. They are installed elsewhere and talk to visavis by network."""


@cache
def own_files() -> tuple[Path, ...]:
    """Return every file that is, or is about to be, under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def python_files(*folders: str) -> list[Path]:
    """Return our Python files, of some top-level folders or of all."""
    return [
        path
        for path in own_files()
        if path.suffix == ".py" and (not folders or path.relative_to(ROOT).parts[0] in folders)
    ]


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text("utf-8"), str(path))


def imports(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Yield the modules that import statements among the nodes name."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def relative(path: Path) -> str:
    """Return a path as it is named in messages."""
    return path.relative_to(ROOT).as_posix()
