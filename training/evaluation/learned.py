"""The learned stage by a specification: `diffusion`, or `diffusion:weights=FILE,steps=8,guidance=2`."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from models.motion.stage import MotionStage


def has_weights() -> bool:
    """Tell whether the bundled weights are there."""
    from models.motion.diffusion.stage import BUNDLED

    return BUNDLED.is_file()


def open_learned(options: str) -> MotionStage[Any]:
    """Return the stage.

    Args:
        options: `name=value` pairs, commas between: `weights`, and the fields of `Sampling`.

    Raises:
        ValueError: There is no such option, or its value is none.
        OSError: There are no such weights.
    """
    from models.motion.diffusion.stage import BUNDLED, DiffusionMotion, Sampling

    given = _pairs(options)
    weights = Path(given.pop("weights", BUNDLED))
    kinds: dict[str, Any] = {field.name: field.type for field in fields(Sampling)}
    if unknown := set(given) - set(kinds):
        raise ValueError(f"no option {', '.join(sorted(unknown))}; there are: weights, {', '.join(kinds)}")
    return DiffusionMotion(weights, Sampling(**{name: kinds[name](value) for name, value in given.items()}))


def short(options: str) -> str:
    """Return the options as a heading: weights by their name alone."""
    pairs = _pairs(options)
    return ",".join(
        Path(value).stem if name == "weights" else f"{name}={value}" for name, value in pairs.items()
    )


def _pairs(options: str) -> dict[str, str]:
    return {name: value for name, _, value in (part.partition("=") for part in options.split(",") if part)}
