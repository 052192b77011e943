"""A whole conversation in which the avatar's sound comes back into the microphone, on the virtual clock."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from agent.asr import ScriptedAsr
from agent.mind import ScriptedMind
from agent.voice import ToneVoice
from engine.packets import MEDIA_RATE_HZ, MEDIA_SAMPLES_PER_FRAME
from tests.agent.room import visit

pytestmark = pytest.mark.virtual_time

LATE = 5
"""Packets, 200 ms, that the sound is under way."""


class BuzzingVoice(ToneVoice):
    """Says everything with a buzz of changing pitch, whose harmonics can be followed."""

    async def speak(self, text):
        async for piece in super().speak(text):
            t = np.arange(len(piece.pcm)) / piece.sample_rate_hz
            pitch_hz = 140 + 40 * np.sin(2 * np.pi * 1.3 * t + len(text))
            pcm = 4000 * buzz(np.cumsum(pitch_hz) / piece.sample_rate_hz) * (piece.pcm != 0)
            yield replace(piece, pcm=pcm.astype(np.int16))


def buzz(periods):
    """Return a sum of harmonics, each weaker than the one below."""
    return sum(np.sin(2 * np.pi * harmonic * periods) / harmonic for harmonic in range(1, 15))


async def answer_into_the_microphone(room, seconds, interruption=None):
    """Let what was handed out come back half as loud; from a moment on somebody else buzzes over it."""
    begin, random = len(room.packets), np.random.default_rng(0)
    for frame in range(round(25 * seconds)):
        await asyncio.sleep(0.04)
        played = room.packets[max(0, min(begin + frame, len(room.packets) - 1) - LATE)].pcm
        pcm = 0.5 * played + random.normal(0, 10, MEDIA_SAMPLES_PER_FRAME)
        if interruption is not None and frame >= 25 * interruption:
            pcm += 5000 * buzz(235 * (frame / 25 + np.arange(MEDIA_SAMPLES_PER_FRAME) / MEDIA_RATE_HZ))
        room.conversation.push_audio(np.clip(pcm, -32768, 32767).astype(np.int16), MEDIA_RATE_HZ)


LONG = ["One two three four five six seven eight nine ten eleven twelve thirteen."]


async def test_it_does_not_interrupt_itself():
    async with visit(ScriptedMind([LONG]), voice=BuzzingVoice(), guarded=True) as room:
        room.conversation.push_text("Count.")
        await answer_into_the_microphone(room, 6)
        assert [f.interrupted for f in room.finished()] == [False]
        assert room.states == ["thinking", "speaking", "listening"]
        assert room.conversation.stats()["echo_windows"] > 20


async def test_without_the_guard_it_would():
    async with visit(ScriptedMind([LONG]), voice=BuzzingVoice(), asr=ScriptedAsr(["x"])) as room:
        room.conversation.push_text("Count.")
        await answer_into_the_microphone(room, 3)
        assert room.finished()[0].interrupted


async def test_somebody_else_interrupts_it_within_200_ms():
    mind, asr = ScriptedMind([LONG]), ScriptedAsr(["Stop."])
    async with visit(mind, voice=BuzzingVoice(), asr=asr, guarded=True) as room:
        room.conversation.push_text("Count.")
        await room.until("speaking")
        begin_s = asyncio.get_running_loop().time()
        await answer_into_the_microphone(room, 3, interruption=2.0)
        assert room.finished()[0].interrupted
        cut_s = max(room.sounding(begin_s)) - begin_s
        assert 2.0 < cut_s <= 2.0 + 0.24, "within 200 ms, and the packet that was handed out already"
