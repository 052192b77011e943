"""Offline: text or a recording, and an avatar → an mp4 file, through the same voice and session as live."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
import soxr
from jaxtyping import Float32, Int16

from agent.asr import Asr, WhisperAsr
from agent.config import Config
from agent.motion import open_motion
from agent.performer import spoken
from agent.picture import full_picture_maker, picture_maker
from agent.pictures import Portraits
from agent.piper_voice import PiperVoice
from agent.tags import ScriptReader
from agent.voice import Voice
from engine.compute import ThreadCompute
from engine.render import Rendered, RenderPlan, Speech, render
from models.home import avatars_root
from models.motion.cue import Cue
from models.motion.stage import SPEECH_RATE_HZ, Phone

_log = logging.getLogger(__name__)

Progress = Callable[[str, float], None]


class RenderError(ValueError):
    """There is nothing to say; the message tells why."""


async def render_text(
    config: Config,
    text: str,
    out: Path,
    *,
    seed: int = 0,
    full: Sequence[Path] = (),
    progress: Progress = lambda stage, fraction: None,
) -> Rendered:
    """Have `config.avatar` say `text`, and write it to the mp4 file `out`.

    With weights in `full`, the full video model draws it.

    Raises:
        RenderError: when nothing of the text can be spoken.
        VoiceError, VoiceFailedError: when there is no voice, or it fails.
        AvatarNotFoundError: when there is no such avatar.
    """
    progress("Loading the voice", 0.0)
    async with aclosing(await asyncio.to_thread(PiperVoice, config.voice)) as voice:
        speech = await speak(voice, text, lambda fraction: progress("Speaking", fraction))
    return await _draw(config, speech, out, seed, full, progress)


async def render_audio(
    config: Config,
    recording: Path,
    out: Path,
    *,
    seed: int = 0,
    full: Sequence[Path] = (),
    progress: Progress = lambda stage, fraction: None,
) -> Rendered:
    """Have `config.avatar` move to a recording of speech, and write it to the mp4 file `out`.

    The words are recognised and laid on the sound, so that the lips know what they say; where that fails,
    they follow the sound alone.

    Raises:
        RenderError: when the file holds no sound.
        AsrError: when the recogniser cannot be loaded, or fails.
        AvatarNotFoundError: when there is no such avatar.
    """
    progress("Reading the recording", 0.0)
    pcm, rate_hz = await asyncio.to_thread(read_recording, recording)
    progress("Loading the recogniser", 0.0)
    async with aclosing(await asyncio.to_thread(WhisperAsr, config.asr)) as asr:
        progress("Listening", 0.0)
        phones = await recognise_phones(asr, _speech_rate(pcm, rate_hz))
    return await _draw(config, Speech(pcm, rate_hz, phones), out, seed, full, progress)


async def speak(voice: Voice, text: str, progress: Callable[[float], None] = lambda fraction: None) -> Speech:
    """Return the whole of `text` as one utterance. Raises `RenderError` when nothing of it can be spoken."""
    sentences = ScriptReader().whole(text)
    sounds: list[np.ndarray] = []
    phones: list[Phone] = []
    cues: list[Cue] = []
    at_s, rate_hz = 0.0, 0
    for index, sentence in enumerate(sentences):
        progress(index / len(sentences))
        async with aclosing(spoken(sentence, voice)) as pieces:
            async for piece in pieces:
                sounds.append(piece.pcm)
                cues += [replace(cue, at_s=at_s + cue.at_s) for cue in piece.cues]
                phones += [
                    replace(p, start_s=at_s + p.start_s, end_s=at_s + p.end_s) for p in piece.phones or ()
                ]
                at_s, rate_hz = at_s + piece.duration_s, piece.sample_rate_hz if len(piece.pcm) else rate_hz
    if not at_s:
        raise RenderError("there is nothing to say in this text")
    return Speech(np.concatenate(sounds), rate_hz, tuple(phones), tuple(cues))


def read_recording(path: Path) -> tuple[Int16[np.ndarray, "samples"], int]:
    """Return a sound file as mono samples and their rate.

    Raises:
        RenderError: when it cannot be read, or holds no sound.
    """
    try:
        sound, rate_hz = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise RenderError(f"{path} cannot be read as sound: {error}") from error
    if not len(sound):
        raise RenderError(f"{path} holds no sound")
    return (np.clip(sound.mean(axis=1), -1, 1) * 32767).astype(np.int16), int(rate_hz)


async def recognise_phones(asr: Asr, pcm: Float32[np.ndarray, "samples"]) -> tuple[Phone, ...] | None:
    """Return what sounds when in 16 kHz speech, or None when it cannot be told."""
    from models.speech.align import AlignmentError, align

    transcript = await asr.transcribe(pcm)
    if not transcript.text:
        return None
    try:
        return await asyncio.to_thread(align, pcm, transcript.text)
    except AlignmentError as error:
        _log.warning("the lips follow the sound alone: %s", error)
        return None


def _speech_rate(pcm: Int16[np.ndarray, "samples"], rate_hz: int) -> Float32[np.ndarray, "resampled"]:
    sound = pcm.astype(np.float32) / 32768
    return np.asarray(soxr.resample(sound, rate_hz, SPEECH_RATE_HZ), np.float32)


async def _draw(
    config: Config, speech: Speech, out: Path, seed: int, full: Sequence[Path], progress: Progress
) -> Rendered:
    """Draw one utterance."""
    from models.portrait.create import DEFAULT_NAME

    picture_of = full_picture_maker(full) if full else picture_maker(config.picture)
    portraits = Portraits(avatars_root(), config.picture_size, picture_of)
    if config.avatar == DEFAULT_NAME:
        await portraits.make_default(progress)
    async with aclosing(ThreadCompute()) as compute:
        return await render(
            [speech],
            out,
            motion=open_motion(config.motion, config.session.lookahead_ms),
            picture=await portraits.picture(config.avatar),
            compute=compute,
            plan=RenderPlan(seed=seed),
            progress=lambda fraction: progress("Drawing", fraction),
        )
