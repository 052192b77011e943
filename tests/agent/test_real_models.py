"""The real voice, ear, recogniser and local mind, one after another."""

import os
import re
import signal
from contextlib import aclosing

import numpy as np
import soxr

from agent.asr import AsrConfig, WhisperAsr
from agent.config import load_config
from agent.hearing import Began, Hearing, HearingConfig, Utterance
from agent.local_mind import LocalMind, LocalMindConfig
from agent.mind import Message
from agent.persona import opening
from agent.piper_voice import PiperConfig, PiperVoice
from agent.vad import SpeechDetector, VadConfig
from models.speech.scorer import SileroScorer

SENTENCE = "The quick brown fox jumps over the lazy dog, and then it sleeps."


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


async def test_what_the_voice_says_is_heard_and_recognised_word_by_word():
    async with aclosing(PiperVoice(PiperConfig())) as voice:
        pieces = [piece async for piece in voice.speak(SENTENCE)]
    spoken = np.concatenate([piece.pcm for piece in pieces])
    at_48k = (soxr.resample(spoken / 32768, pieces[0].sample_rate_hz, 48_000) * 32767).astype(np.int16)
    rng = np.random.default_rng(0)
    room = rng.normal(0, 30, 48_000).astype(np.int16)
    sound = np.concatenate([room, at_48k, room])
    hearing = Hearing(SpeechDetector(SileroScorer(), VadConfig()), HearingConfig())
    events = [e for at in range(0, len(sound), 960) for e in hearing.push(sound[at : at + 960], 48_000)]
    utterances = [e for e in events if isinstance(e, Utterance)]
    assert isinstance(events[0], Began)
    assert len(utterances) == 1
    async with aclosing(WhisperAsr(AsrConfig())) as asr:
        transcript = await asr.transcribe(utterances[0].pcm)
    assert words(transcript.text) == words(SENTENCE)


async def test_the_local_mind_answers_is_stopped_and_comes_back():
    config = load_config("default", {})
    mind = await LocalMind.start(LocalMindConfig(max_tokens=24))
    try:
        child = mind.process_id
        messages = [*opening(config.persona, "Eileen"), Message("user", "What is the capital of France?")]
        async with aclosing(mind.answer(messages)) as deltas:
            answer = "".join([delta async for delta in deltas])
        assert "Paris" in answer
        async with aclosing(mind.answer(messages)) as deltas:
            await anext(deltas)
        os.kill(child, signal.SIGKILL)
        await mind.ended()
        async with aclosing(mind.answer(messages)) as deltas:
            assert await anext(deltas)
        assert mind.process_id != child
    finally:
        await mind.aclose()
    assert mind.process_id is None
