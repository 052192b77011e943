"""The learned stage by a specification: `diffusion`, or `diffusion:weights=FILE,steps=8,scorer=none`."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from models.motion.stage import MotionStage
from models.speech.scorer import SileroScorer, SpeechScorer


def has_weights() -> bool:
    """Tell whether the bundled weights are there."""
    from models.motion.diffusion.stage import BUNDLED

    return BUNDLED.is_file()


def open_learned(options: str) -> MotionStage[Any]:
    """Return the stage.

    Args:
        options: `name=value` pairs, commas between: `weights`, `scorer` (`silero`, as it is live, or `none`),
            and the fields of `Sampling`.

    Raises:
        ValueError: There is no such option, or its value is none.
        OSError: There are no such weights.
    """
    from models.motion.diffusion.stage import BUNDLED, DiffusionMotion, Sampling

    given = _pairs(options)
    scorer = _scorer(given.pop("scorer", "silero"))
    weights = Path(given.pop("weights", BUNDLED))
    kinds: dict[str, Any] = {field.name: field.type for field in fields(Sampling)}
    if unknown := set(given) - set(kinds):
        raise ValueError(
            f"no option {', '.join(sorted(unknown))}; there are: weights, scorer, {', '.join(kinds)}"
        )
    sampling = Sampling(**{name: kinds[name](value) for name, value in given.items()})
    return DiffusionMotion(weights, sampling, scorer)


def _scorer(name: str) -> SpeechScorer[Any] | None:
    """Return what tells speech from other sounds.

    Raises:
        ValueError: There is none of that name.
    """
    if name == "none":
        return None
    if name == "silero":
        return SileroScorer()
    raise ValueError(f"no scorer {name!r}; there are: silero, none")


def short(options: str) -> str:
    """Return the options as a heading: weights by their name alone."""
    pairs = _pairs(options)
    return ",".join(
        Path(value).stem if name == "weights" else f"{name}={value}" for name, value in pairs.items()
    )


def _pairs(options: str) -> dict[str, str]:
    return {name: value for name, _, value in (part.partition("=") for part in options.split(",") if part)}
