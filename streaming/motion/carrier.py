"""The seam between motion and whatever carries it: `MotionCarrier`.

A carrier is one end of a call. Packets of motion may be lost; messages are not.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol

MessageKind = Literal["card", "portrait", "control", "presence"]


@dataclass(frozen=True, slots=True)
class Message:
    """What is said besides motion, and arrives."""

    kind: MessageKind
    """`card`: who this is, JSON, kept for who comes later. `portrait`: a picture file's bytes, kept too.
    `control`: JSON. `presence`: `online` or `offline`, said by the carrier itself."""
    body: bytes


class MotionCarrier(Protocol):
    """One end of a call."""

    def push(self, packet: bytes) -> None:
        """Send a packet of motion. Never blocks; a full queue drops the oldest and counts it."""
        ...

    def push_voice(self, packet: bytes) -> None:
        """Send a packet of sound (`streaming.calls.opus`), as motion is sent."""
        ...

    async def flush(self) -> None:
        """Return when everything pushed has left this end. Raises `CarrierClosedError` when it cannot."""
        ...

    async def tell(self, message: Message) -> None:
        """Send a message; returns when it is on its way for certain. Raises `CarrierClosedError`."""
        ...

    async def end(self) -> None:
        """Flush, and say that no more comes from here: the other end hears `offline`, and its packets end."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the other end's packets until that ends or this is closed."""
        ...

    def voices(self) -> AsyncIterator[bytes]:
        """Yield the other end's packets of sound, as its motion."""
        ...

    def messages(self) -> AsyncIterator[Message]:
        """Yield the other end's messages until this is closed."""
        ...

    def stats(self) -> dict[str, float]:
        """Return depths and drops by name, each with its unit as suffix."""
        ...

    async def aclose(self) -> None:
        """Leave at once: every task ends. Safe to call twice."""
        ...


class CarrierClosedError(Exception):
    """The carrier was closed, or its line is gone; the message says which."""
