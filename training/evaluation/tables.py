"""How measurements are printed: figures in rows, what is measured in columns, or one line of JSON."""

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from rich.table import Table

from training.evaluation.figures import Figures


def figures_table(title: str, columns: Mapping[str, Figures]) -> Table:
    """Return a table with a column for each entry and a row for each figure that any of them has."""
    table = Table("figure", *columns, title=title)
    names: Sequence[str] = list(dict.fromkeys(name for figures in columns.values() for name in figures))
    for name in names:
        table.add_row(name, *(cell(figures.get(name, float("nan"))) for figures in columns.values()))
    return table


def cell(value: float) -> str:
    """Return a figure as tables show it; a dash where it is not known."""
    if not isfinite(value):
        return "–"
    return f"{value:.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3f}"


def json_line(value: Mapping[str, Any]) -> str:
    """Return one line of JSON; what is not known is null."""
    return json.dumps(_without_nan(value))


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
