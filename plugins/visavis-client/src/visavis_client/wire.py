"""What the avatar socket sends, read into values. The layout is that of docs/avatar-socket.md."""

import struct
from dataclasses import dataclass
from typing import Any, Final, Literal

VERSION: Final = 1
Encoding = Literal["jpeg", "rgb", "i420", "none"]
HEADER: Final = struct.Struct("<BBBBHHIII")
"""Encoding, presence, flags, clears modulo 256, width, height, index, segment, bytes of sound."""
ENCODINGS: Final = ("none", "jpeg", "rgb", "i420")
PRESENCES: Final = ("idle", "listening", "thinking", "speaking")
LATE: Final = 1


@dataclass(frozen=True, slots=True)
class SegmentStarted:
    """The first sound of a segment comes with the next frame."""

    segment: int


@dataclass(frozen=True, slots=True)
class SegmentFinished:
    """A segment is over. Comes exactly once for each that was begun."""

    segment: int
    played_s: float
    """Seconds of it that were handed out as sound."""
    interrupted: bool


SegmentEvent = SegmentStarted | SegmentFinished


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture and its 40 ms of sound."""

    index: int
    """Frame number; 25 a second."""
    picture: bytes | None
    """JPEG, RGB or I420 as asked for; None where the picture before it stays."""
    width: int
    height: int
    pcm: bytes
    """Mono 16-bit samples at 24 kHz, little-endian; empty for silence."""
    segment: int
    """Segment that is heard; 0 for silence."""
    presence: str
    """idle, listening, thinking or speaking."""
    late: bool
    """True when the picture was not ready in time, and the one before it stays."""
    clears: int
    """How often the avatar had been cleared, modulo 256, when this was made."""


def read_frame(message: bytes) -> Frame:
    """Read a binary message. Raises `struct.error` and `IndexError` for what is none."""
    encoding, presence, flags, clears, width, height, index, segment, sound = HEADER.unpack_from(message)
    sound_end = HEADER.size + sound
    return Frame(
        index=index,
        picture=message[sound_end:] if ENCODINGS[encoding] != "none" else None,
        width=width,
        height=height,
        pcm=message[HEADER.size : sound_end],
        segment=segment,
        presence=PRESENCES[presence],
        late=bool(flags & LATE),
        clears=clears,
    )


def read_event(event: dict[str, Any]) -> SegmentEvent | None:
    """Read a segment's start or end; None for any other message."""
    match event:
        case {"type": "started", "segment": segment}:
            return SegmentStarted(segment)
        case {"type": "finished", "segment": segment, "played_s": played_s, "interrupted": interrupted}:
            return SegmentFinished(segment, played_s, interrupted)
    return None
