"""What the measurement of pictures prints: a table for each task, or one line of JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from rich.console import Console

from training.evaluation.figures import Figures, mean_of
from training.evaluation.tables import figures_table, json_line
from training.pictures.evaluation.drift import Drift
from training.pictures.evaluation.restoration import Plan

BASELINE: Final = "warp"
"""What every other system is compared with, picture by picture."""
Scores = Mapping[str, Mapping[str, Figures]]
"""By portrait or clip, then by system."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one run measured."""

    systems: tuple[str, ...]
    plan: Plan
    portraits: Scores = field(default_factory=dict)
    """Cycle-warp restoration."""
    clips: Scores = field(default_factory=dict)
    """Self-reenactment."""
    drift: Mapping[str, Drift] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    """Portraits and clips that could not be measured, and why."""
    missing: tuple[str, ...] = ()
    """What was not measured at all."""

    def as_json(self) -> str:
        """Return one line; what is not known is null."""
        line: dict[str, Any] = {
            "systems": self.systems,
            "takes": self.plan.takes,
            "seeds": self.plan.seeds,
            "settle": self.plan.settle,
            "seed": self.plan.seed,
            "refused": dict(self.refused),
            "missing": self.missing,
        }
        for task, scores in self._tasks().items():
            line[task] = {"mean": means(scores), f"gain_over_{BASELINE}": gains(scores), "each": scores}
        line["drift"] = {name: drift.summary() for name, drift in self.drift.items()}
        return json_line(line)

    def show(self, console: Console) -> None:
        """Print the tables."""
        titles = {
            "portraits": "Cycle-warp restoration, mean of {} portraits",
            "clips": "Self-reenactment, mean of {} clips",
        }
        for task, scores in self._tasks().items():
            if scores:
                console.print(figures_table(titles[task].format(len(scores)), means(scores)))
        if self.drift:
            console.print(
                figures_table("Drift: last round less first", {n: d.summary() for n, d in self.drift.items()})
            )
        for name, why in self.refused.items():
            console.print(f"{name}: {why}", style="yellow")
        for why in self.missing:
            console.print(why, style="yellow")

    def _tasks(self) -> dict[str, Scores]:
        return {"portraits": self.portraits, "clips": self.clips}


def means(scores: Scores) -> dict[str, Figures]:
    """Return each system's figures, mean over portraits or clips."""
    names = dict.fromkeys(name for by_system in scores.values() for name in by_system)
    return {name: mean_of([one[name] for one in scores.values() if name in one]) for name in names}


def gains(scores: Scores, baseline: str = BASELINE) -> dict[str, dict[str, list[float]]]:
    """Return by how much systems exceed the baseline: mean difference and its standard error.

    Pairs are of one portrait or clip. A lower distance is a negative gain, and welcome.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for by_system in scores.values():
        for name in by_system.keys() - {baseline} if baseline in by_system else ():
            for figure in by_system[name].keys() & by_system[baseline].keys():
                apart = by_system[name][figure] - by_system[baseline][figure]
                found.setdefault(name, {}).setdefault(figure, []).append(apart)
    return {
        name: {figure: _mean_and_error(apart) for figure, apart in sorted(figures.items())}
        for name, figures in sorted(found.items())
    }


def _mean_and_error(differences: list[float]) -> list[float]:
    known = np.array([one for one in differences if np.isfinite(one)])
    if len(known) < 2:
        return [float(known.mean()) if len(known) else float("nan"), float("nan")]
    return [float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known)))]
