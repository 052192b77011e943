"""What the commands write on: two consoles, and a progress bar that native libraries cannot tear."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from models.home import home

out = Console()
"""Answers."""
err = Console(stderr=True)
"""Everything else."""


@contextmanager
def progress_bar() -> Iterator[Callable[[str, float], None]]:
    """Show a bar; yields a function that takes what is being done and the fraction done, 0..1."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with _screen() as screen, Progress(*columns, console=Console(file=screen)) as bar:
        task = bar.add_task("Starting", total=1.0)
        yield lambda stage, fraction: bar.update(task, description=stage, completed=fraction)


@contextmanager
def _screen() -> Iterator[TextIO]:
    """Yield standard error for ourselves, and send what native libraries write there into a log file.

    MediaPipe and TensorFlow Lite log past Python's streams and would tear the bar apart.
    """
    log = home() / "libraries.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    with os.fdopen(os.dup(2), "w") as screen, log.open("w") as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield screen
        finally:
            sys.stderr.flush()
            os.dup2(screen.fileno(), 2)
