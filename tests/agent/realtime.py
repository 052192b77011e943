"""A room that realtime clients can call, with scripted senses, and OpenAI's own client to call it with."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from agent.asr import Asr, ScriptedAsr
from agent.echo import EchoConfig
from agent.hearing import HearingConfig
from agent.mind import Message, Mind
from agent.realtime.conversation import Mindset
from agent.realtime.ears import Ears
from agent.realtime.route import RealtimeRoute
from agent.vad import VadConfig
from agent.voice import ToneVoice, Voice
from agent.words import Words, WordsConfig
from models.speech.scorer import LoudnessScorer
from streaming.config import RoomConfig
from streaming.fakes import FakeHost
from tests.streaming.rooms import TIMEOUT_S, Room, open_room

RATE = 24_000


@dataclass
class Caller:
    """A client, and every event it received."""

    connection: AsyncRealtimeConnection
    events: list[Any] = field(default_factory=list)

    async def until(self, kind: str, count: int = 1) -> Any:
        """Receive until `count` events of a kind have come; return the last of them."""
        async with asyncio.timeout(TIMEOUT_S):
            while len(self.of(kind)) < count:
                self.events.append(await self.connection.recv())
        return self.of(kind)[count - 1]

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.type == kind]

    @property
    def kinds(self) -> list[str]:
        return [event.type for event in self.events]

    def sound(self) -> np.ndarray:
        """Return the sound received so far."""
        deltas = [base64.b64decode(event.delta) for event in self.of("response.output_audio.delta")]
        return np.frombuffer(b"".join(deltas), "<i2")

    async def ask(self, text: str) -> None:
        """Write a message and ask for a response."""
        part = {"type": "input_text", "text": text}
        await self.connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [part]}
        )
        await self.connection.response.create()

    async def speak(self, seconds: float = 1.0) -> None:
        await self.append(8000 * np.sin(2 * np.pi * 220 * np.arange(round(seconds * RATE)) / RATE))

    async def hush(self, seconds: float) -> None:
        await self.append(np.zeros(round(seconds * RATE)))

    async def append(self, sound: np.ndarray) -> None:
        for start in range(0, len(sound), 2400):
            audio = base64.b64encode(sound[start : start + 2400].astype("<i2").tobytes()).decode()
            await self.connection.input_audio_buffer.append(audio=audio)

    async def manual(self) -> None:
        """Say that turns are committed by hand."""
        await self.connection.session.update(
            session={"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        )


def scripted(mind: Mind, asr: Asr | None = None, voice: Voice | None = None, guard: bool = False) -> Mindset:
    """Return scripted senses."""
    ears = Ears(LoudnessScorer(), VadConfig(), HearingConfig(), EchoConfig(guard=guard))
    opening, words = [Message("system", "Be kind.")], Words(WordsConfig())
    asr = asr or ScriptedAsr(delay_s=0.01)
    return Mindset(ears, asr, mind, voice or ToneVoice(), opening, 4000, 4.0, words)


@asynccontextmanager
async def realtime_room(
    mind: Mind, *, asr: Asr | None = None, voice: Voice | None = None, token: str | None = None
) -> AsyncIterator[tuple[Room, FakeHost]]:
    def mindset(avatar: str) -> Mindset:
        return scripted(mind, asr, voice)

    host = FakeHost(size=64)
    config = RoomConfig(bearer_token=token)
    async with open_room(host, config, lambda shows: RealtimeRoute(shows, mindset).routes()) as room:
        yield room, host


@asynccontextmanager
async def calling(room: Room, token: str = "any", show: str = "stage") -> AsyncIterator[Caller]:
    base = f"{room.http.base_url}/v1".replace("//v1", "/v1")
    async with (
        AsyncOpenAI(api_key=token, base_url=base) as client,
        client.realtime.connect(model="visavis", extra_query={"show": show}) as connection,
    ):
        yield Caller(connection)
