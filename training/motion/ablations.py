"""Ablations: one small run with one thing changed each, all measured alike (paper, Table 2's upper half).

Besides what is trained: the unchanged run at several sizes of chunks and lengths of lookahead.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any, Final

from training.evaluation.drive import Pace
from training.evaluation.figures import Figures
from training.evaluation.report import Report
from training.evaluation.run import run as evaluate
from training.motion.config import MotionTraining
from training.motion.train import Trainer

Progress = Callable[[str, float], None]

WHOLE: Final = "whole"


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing changed."""

    name: str
    change: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the run, nested as in its file."""
    options: str = ""
    """How it is sampled, as in `training.evaluation.learned`."""


VARIANTS: Final = (
    Variant(WHOLE),
    Variant("absolute pose", {"absolute_pose": True}),
    Variant("no temporal loss", {"loss": {"temporal_expression": 0.0, "temporal_body": 0.0}}),
    Variant("no guidance", {"drop": {"sound": 0.0}}, "guidance=1"),
    Variant("mouth's past always seen", {"drop": {"mouth_past": 0.0}}),
)
PACES: Final = (Pace(1, 0), Pace(1, 80), Pace(1, 120), Pace(1, 200), Pace(4, 0), Pace(4, 200), Pace(8, 200))


@dataclass(frozen=True, slots=True)
class Ablation:
    """One line of the table."""

    name: str
    pace: Pace
    held_out_loss: float
    figures: Mapping[str, float | None]
    """Against people where clips are given, else of generated speech; null where nothing is known."""

    def as_json(self) -> str:
        """Return one line."""
        return json.dumps(
            {
                "variant": self.name,
                "chunk_frames": self.pace.chunk_frames,
                "lookahead_ms": self.pace.lookahead_ms,
                "held_out_loss": self.held_out_loss,
                **self.figures,
            }
        )


def find_variants(names: Sequence[str]) -> list[Variant]:
    """Return the variants of these names, or all where none is named.

    Raises:
        ValueError: There is no such variant.
    """
    known = {variant.name: variant for variant in VARIANTS}
    if unknown := set(names) - set(known):
        raise ValueError(f"no variant {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    return [known[name] for name in names] or list(VARIANTS)


def changed(run: MotionTraining, change: Mapping[str, Any]) -> MotionTraining:
    """Return the run with some keys replaced, all others as they were.

    Raises:
        ValidationError: A key is unknown, or a value out of range.
    """
    whole = run.model_dump()
    for key, value in change.items():
        whole[key] = {**whole[key], **value} if isinstance(value, Mapping) else value
    return MotionTraining.model_validate(whole)


def ablate(
    run: MotionTraining,
    variants: Sequence[Variant],
    corpus: Path,
    out: Path,
    clips: Path | None,
    seeds: int,
    progress: Progress,
    measure: Callable[..., Report] = evaluate,
) -> Iterator[Ablation]:
    """Train each variant under `out`, and yield its line as soon as it is measured.

    A run that lies in its folder goes on where it stopped: call again to finish an interrupted table.

    Args:
        run: What is changed.
        variants: How.
        corpus: As `visavis train corpus` makes it.
        out: Folder for the runs.
        clips: Talking videos, or None to measure on generated speech.
        seeds: Samples of each sound.
        progress: Told what is measured.
        measure: `training.evaluation.run.run`, or what answers as it does.

    Raises:
        ValueError: The corpus is empty, or no clip can be measured.
    """
    for variant in variants:
        folder = out / variant.name.replace(" ", "-").replace("'", "")
        done = Trainer(changed(run, variant.change), corpus, folder).train()
        options = ",".join(filter(None, (f"weights={done.weights}", "scorer=none", variant.options)))
        for pace in PACES if variant.name == WHOLE else (Pace(),):
            report = measure([f"diffusion:{options}"], clips, seeds, pace, progress, generated=clips is None)
            yield Ablation(variant.name, pace, done.last_loss, figures_of(report))


def figures_of(report: Report) -> dict[str, float | None]:
    """Return the only system's figures."""
    (name,) = report.systems
    figures: Figures = {}
    if report.clips:
        figures = report.means()[name]
    elif (speech := report.generated[name].speech) is not None:
        figures = speech.figures
    return {key: value if isfinite(value) else None for key, value in figures.items()}
