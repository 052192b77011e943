"""The messages of the avatar socket, as docs/avatar-socket.md describes them.

Texts are JSON objects told apart by `type`. Binary messages are speech on the way in, frames on the way out.
"""

import json
import struct
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from engine.packets import MEDIA_RATE_HZ, MEDIA_SAMPLES_PER_FRAME, AVPacket, SegmentStarted
from engine.speech import SegmentEvent
from models.motion.frame import FPS
from models.motion.stage import Presence

VERSION: Final = 1
Encoding = Literal["jpeg", "rgb", "i420", "none"]
HEADER: Final = struct.Struct("<BBBBHHIII")
"""Little-endian: u8 encoding, u8 presence, u8 flags, u8 clears modulo 256, u16 width, u16 height (0 where the
picture stays), u32 index, u32 segment, u32 bytes of sound. Sound and picture follow."""
ENCODINGS: Final = ("none", "jpeg", "rgb", "i420")
"""A frame's encoding is the position in here; 0 means that the picture before it stays."""
PRESENCES: Final = (Presence.IDLE, Presence.LISTENING, Presence.THINKING, Presence.SPEAKING)
LATE: Final = 1
"""Flag: the picture was not ready, and the one before it stays."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Open(_Message):
    """The first message: who is wanted, and how pictures shall come."""

    type: Literal["open"]
    avatar: str | None = None
    """Name of an avatar; the default one when left out."""
    picture: Encoding = "jpeg"
    quality: int = Field(default=85, ge=1, le=100)
    """JPEG quality."""


class Begin(_Message):
    """Opens a segment; the n-th of a connection is segment n. Ends the one before when that is still open."""

    type: Literal["begin"]
    sample_rate_hz: int = Field(ge=8_000, le=192_000)


class End(_Message):
    """Ends the open segment: all its speech was sent."""

    type: Literal["end"]


class Clear(_Message):
    """Fall silent now; every segment that is not over is finished, interrupted."""

    type: Literal["clear"]


class Attend(_Message):
    """What the avatar does while it does not speak."""

    type: Literal["attend"]
    presence: Literal["idle", "listening", "thinking"]


ClientMessage = Begin | End | Clear | Attend
_CLIENT_MESSAGE: TypeAdapter[ClientMessage] = TypeAdapter(
    Annotated[ClientMessage, Field(discriminator="type")]
)


class WireError(ValueError):
    """The client sent what cannot be understood here; the text says what was expected."""


def parse_open(text: str) -> Open:
    """Read the first message. Raises `WireError`."""
    try:
        return Open.model_validate_json(text)
    except ValidationError as error:
        raise WireError(f"the first message must be `open`: {_problem(error)}") from error


def parse(text: str) -> ClientMessage:
    """Read a later message. Raises `WireError`."""
    try:
        return _CLIENT_MESSAGE.validate_json(text)
    except ValidationError as error:
        raise WireError(f"begin, end, clear and attend are known: {_problem(error)}") from error


def opened_text(avatar: str, packet: AVPacket, picture: Encoding, input_limit_s: float) -> str:
    """Say that the avatar is there, and what its frames look like."""
    height, width = packet.picture.shape[:2]
    return json.dumps(
        {
            "type": "opened",
            "version": VERSION,
            "avatar": avatar,
            "picture": picture,
            "width": width,
            "height": height,
            "fps": FPS,
            "sample_rate_hz": MEDIA_RATE_HZ,
            "samples_per_frame": MEDIA_SAMPLES_PER_FRAME,
            "input_limit_s": input_limit_s,
        }
    )


def segment_text(event: SegmentEvent) -> str:
    """Say that a segment becomes audible, or is over."""
    if isinstance(event, SegmentStarted):
        return json.dumps({"type": "started", "segment": event.segment})
    finished = {"segment": event.segment, "played_s": event.played_s, "interrupted": event.interrupted}
    return json.dumps({"type": "finished", **finished})


def error_text(code: str, message: str) -> str:
    """Say what went wrong; `code` is for programs, the message for people."""
    return json.dumps({"type": "error", "code": code, "message": message})


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A picture as it travels; encoding "none" for one that stays."""

    encoding: Encoding
    width: int
    height: int
    content: bytes


NO_PICTURE: Final = EncodedPicture("none", 0, 0, b"")


def frame_bytes(packet: AVPacket, picture: EncodedPicture, clears: int) -> bytes:
    """Return one frame. Silence travels as no sound at all.

    Args:
        packet: whose sound and numbers are sent.
        picture: its picture, or `NO_PICTURE` for the one before.
        clears: how often the client had cleared when the packet was handed out.
    """
    sound = packet.pcm.astype("<i2", copy=False).tobytes() if packet.segment or np.any(packet.pcm) else b""
    head = HEADER.pack(
        ENCODINGS.index(picture.encoding),
        PRESENCES.index(packet.presence),
        LATE if packet.late else 0,
        clears % 256,
        picture.width,
        picture.height,
        packet.index,
        packet.segment,
        len(sound),
    )
    return head + sound + picture.content


def _problem(error: ValidationError) -> str:
    problem: Any = error.errors()[0]
    place = ".".join(map(str, problem["loc"]))
    return f"{place}: {problem['msg']}" if place else str(problem["msg"])
