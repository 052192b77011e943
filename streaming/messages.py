"""The wire protocol of the data channel "events": one JSON object a message, told apart by `kind` or `type`.

Room to page: the events of `streaming.contract`, and `stats` and `pong` of this module.
Page to room: `say`, `hold`, `release`, `watch`, `lag`, `tie`, `ping`.
"""

import dataclasses
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from streaming.contract import Notice, RoomEvent

MESSAGE_MAX_CHARS = 64_000


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Say(_Message):
    """A typed turn."""

    type: Literal["say"]
    text: str = Field(min_length=1)


class Hold(_Message):
    """The push-to-talk key went down."""

    type: Literal["hold"]


class Release(_Message):
    """The push-to-talk key came up."""

    type: Literal["release"]


class Watch(_Message):
    """Whether the page shows the picture of a call; what nobody looks at is not drawn."""

    type: Literal["watch"]
    on: bool


class Lag(_Message):
    """By how much later after its moment the page's motion leaves than its voice: looking takes its time."""

    type: Literal["lag"]
    ms: float = Field(ge=-1000, le=1000)


class Tie(_Message):
    """The RTP time of the page's voice less its motion's, tick 0 being 0, for what happens at one moment."""

    type: Literal["tie"]
    ms: float = Field(ge=-1e8, le=1e8)


class Ping(_Message):
    """Asks for a `pong` with the same time, to measure the round trip."""

    type: Literal["ping"]
    sent_ms: float
    av_offset_ms: Annotated[float, Field(ge=-60_000, le=60_000)] | None = None
    """By how much the page plays pictures later than their sound, where it can tell."""


PageMessage = Say | Hold | Release | Watch | Lag | Tie | Ping
_PAGE_MESSAGE: TypeAdapter[PageMessage] = TypeAdapter(Annotated[PageMessage, Field(discriminator="type")])


class MessageError(ValueError):
    """The page sent something that is no message; the text says what was expected."""


def parse_message(raw: str | bytes, text_max_chars: int) -> PageMessage:
    """Read one message of the page. Raises `MessageError`."""
    if isinstance(raw, bytes) or len(raw) > MESSAGE_MAX_CHARS:
        msg = f"messages are JSON texts of at most {MESSAGE_MAX_CHARS} characters"
        raise MessageError(msg)
    try:
        message = _PAGE_MESSAGE.validate_json(raw)
    except ValidationError as error:
        msg = "not a message; say, hold, release, watch, lag, tie and ping are known"
        raise MessageError(msg) from error
    if isinstance(message, Say) and len(message.text) > text_max_chars:
        msg = f"a typed turn has at most {text_max_chars} characters, this one has {len(message.text)}"
        raise MessageError(msg)
    return message


def encode_event(event: RoomEvent) -> str:
    """Return an event as JSON, its `kind` included."""
    return json.dumps(dataclasses.asdict(event), ensure_ascii=False)


def encode_stats(values: dict[str, float]) -> str:
    """Return the room's numbers as JSON, rounded to three decimals."""
    rounded = {name: round(float(value), 3) for name, value in values.items()}
    return _encode("stats", values=rounded)


def encode_pong(ping: Ping) -> str:
    """Return the answer to a ping."""
    return _encode("pong", sent_ms=ping.sent_ms)


def encode_error(text: str) -> str:
    """Return an error as the notice the page shows."""
    return encode_event(Notice("error", text))


def _encode(kind: str, **values: Any) -> str:
    return json.dumps({"kind": kind, **values})
