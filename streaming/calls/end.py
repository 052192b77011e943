"""`CallEnd`: one person's end of a call, in a program that tracks or draws for itself."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Int16


@dataclass(frozen=True, slots=True)
class CallCard:
    """Who somebody is, and the face they are drawn with; sent once."""

    name: str
    title: str
    made_by: str
    portrait: bytes
    """A picture file."""


@dataclass(frozen=True, slots=True)
class VoicePiece:
    """A stretch of somebody's voice."""

    pcm: Int16[np.ndarray, "samples"]
    """Mono."""
    rate_hz: int
    at_s: float
    """When it begins, on the voice's own clock."""


class CallEnd(Protocol):
    """Motion and voice both ways, and the other's card."""

    @property
    def is_tied(self) -> bool:
        """Whether voice and motion have one clock."""
        ...

    @property
    def voice_carries(self) -> bool:
        """Whether motion rides on the voice now, so that small packets of it cost no headers."""
        ...

    def send_motion(self, packet: bytes) -> None:
        """Send a packet of motion. Never blocks, and may lose it."""
        ...

    def send_voice(self, pcm: Int16[np.ndarray, "samples"], rate_hz: int, at_s: float) -> None:
        """Send sound that begins at `at_s`. Never blocks, and may lose it."""
        ...

    async def introduce(self, card: CallCard) -> None:
        """Say who this is; who comes later is told, too."""
        ...

    async def meet(self) -> CallCard:
        """Return who the other is, once somebody is there."""
        ...

    def motions(self) -> AsyncIterator[bytes]:
        """Yield the other's packets of motion until the call is over."""
        ...

    def voices(self) -> AsyncIterator[VoicePiece]:
        """Yield the other's voice until the call is over."""
        ...

    def stats(self) -> dict[str, float]:
        """Return what was sent and dropped, by name with its unit as suffix."""
        ...

    async def aclose(self) -> None:
        """Leave. Safe to call twice."""
        ...
