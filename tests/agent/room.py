"""A visit to talk to on a virtual clock: a real session, scripted senses, and everything that came out."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np

from agent.asr import ScriptedAsr
from agent.conversation import Conversation
from agent.echo import EchoConfig, EchoScorer
from agent.fillers import Fillers, FillersConfig
from agent.hearing import Hearing, HearingConfig
from agent.history import History
from agent.mind import Message, ScriptedMind
from agent.senses import Senses
from agent.turn_end import SilentTurnEnd
from agent.turns import ConversationConfig
from agent.vad import SpeechDetector, VadConfig
from agent.voice import ToneVoice
from agent.words import Words, WordsConfig
from engine.clock import LoopClock
from engine.compute import InlineCompute
from engine.config import SessionConfig
from engine.packets import AVPacket
from engine.session import Session
from models.picture import BoxPicture
from models.speech.scorer import LoudnessScorer
from streaming.contract import Caption, Latency, Notice, RoomEvent, StateChange
from tests.engine.helpers import RecordingMotion

RATE = 48_000
APOLOGY = "Sorry, again please."


@dataclass
class Room:
    """What the visitor does, and what he saw and heard."""

    conversation: Conversation
    history: History
    mind: ScriptedMind
    motion: RecordingMotion
    packets: list[AVPacket] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    events: list[RoomEvent] = field(default_factory=list)
    waited: int = 0
    """How many states were waited for."""

    async def speak(self, seconds: float = 1.0) -> None:
        """Talk for `seconds`."""
        tone = (8000 * np.sin(2 * np.pi * 220 * np.arange(RATE // 50) / RATE)).astype(np.int16)
        await self._push(tone, seconds)

    async def hush(self, seconds: float) -> None:
        """Be silent for `seconds`, the microphone on."""
        await self._push(np.zeros(RATE // 50, np.int16), seconds)

    async def _push(self, pcm: np.ndarray, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            self.conversation.push_audio(pcm, RATE)
            await asyncio.sleep(0.02)

    async def until(self, state: str, timeout_s: float = 60.0) -> None:
        """Wait, silent, until the conversation has come to `state` after the last state waited for."""
        async with asyncio.timeout(timeout_s):
            while state not in self.states[self.waited :]:
                await self.hush(0.02)
        self.waited = self.states.index(state, self.waited) + 1

    async def until_sounding(self, text: str) -> None:
        """Wait, silent, until an avatar caption contains `text`."""
        async with asyncio.timeout(60):
            while not any(text in caption for caption in self.avatar_captions):
                await self.hush(0.02)

    @property
    def states(self) -> list[str]:
        return [e.state for e in self.events if isinstance(e, StateChange)]

    @property
    def notices(self) -> list[Notice]:
        return [e for e in self.events if isinstance(e, Notice)]

    @property
    def visitor_captions(self) -> list[str]:
        return [e.text for e in self.events if isinstance(e, Caption) and e.who == "visitor"]

    @property
    def avatar_captions(self) -> list[str]:
        return [e.text for e in self.events if isinstance(e, Caption) and e.who == "avatar"]

    @property
    def latencies(self) -> list[Latency]:
        return [e for e in self.events if isinstance(e, Latency)]

    @property
    def said(self) -> list[tuple[str, str, bool]]:
        return [(s.role, s.text, s.interrupted) for s in self.history.said]

    def sounding(self, since_s: float = 0.0) -> list[float]:
        """Loop times of packets with sound, from `since_s` on."""
        loud = [t for t, p in zip(self.times, self.packets, strict=True) if np.abs(p.pcm).max() > 100]
        return [t for t in loud if t >= since_s]

    def finished(self):
        return [f for p in self.packets for f in p.finished]


def plain_turns(turn_end=None, fillers=None):
    """How turns end, what words mean, and fillers: silence alone, and none, unless said otherwise."""
    return (
        turn_end or SilentTurnEnd(),
        Words(WordsConfig()),
        Fillers(fillers or FillersConfig(after_s=0)),
    )


@asynccontextmanager
async def visit(mind, *, asr=None, voice=None, turn_end=None, fillers=None, guarded=False, **config):
    """Open a visit with scripted senses; close it and check that nothing is left."""
    before = asyncio.all_tasks()
    motion = RecordingMotion()
    session = Session(
        motion, BoxPicture(), clock=LoopClock(), compute=InlineCompute(), config=SessionConfig()
    )
    history = History([Message("system", "Be kind.")], 4000)
    scorer = EchoScorer(LoudnessScorer(), EchoConfig()) if guarded else LoudnessScorer()
    hearing = Hearing(SpeechDetector(scorer, VadConfig()), HearingConfig(), scorer if guarded else None)
    senses = Senses(
        hearing, asr or ScriptedAsr(), mind, voice or ToneVoice(), history,
        *plain_turns(turn_end, fillers), APOLOGY,
    )  # fmt: skip
    conversation = Conversation(session, senses, ConversationConfig(**config))
    room = Room(conversation, history, mind, motion)
    watchers = [asyncio.create_task(_watch_packets(room)), asyncio.create_task(_watch_events(room))]
    try:
        yield room
    finally:
        await conversation.aclose()
        await conversation.aclose()
        await asyncio.gather(*watchers)
    assert asyncio.all_tasks() == before, "a task outlived its visit"


async def _watch_packets(room: Room) -> None:
    async for packet in room.conversation.packets():
        room.packets.append(packet)
        room.times.append(asyncio.get_running_loop().time())


async def _watch_events(room: Room) -> None:
    async for event in room.conversation.events():
        room.events.append(event)
