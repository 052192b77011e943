"""`Strict`: settings of networks and training runs, as YAML files and metadata of weights hold them."""

import json
from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[int, Field(ge=1)]


class Strict(BaseModel):
    """Refuses keys it does not know, and changes no type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


SettingsT = TypeVar("SettingsT", bound=Strict)


def read_settings(kind: type[SettingsT], path: Path) -> SettingsT:
    """Read settings from a YAML file.

    Raises:
        ValueError: A key is unknown or a value out of range; the message names it.
    """
    return check_settings(kind, yaml.safe_load(path.read_text("utf-8")) or {}, str(path))


def check_settings(kind: type[SettingsT], values: object, place: str) -> SettingsT:
    """Make settings of plain values, as YAML and JSON give them; `place` is named in errors.

    Raises:
        ValueError: A key is unknown or a value out of range; the message names it.
    """
    try:
        # By way of JSON, where a list may become a tuple.
        return kind.model_validate_json(json.dumps(values))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {f'{name}: ' if name else ''}{first['msg']}") from error
