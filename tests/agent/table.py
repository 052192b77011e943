"""A table at which several visitors talk with one avatar: real session, scripted senses."""

import asyncio
import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np

from agent.asr import ScriptedAsr
from agent.assembly import Assembly
from agent.assembly_config import AssemblyConfig
from agent.conversation import Conversation
from agent.echo import EchoConfig
from agent.echo import guarded as guards
from agent.hearing import Hearing, HearingConfig
from agent.mind import Message, ScriptedMind
from agent.minutes import Minutes
from agent.performer import VoicedPerformer
from agent.senses import Senses
from agent.turns import ConversationConfig
from agent.vad import VadConfig
from agent.voice import ToneVoice
from engine.clock import LoopClock
from engine.compute import InlineCompute
from engine.config import SessionConfig
from engine.session import Session
from models.picture import BoxPicture
from models.speech.scorer import LoudnessScorer
from streaming.contract import Caption, Guest, RoomEvent, RoomFullError, StateChange, Talking
from tests.agent.room import APOLOGY, RATE, plain_turns
from tests.engine.helpers import RecordingMotion

LONG = ["One two three four. ", "Five six seven eight. ", "Nine ten eleven twelve."]
TONE = (8000 * np.sin(2 * np.pi * 220 * np.arange(RATE // 50) / RATE)).astype(np.int16)
SILENCE = np.zeros(RATE // 50, np.int16)


@dataclass
class Table:
    """Who sits there, and what everybody was told."""

    assembly: Assembly
    minutes: Minutes
    mind: ScriptedMind
    motion: RecordingMotion
    places: list[bool]
    events: list[RoomEvent] = field(default_factory=list)
    packets: list = field(default_factory=list)
    seats: list = field(default_factory=list)

    def sit(self, name, place=0.0):
        self.seats.append(self.assembly.admit(Guest(name, place)))
        return self.seats[-1]

    async def until(self, state, timeout_s=60.0):
        """Wait for the next state of this name."""
        since = len(self.events)
        async with asyncio.timeout(timeout_s):
            while StateChange(state) not in self.events[since:]:  # noqa: ASYNC110  (events announce nothing)
                await asyncio.sleep(0.02)

    async def until_over(self):
        """Wait until the avatar has answered and listens."""
        await self.until("speaking")
        await self.until("listening")

    @property
    def heard(self):
        return [(e.speaker, e.text) for e in self.events if isinstance(e, Caption) and e.who == "visitor"]

    @property
    def answers(self):
        captions = [e for e in self.events if isinstance(e, Caption) and e.who == "avatar" and e.final]
        return [caption.text for caption in captions if caption.text]

    @property
    def talking(self):
        return [(e.guests, e.floor) for e in self.events if isinstance(e, Talking)]

    @property
    def yaws(self):
        yaws = [chunk.look.yaw_deg for chunk in self.motion.chunks]
        return [yaws[0], *(b for a, b in itertools.pairwise(yaws) if a != b)]


@asynccontextmanager
async def table(mind, *, asr=None, voice=None, guest_places=8, hears_from=0.01, guarded=False, **config):
    before = asyncio.all_tasks()
    motion = RecordingMotion()
    session = Session(
        motion, BoxPicture(), clock=LoopClock(), compute=InlineCompute(), config=SessionConfig()
    )
    minutes = Minutes([Message("system", "Be kind.")], 4000)
    echo = EchoConfig(guard=guarded)
    detector, guard = guards(LoudnessScorer(hears_from), VadConfig(), echo)
    hearing, voice = Hearing(detector, HearingConfig(), guard), voice or ToneVoice()
    senses = Senses(hearing, asr or ScriptedAsr(), mind, voice, minutes, *plain_turns(), APOLOGY)
    conversation = Conversation(session, senses, ConversationConfig())
    places = []

    def admit():
        if len(places) == guest_places:
            raise RoomFullError("full")
        places.append(True)
        return places.pop

    assembly = Assembly(
        session, conversation, minutes, VoicedPerformer(session, voice),
        lambda: guards(LoudnessScorer(), VadConfig(), echo), AssemblyConfig(**config), admit,
    )  # fmt: skip
    at = Table(assembly, minutes, mind, motion, places)
    tasks = [asyncio.create_task(_packets(at)), asyncio.create_task(_events(at))]
    try:
        yield at
    finally:
        await assembly.aclose()
        await assembly.aclose()
        await asyncio.gather(*tasks)
    assert not places, "every guest's place was given back"
    assert asyncio.all_tasks() == before, "a task outlived its assembly"


async def _packets(at):
    async for packet in at.assembly.session:
        for seat in at.seats:
            seat.played(packet.pcm)
        at.packets.append(packet)


async def _events(at):
    async for event in at.assembly.events():
        at.events.append(event)


async def speak(seat, seconds, then_s=0.0, tone=TONE):
    """Talk, then be silent, the microphone on."""
    for index in range(round((seconds + then_s) * 50)):
        seat.push_audio(tone if index < 50 * seconds else SILENCE, RATE)
        await asyncio.sleep(0.02)
