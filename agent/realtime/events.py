"""What the client may send: the client events of the Realtime API that mean something here.

Names and fields: https://platform.openai.com/docs/api-reference/realtime-client-events. Fields this
room has no use for are passed over, as every implementation does; values it cannot do are refused.
"""

import base64
import binascii
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from jaxtyping import Int16
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from agent.realtime.coding import CODINGS, Coding, CodingName
from agent.turn_end import Eagerness
from streaming.problems import first_problem

AUDIO_MAX_CHARS: Final = 15_000_000
"""Base64 in one append, as the Realtime API has it: 15 MB."""


class EventError(ValueError):
    """The client sent what cannot be obeyed; `code` is for programs, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Event(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    event_id: str | None = None


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ServerVad(_Part):
    """Turns are found in the sound. Times in milliseconds; None keeps the room's setting.

    A `server_vad` that names a silence ends turns by it. Else the words tell how long a silence may be.
    """

    type: Literal["server_vad", "semantic_vad"]
    eagerness: Eagerness | None = None
    """How soon a `semantic_vad` takes a turn for over."""
    threshold: float | None = Field(default=None, gt=0, lt=1)
    prefix_padding_ms: int | None = Field(default=None, ge=0)
    silence_duration_ms: int | None = Field(default=None, ge=1)
    create_response: bool | None = None
    interrupt_response: bool | None = None

    @property
    def by_words(self) -> bool:
        """Whether the words tell when a turn is over."""
        return self.type == "semantic_vad" or self.silence_duration_ms is None


class Format(_Part):
    """How sound is coded."""

    type: CodingName = "audio/pcm"
    rate: int | None = None

    @model_validator(mode="after")
    def _has_its_rate(self) -> Self:
        rate_hz = CODINGS[self.type].rate_hz
        if self.rate not in (None, rate_hz):
            raise ValueError(f"the rate of {self.type} is {rate_hz}, not {self.rate}")
        return self

    @property
    def coding(self) -> Coding:
        """Return what reads and writes it."""
        return CODINGS[self.type]


class AudioInput(_Part):
    """How the client's sound is heard."""

    format: Format | None = None
    turn_detection: ServerVad | None = None


class AudioOutput(_Part):
    """How the avatar's sound is sent."""

    format: Format | None = None


class Audio(_Part):
    """Both directions."""

    input: AudioInput | None = None
    output: AudioOutput | None = None


class FunctionTool(_Part):
    """A function that the client offers."""

    type: Literal["function"] = "function"
    name: str = Field(min_length=1)
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)


class NamedChoice(_Part):
    """A function that must be called."""

    type: Literal["function"]
    name: str


class SessionPatch(_Part):
    """What of the settings changes; what is not named stays."""

    type: Literal["realtime"] = "realtime"
    instructions: str | None = None
    output_modalities: list[Literal["audio", "text"]] | None = Field(default=None, min_length=1, max_length=1)
    audio: Audio | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: Literal["auto", "none", "required"] | NamedChoice | None = None


class SessionUpdate(_Event):
    """Change the settings."""

    type: Literal["session.update"]
    session: SessionPatch


class AudioAppend(_Event):
    """Sound of the user."""

    type: Literal["input_audio_buffer.append"]
    audio: str = Field(max_length=AUDIO_MAX_CHARS)

    def pcm(self, coding: Coding) -> Int16[np.ndarray, "samples"]:
        """Return the samples. Raises `EventError`."""
        try:
            return coding.decode(base64.b64decode(self.audio, validate=True))
        except (binascii.Error, ValueError) as error:
            raise EventError("invalid_audio", f"audio is base64 of mono {coding.name}") from error


class AudioCommit(_Event):
    """The user's turn is over; for who detects turns themselves."""

    type: Literal["input_audio_buffer.commit"]


class AudioClear(_Event):
    """Forget the sound that was not committed."""

    type: Literal["input_audio_buffer.clear"]


class Content(_Part):
    """A part of a message."""

    type: str
    text: str | None = None
    transcript: str | None = None
    audio: str | None = None


class ItemForm(_Part):
    """An item, as the client writes it."""

    id: str | None = Field(default=None, max_length=64)
    type: Literal["message", "function_call", "function_call_output"]
    role: Literal["user", "assistant", "system"] | None = None
    content: list[Content] = Field(default_factory=list)
    name: str = ""
    call_id: str = ""
    arguments: str = ""
    output: str = ""


class ItemCreate(_Event):
    """Add an item to the conversation."""

    type: Literal["conversation.item.create"]
    item: ItemForm
    previous_item_id: str | None = None


class ItemTruncate(_Event):
    """Forget what of an answer the user did not hear."""

    type: Literal["conversation.item.truncate"]
    item_id: str
    content_index: int = 0
    audio_end_ms: int = Field(ge=0)


class ItemDelete(_Event):
    """Take an item out of the conversation."""

    type: Literal["conversation.item.delete"]
    item_id: str


class ItemRetrieve(_Event):
    """Show an item."""

    type: Literal["conversation.item.retrieve"]
    item_id: str


class ResponseForm(_Part):
    """What holds for one response alone."""

    instructions: str | None = None
    output_modalities: list[Literal["audio", "text"]] | None = Field(default=None, min_length=1, max_length=1)
    tools: list[FunctionTool] | None = None
    tool_choice: Literal["auto", "none", "required"] | NamedChoice | None = None


class ResponseCreate(_Event):
    """Answer now."""

    type: Literal["response.create"]
    response: ResponseForm = ResponseForm()


class ResponseCancel(_Event):
    """Stop answering, and fall silent."""

    type: Literal["response.cancel"]
    response_id: str | None = None


class OutputClear(_Event):
    """Fall silent; the answer is cancelled when it is still being made."""

    type: Literal["output_audio_buffer.clear"]


ClientEvent = (
    SessionUpdate
    | AudioAppend
    | AudioCommit
    | AudioClear
    | ItemCreate
    | ItemTruncate
    | ItemDelete
    | ItemRetrieve
    | ResponseCreate
    | ResponseCancel
    | OutputClear
)
_CLIENT_EVENT: TypeAdapter[ClientEvent] = TypeAdapter(Annotated[ClientEvent, Field(discriminator="type")])


def parse_event(raw: str) -> ClientEvent:
    """Read one event. Raises `EventError`."""
    try:
        return _CLIENT_EVENT.validate_json(raw)
    except ValidationError as error:
        raise EventError("invalid_event", f"not an event this room knows: {first_problem(error)}") from error
