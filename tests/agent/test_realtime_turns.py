"""Turns of a realtime conversation, on the virtual clock: what its words tell, and the avatar's own voice."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager

import numpy as np
import pytest

from agent.asr import ScriptedAsr
from agent.mind import ScriptedMind
from agent.realtime.coding import CODINGS
from agent.realtime.conversation import RealtimeConversation
from agent.realtime.events import parse_event
from engine.clock import LoopClock
from engine.compute import InlineCompute
from engine.config import SessionConfig
from engine.session import Session
from models.motion.stage import StillMotion
from models.picture import BoxPicture
from tests.agent.realtime import scripted
from tests.agent.test_self_interruption import LATE, BuzzingVoice

pytestmark = pytest.mark.virtual_time

COUNTING = "One two three four five six seven eight nine ten eleven twelve thirteen."


class Call:
    """A client's side: what it sends in real time, and what it was told and when."""

    def __init__(self, mindset):
        self.session = Session(
            StillMotion(), BoxPicture(), clock=LoopClock(), compute=InlineCompute(), config=SessionConfig()
        )
        self.told, self.played = [], []
        self.coding = CODINGS["audio/pcm"]
        self.conversation = RealtimeConversation(self.session, mindset, "visavis", self._tell)

    def _tell(self, kind, **fields):
        self.told.append((asyncio.get_running_loop().time(), kind, fields))

    def times_of(self, kind):
        return [at_s for at_s, told, _ in self.told if told == kind]

    async def watch(self):
        """Hand the packets to the conversation's ear, as the route does."""
        async for packet in self.session:
            self.conversation.played(packet.pcm)
            self.played.append(packet.pcm)

    async def send(self, **event):
        await self.conversation.obey(parse_event(json.dumps(event)))

    async def append(self, pcm):
        audio = base64.b64encode(self.coding.encode(np.clip(pcm, -32768, 32767).astype(np.int16))).decode()
        await self.send(type="input_audio_buffer.append", audio=audio)
        await asyncio.sleep(len(pcm) / self.coding.rate_hz)

    async def speak(self, seconds):
        time_s = np.arange(self.coding.rate_hz // 25) / self.coding.rate_hz
        for _ in range(round(25 * seconds)):
            await self.append(8000 * np.sin(2 * np.pi * 220 * time_s))

    async def hush(self, seconds):
        for _ in range(round(25 * seconds)):
            await self.append(np.zeros(self.coding.rate_hz // 25))


@asynccontextmanager
async def call(mindset, **turns):
    one = Call(mindset)
    watching = asyncio.create_task(one.watch())
    if turns:
        session = {"type": "realtime", "audio": {"input": {"turn_detection": turns}}}
        await one.send(type="session.update", session=session)
    try:
        yield one
    finally:
        await one.conversation.aclose()
        await one.session.aclose()
        await watching


async def silence_before_the_end(*words, **turns):
    """Return after how much silence each turn of these words ends."""
    asr = ScriptedAsr(list(words), delay_s=0.1)
    async with call(scripted(ScriptedMind([["Yes."]] * len(words)), asr), **turns) as one:
        ends_s = []
        for _ in words:
            await one.hush(0.5)
            await one.speak(0.6)
            ends_s.append(asyncio.get_running_loop().time())
            await one.hush(2)
        stops_s = one.times_of("input_audio_buffer.speech_stopped")
        return [stop_s - end_s for stop_s, end_s in zip(stops_s, ends_s, strict=True)]


async def test_words_tell_how_long_a_pause_may_be():
    whole, broken = await silence_before_the_end("I am done.", "I was there and")
    assert whole == pytest.approx(0.48, abs=0.1)
    assert broken == pytest.approx(1.4, abs=0.1)


async def test_a_silence_the_client_names_ends_every_turn():
    silences = await silence_before_the_end(
        "I am done.", "I was there and", type="server_vad", silence_duration_ms=300
    )
    assert silences == pytest.approx([0.3, 0.3], abs=0.1)


@pytest.mark.parametrize(("eagerness", "seconds"), [("low", 1.4), ("medium", 0.7), ("high", 0.7)])
async def test_eagerness_moves_the_end(eagerness, seconds):
    (silence,) = await silence_before_the_end("well maybe", type="semantic_vad", eagerness=eagerness)
    assert silence == pytest.approx(seconds, abs=0.1)


async def test_what_is_recognised_in_the_pause_is_not_recognised_again():
    asr = ScriptedAsr(["I was there and", "I was there and left."], delay_s=0.1)
    async with call(scripted(ScriptedMind([["Yes."]]), asr)) as one:
        await one.speak(0.5)
        await one.hush(0.6)
        await one.speak(0.5)
        await one.hush(1)
        heard = [f["transcript"] for _, kind, f in one.told if kind.endswith("transcription.completed")]
    assert heard == ["I was there and left."], "one turn, of both halves"


@pytest.mark.parametrize("guard", [True, False])
async def test_the_avatars_own_voice_is_no_turn(guard):
    mindset = scripted(ScriptedMind([[COUNTING]]), voice=BuzzingVoice(), guard=guard)
    async with call(mindset) as one:
        await one.hush(0.5)
        await one.send(type="conversation.item.create", item=_message("Count."))
        await one.send(type="response.create")
        while not one.times_of("output_audio_buffer.started"):
            await one.hush(0.04)
        random = np.random.default_rng(0)
        for _ in range(75):
            echo = one.played[-1 - LATE]
            await one.append(0.5 * echo + random.normal(0, 10, len(echo)))
        interrupted = bool(one.times_of("output_audio_buffer.cleared"))
        begun = bool(one.times_of("input_audio_buffer.speech_started"))
    assert (begun, interrupted) == ((False, False) if guard else (True, True))


def _message(text):
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
