"""A fake `MotionCarrier` with every fault of a bad line, repeatable by its seed."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from streaming.motion.carrier import CarrierClosedError, Message
from streaming.motion.inbox import Inbox

T = TypeVar("T")


class LineConfig(BaseModel):
    """What a fake line does to packets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    loss: float = Field(default=0.0, ge=0, le=1)
    """Part of the packets that never come."""
    delay_ms: float = Field(default=20.0, ge=0)
    jitter_ms: float = Field(default=0.0, ge=0)
    """Added to the delay, at random from 0 to this: packets overtake each other."""
    outage_s: tuple[float, float] = (0.0, 0.0)
    """Seconds after the first packet between which nothing comes."""
    seed: int = 0


class FakeCarrier:
    """`MotionCarrier` whose line is the event loop: lossy, late, out of order, and repeatable by its seed."""

    def __init__(self, config: LineConfig) -> None:
        self._config = config
        self._random = random.Random(config.seed)
        self._inbox = Inbox()
        self._other: FakeCarrier | None = None
        self._closed = self._over = False
        self._began_s: float | None = None
        self.sent = self.lost = self._order = 0

    @classmethod
    def pair(cls, config: LineConfig | None = None) -> tuple["FakeCarrier", "FakeCarrier"]:
        """Return the two ends of a line."""
        a, b = cls(config or LineConfig()), cls(config or LineConfig())
        a._other, b._other = b, a
        for end in (a, b):
            end._inbox.hear(Message("presence", b"online"))
        return a, b

    def push(self, packet: bytes) -> None:
        """Send a packet, unless the line loses it."""
        self._send(packet, is_voice=False)

    def push_voice(self, packet: bytes) -> None:
        """Send a packet of sound, unless the line loses it."""
        self._send(packet, is_voice=True)

    def _send(self, packet: bytes, *, is_voice: bool) -> None:
        if self._closed or self._over or self._other is None:
            raise CarrierClosedError("this end of the call is closed")
        self.sent += 1
        now_s, line = asyncio.get_running_loop().time(), self._config
        self._began_s = now_s if self._began_s is None else self._began_s
        is_out = line.outage_s[0] <= now_s - self._began_s < line.outage_s[1]
        if self._random.random() < line.loss or is_out:
            self.lost += 1
            return
        take = self._other._arrive_voice if is_voice else self._other._arrive
        self._later(take, packet, line.delay_ms + line.jitter_ms * self._random.random())

    async def flush(self) -> None:
        """Return at once: what is pushed is on the line."""

    async def tell(self, message: Message) -> None:
        """Send a message after the line's delay; none is lost."""
        if self._closed or self._other is None:
            raise CarrierClosedError("this end of the call is closed")
        self._later(self._other._hear, message, self._config.delay_ms)

    async def end(self) -> None:
        """Say that no more comes, after all that was pushed."""
        if not self._over and not self._closed and self._other is not None:
            self._over = True
            late_ms = self._config.delay_ms + self._config.jitter_ms
            self._later(self._other._hear, Message("presence", b"offline"), late_ms)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._inbox.packets.read()

    def voices(self) -> AsyncIterator[bytes]:
        """Yield the other end's packets of sound."""
        return self._inbox.voices.read()

    def messages(self) -> AsyncIterator[Message]:
        """Yield the other end's messages."""
        return self._inbox.messages.read()

    def stats(self) -> dict[str, float]:
        """Return what waits and what was dropped."""
        return {"carrier_out_packets": 0, "carrier_out_dropped_packets": 0, **self._inbox.stats()}

    async def aclose(self) -> None:
        """Leave; the other end hears it as it would of a broken line."""
        await self.end()
        if not self._closed:
            self._closed = True
            self._inbox.close()

    def _later(self, take: Callable[[T], None], what: T, delay_ms: float) -> None:
        # What leaves at the same moment arrives in order: the loop alone would not see to that.
        self._order += 1
        asyncio.get_running_loop().call_later(delay_ms / 1000 + 1e-9 * self._order, take, what)

    def _arrive(self, packet: bytes) -> None:
        if not self._closed:
            self._inbox.packets.put(packet)

    def _arrive_voice(self, packet: bytes) -> None:
        if not self._closed:
            self._inbox.voices.put(packet)

    def _hear(self, message: Message) -> None:
        if not self._closed:
            self._inbox.hear(message)
