"""What a measurement prints: tables to read, or one line of JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from math import isfinite
from operator import add
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from models.motion.frame import FPS
from training.evaluation.agreement import LAGS, lag_in_step, shared_lag
from training.evaluation.closings import Closings
from training.evaluation.closures import ClosureCount
from training.evaluation.drive import Pace
from training.evaluation.figures import Figures, mean_of
from training.evaluation.generated import GeneratedResult
from training.evaluation.measure import TRACKED, WORN, ClipResult, Score
from training.evaluation.tables import cell, figures_table, json_line

_MAIN: Final = "aperture_correlation"


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one run measured."""

    systems: tuple[str, ...]
    seeds: int
    pace: Pace
    clips: tuple[ClipResult, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    """Clips that could not be measured, and why."""
    generated: Mapping[str, GeneratedResult] = field(default_factory=dict)

    def means(self) -> dict[str, Figures]:
        """Return each system's figures over all clips; closures by their sum, not by clip."""
        return {name: self._mean(name) for name in (TRACKED, WORN, *self.systems) if self.clips}

    def _mean(self, name: str) -> Figures:
        scores = [clip.scores[name] for clip in self.clips if name in clip.scores]
        figures = mean_of([score.figures for score in scores])
        if lags := [score.lags for score in scores if score.lags]:
            lag, best = shared_lag(lags)
            figures |= {"aperture_correlation_best_lag": best, "best_lag_frames": lag}
            # What wears the person's own motion is in step with them, whatever the sound.
            figures["aperture_correlation_in_step"] = float("nan") if name == WORN else self._in_step(lags)
        closures = reduce(add, [score.closures for score in scores], ClosureCount())
        closings = reduce(add, [score.closings for score in scores], Closings())
        return figures | closure_figures(closures, closings)

    def _in_step(self, by_clip: Sequence[Sequence[float]]) -> float:
        """Return the mean where the people's own closings say that sound and picture are in step."""
        closings = reduce(add, [clip.scores[TRACKED].closings for clip in self.clips], Closings())
        if not isfinite(closings.late_ms):
            return float("nan")
        return float(np.nanmean([row[LAGS.index(lag_in_step(closings.late_ms))] for row in by_clip]))

    def as_json(self) -> str:
        """Return one line; what is not known is null."""
        line = {
            "systems": self.systems,
            "seeds": self.seeds,
            "fps": FPS,
            "chunk_frames": self.pace.chunk_frames,
            "lookahead_ms": self.pace.lookahead_ms,
            "clips": [_clip_line(clip) for clip in self.clips],
            "refused": dict(self.refused),
            "mean": self.means(),
            "generated": {name: _generated_line(result) for name, result in self.generated.items()},
        }
        return json_line(line)

    def show(self, console: Console) -> None:
        """Print the tables."""
        if self.clips:
            console.print(self._by_clip())
            console.print(figures_table("Means over the clips", self.means()))
        if self.generated:
            lines = {name: _generated_line(result) for name, result in self.generated.items()}
            flat = {
                name: {f"{part} {k}": v for part, figures in line.items() for k, v in figures.items()}
                for name, line in lines.items()
            }
            console.print(figures_table("Without clips: generated speech, other sounds, idling", flat))
        for name, why in self.refused.items():
            console.print(f"{name}: {why}", style="yellow")
        for clip in self.clips:
            if clip.cut:
                console.print(
                    f"{clip.name}: only its first {clip.frames / FPS:.0f} s were measured", style="yellow"
                )

    def _by_clip(self) -> Table:
        table = Table(
            "clip", *self.systems, "text", title="Lip aperture, correlation with the tracked person"
        )
        for clip in self.clips:
            cells = [
                clip.scores[n].figures[_MAIN] if n in clip.scores else float("nan") for n in self.systems
            ]
            table.add_row(clip.name, *map(cell, cells), clip.text[:48])
        means = self.means()
        table.add_section()
        table.add_row(
            "mean", *(cell(means[name].get(_MAIN, float("nan"))) for name in self.systems), "no lag chosen"
        )
        return table


def closure_figures(count: ClosureCount, closings: Closings) -> Figures:
    """Return recall and precision of closures, how many bilabials there were, and how late lips meet."""
    return {
        "closure_recall": count.recall,
        "closure_precision": count.precision,
        "bilabials": float(count.spoken),
        "closings_late_ms": closings.late_ms,
    }


def _clip_line(clip: ClipResult) -> dict[str, Any]:
    return {
        "clip": clip.name,
        "text": clip.text,
        "aligned": clip.phones is not None,
        "seconds": clip.frames / FPS,
        "cut": clip.cut,
        "systems": {name: _clip_figures(score) for name, score in clip.scores.items()},
    }


def _clip_figures(score: Score) -> Figures:
    # A person has no lags: nothing is held against them.
    lagged = {f"aperture_correlation_at_{lag:+d}": r for lag, r in zip(LAGS, score.lags, strict=False)}
    return score.figures | closure_figures(score.closures, score.closings) | lagged


def _generated_line(result: GeneratedResult) -> dict[str, Figures]:
    speech = result.speech
    said = {} if speech is None else speech.figures | closure_figures(speech.closures, speech.closings)
    return {
        "speech": said,
        "opening_over_speech": result.openings,
        "movement_over_speech": result.movements,
        "idle": result.idle,
    }
