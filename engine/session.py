"""`Session`: speech in, packets of picture and sound out, for ever, on one media clock."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Self

import numpy as np
from jaxtyping import Int16

from engine.clock import Clock
from engine.compute import Compute
from engine.config import SessionConfig
from engine.packets import AVPacket, SegmentFinished, SegmentStarted
from models.motion.stage import MotionStage, Phone, Presence
from models.picture import PictureStage

SegmentEvent = SegmentStarted | SegmentFinished


class SessionClosedError(RuntimeError):
    """The session is closed; nothing can be pushed into it."""


class InputFullError(RuntimeError):
    """More speech waits than the session may hold; the message says how much."""


class Session:
    """One avatar's voice and picture. Consume it with `async for packet in session`, by one consumer."""

    def __init__(
        self,
        motion: MotionStage[Any],
        picture: PictureStage[Any],
        *,
        clock: Clock,
        compute: Compute,
        config: SessionConfig,
        seed: int = 0,
    ) -> None:
        raise NotImplementedError

    def push_audio(
        self, pcm: Int16[np.ndarray, "samples"], sample_rate_hz: int, phones: Sequence[Phone] | None = None
    ) -> None:
        """Append speech to the open utterance; opens one when none is open.

        Args:
            pcm: mono samples; may be empty.
            sample_rate_hz: rate of `pcm`; the same throughout one utterance.
            phones: sounds that became known, in utterance time; appended to those pushed before.

        Raises:
            InputFullError: when the samples do not fit; nothing of them is taken. See `room_s`.
            SessionClosedError: after `aclose`.
            ValueError: when the rate changes within an utterance, or is not positive.
        """
        raise NotImplementedError

    def room_s(self) -> float:
        """Return seconds of speech that `push_audio` would still take."""
        raise NotImplementedError

    def end_segment(self) -> None:
        """End the open utterance; the next `push_audio` opens another. Does nothing when none is open."""
        raise NotImplementedError

    def clear(self) -> None:
        """Fall silent now: every utterance that is said or waits is finished, interrupted."""
        raise NotImplementedError

    def attend(self, presence: Presence) -> None:
        """Say what the person does while it does not speak: LISTENING, THINKING or IDLE."""
        raise NotImplementedError

    def subscribe(self, callback: Callable[[SegmentEvent], None]) -> Callable[[], None]:
        """Call `callback` for each start and end of an utterance. Returns how to stop that."""
        raise NotImplementedError

    def stats(self) -> dict[str, float]:
        """Return depths, drops, frame times and the tier by name, each with its unit as suffix."""
        raise NotImplementedError

    def __aiter__(self) -> AsyncIterator[AVPacket]:
        return self

    async def __anext__(self) -> AVPacket:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Finish every utterance as interrupted and end the session's tasks. Safe to call twice."""
        raise NotImplementedError
