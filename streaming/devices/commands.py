"""What devices may ask of a room, and what comes of it."""

import json
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streaming.problems import first_problem

ID_MAX_CHARS: Final = 64


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(default="", max_length=ID_MAX_CHARS)
    """Comes back with the answer."""
    show: str = Field(default="stage", pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")


class Start(_Command):
    """Begin a show, and keep it until `stop`."""

    avatar: str | None = None
    """Whom it shows; by default the avatar called like the show, else the first."""


class Say(_Command):
    """Say a text, after what waits or at once."""

    text: str = Field(min_length=1, max_length=4000)
    interrupt: bool = False


class Stop(_Command):
    """Fall silent; with `end`, let the show go, too."""

    end: bool = True


KINDS: Final[dict[str, type[Start] | type[Say] | type[Stop]]] = {"start": Start, "say": Say, "stop": Stop}
BODY_MAX_BYTES: Final = 16_384


class CommandError(ValueError):
    """A device asked for what cannot be; the message says why."""


def read_command(kind: str, body: bytes) -> Start | Say | Stop:
    """Read a command's JSON; an empty body is one without settings. Raises `CommandError`."""
    if kind not in KINDS:
        raise CommandError(f"no command {kind!r}; there are: {', '.join(KINDS)}")
    if len(body) > BODY_MAX_BYTES:
        raise CommandError(f"a command has at most {BODY_MAX_BYTES} bytes, this one has {len(body)}")
    try:
        return KINDS[kind].model_validate_json(body or b"{}")
    except ValidationError as error:
        raise CommandError(f"{kind}: {first_problem(error)}") from error


def id_of(body: bytes) -> str:
    """Return the id of a command that could not be read, as far as it has one."""
    try:
        found: Any = json.loads(body)
    except ValueError:
        return ""
    text = found.get("id", "") if isinstance(found, dict) else ""
    return text[:ID_MAX_CHARS] if isinstance(text, str) else ""
