"""`BrokerEnd`: a `CallEnd` over any `MotionCarrier`, such as MQTT. Voice and motion have one clock there."""

import asyncio
import json
from collections.abc import AsyncIterator

import numpy as np
from jaxtyping import Int16
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streaming.calls.end import CallCard, VoicePiece
from streaming.calls.opus import OpusReader, OpusWriter
from streaming.motion.carrier import Message, MotionCarrier

TEXT_MAX_CHARS = 100


class _Card(BaseModel):
    """What the topic `card` holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(max_length=TEXT_MAX_CHARS)
    title: str = Field(max_length=TEXT_MAX_CHARS)
    made_by: str = Field(default="", max_length=TEXT_MAX_CHARS)


class BrokerEnd:
    """One end of a call between two. Owns the carrier."""

    is_tied = True
    voice_carries = False

    def __init__(self, carrier: MotionCarrier, kbps: int = 12) -> None:
        self._carrier = carrier
        self._writer, self._reader = OpusWriter(kbps), OpusReader()
        self._card: _Card | None = None
        self._portrait = b""
        self._met = asyncio.Event()
        self._task = asyncio.create_task(self._listen(), name="call messages")
        self.bytes_out = 0

    def send_motion(self, packet: bytes) -> None:
        """Send a packet of motion; see `CallEnd`."""
        self.bytes_out += len(packet)
        self._carrier.push(packet)

    def send_voice(self, pcm: Int16[np.ndarray, "samples"], rate_hz: int, at_s: float) -> None:
        """Send sound in packets of 60 ms; see `CallEnd`."""
        for packet in self._writer.push(pcm, rate_hz, at_s):
            self.bytes_out += len(packet)
            self._carrier.push_voice(packet)

    async def introduce(self, card: CallCard) -> None:
        """Leave card and portrait with the carrier; see `CallEnd`."""
        body = json.dumps({"name": card.name, "title": card.title, "made_by": card.made_by})
        await self._carrier.tell(Message("portrait", card.portrait))
        await self._carrier.tell(Message("card", body.encode()))

    async def meet(self) -> CallCard:
        """Return the other's card, once it and the portrait are here; see `CallEnd`."""
        await self._met.wait()
        if self._card is None:
            raise RuntimeError("met somebody without a card")
        return CallCard(self._card.name, self._card.title, self._card.made_by, self._portrait)

    def motions(self) -> AsyncIterator[bytes]:
        """Yield the other's motion; see `CallEnd`."""
        return aiter(self._carrier)

    async def voices(self) -> AsyncIterator[VoicePiece]:
        """Yield the other's voice; see `CallEnd`."""
        async for packet in self._carrier.voices():
            piece = self._reader.read(packet)
            if piece is not None:
                yield piece

    def stats(self) -> dict[str, float]:
        """Return the carrier's figures, and what was sent and refused."""
        return {
            **self._carrier.stats(),
            "call_out_bytes": float(self.bytes_out),
            "voice_refused_packets": float(self._reader.refused),
        }

    async def aclose(self) -> None:
        """Leave; see `CallEnd`."""
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._carrier.aclose()

    async def _listen(self) -> None:
        async for message in self._carrier.messages():
            if message.kind == "portrait":
                self._portrait = message.body
            elif message.kind == "card":
                try:
                    self._card = _Card.model_validate_json(message.body)
                except ValidationError:
                    continue
            if self._card is not None and self._portrait:
                self._met.set()
