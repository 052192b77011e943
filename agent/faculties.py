"""The heavy models of a host, loaded once, warmed up, and shared by all visits."""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from agent.asr import Asr, AsrError, NoAsr, WhisperAsr
from agent.config import Config, MindConfig
from agent.local_mind import LocalMind
from agent.mind import EchoMind, Message, Mind, MindError
from agent.openai_mind import OpenAIMind
from agent.persona import opening
from agent.piper_voice import PiperVoice
from agent.voice import SilentVoice, Voice, VoiceError
from models.assets import AssetError
from models.motion.stage import SPEECH_RATE_HZ
from models.speech.scorer import SileroScorer, SpeechScorer

_log = logging.getLogger(__name__)

_WARM_UP: Final = "Good morning, this is a test of the voice."


@dataclass(frozen=True, slots=True)
class Faculties:
    """What avatars of this machine hear, think and speak with."""

    scorer: SpeechScorer[Any]
    asr: Asr
    mind: Mind
    voice: Voice
    lacks: tuple[str, ...] = ()
    """What is missing, in words for the visitor; the conversation goes on without it."""

    async def aclose(self) -> None:
        """Free everything. Safe to call twice."""
        for faculty in (self.asr, self.mind, self.voice):
            await faculty.aclose()


async def load_faculties(config: Config) -> Faculties:
    """Load and warm up what `config` asks for.

    A machine without recogniser or voice still converses, in writing; `lacks` says so.

    Raises:
        MindError: when there is nobody to think.
        AssetError: when the local mind's model is missing or damaged.
    """
    mind = await start_mind(config.mind)
    try:
        scorer, (asr, no_asr), (voice, no_voice) = await asyncio.gather(
            asyncio.to_thread(SileroScorer),
            asyncio.to_thread(_load_asr, config),
            asyncio.to_thread(_load_voice, config),
        )
    except BaseException:
        await mind.aclose()
        raise
    lacks = tuple(why for why in (no_asr, no_voice) if why)
    return Faculties(scorer, asr, mind, voice, lacks)


async def start_mind(config: MindConfig) -> Mind:
    """Return the mind that `config` names, ready to answer. Raises `MindError`, `AssetError`."""
    if config.kind == "local":
        return await LocalMind.start(config.local)
    return OpenAIMind(config.openai) if config.kind == "openai" else EchoMind()


async def warm_up(faculties: Faculties, config: Config) -> None:
    """Use everything once, so that the first visitor does not wait for first-time costs."""
    noise = np.random.default_rng(0).normal(0, 0.01, SPEECH_RATE_HZ).astype(np.float32)
    await _try("recogniser", faculties.asr.transcribe(noise))
    await _try("voice", _speak(faculties.voice))
    if config.mind.kind == "local":
        # The child keeps what it computed for the persona's opening, which every conversation begins with.
        await _try("mind", _think(faculties.mind, config))


async def _speak(voice: Voice) -> None:
    async for _ in voice.speak(_WARM_UP):
        pass


async def _think(mind: Mind, config: Config) -> None:
    messages = [*opening(config.persona, config.avatar.title()), Message("user", "Hello.")]
    async with aclosing(mind.answer(messages)) as deltas:
        await anext(deltas, None)


async def _try(what: str, work: Awaitable[object]) -> None:
    """Warm one thing up; what fails here fails again, visibly, when it is needed."""
    try:
        await work
    except (AsrError, MindError, VoiceError) as error:
        _log.warning("could not warm up the %s: %s", what, error)


def _load_asr(config: Config) -> tuple[Asr, str]:
    try:
        return WhisperAsr(config.asr), ""
    except (AsrError, AssetError) as error:
        why = f"I cannot hear you, please type: {error}"
        _log.warning("%s", why)
        return NoAsr(why), why


def _load_voice(config: Config) -> tuple[Voice, str]:
    try:
        return PiperVoice(config.voice), ""
    except (VoiceError, AssetError) as error:
        why = f"I have no voice and answer in writing: {error}"
        _log.warning("%s", why)
        return SilentVoice(), why
