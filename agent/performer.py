"""An avatar without ears and mind: a session and a voice."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np

from agent.tags import ScriptReader, Sentence, cues_of
from agent.voice import Voice, VoiceError
from engine.packets import MEDIA_RATE_HZ
from engine.session import Session
from models.motion.cue import Cue
from streaming.contract import SpeechPiece, VoiceFailedError


class VoicedPerformer:
    """A `streaming.contract.Performer`. Owns its session; the voice belongs to the host.

    Args:
        session: shows the avatar.
        voice: speaks.
    """

    def __init__(self, session: Session, voice: Voice) -> None:
        self._session = session
        self._voice = voice

    @property
    def session(self) -> Session:
        """The avatar's session; see `Performer`."""
        return self._session

    async def voice(self, text: str) -> AsyncGenerator[SpeechPiece, None]:
        """Yield `text` as speech, sentence by sentence; see `Performer`."""
        for sentence in ScriptReader().whole(text):
            async with aclosing(spoken(sentence, self._voice)) as pieces:
                async for piece in pieces:
                    yield piece

    async def aclose(self) -> None:
        """Leave; see `Performer`."""
        await self._session.aclose()


async def spoken(sentence: Sentence, voice: Voice) -> AsyncGenerator[SpeechPiece, None]:
    """Yield a sentence as speech with its gestures. Raises `VoiceFailedError`."""
    if not sentence.text:
        cues = tuple(Cue(gesture) for gesture, _ in sentence.gestures)
        yield SpeechPiece(np.zeros(0, np.int16), MEDIA_RATE_HZ, None, cues)
        return
    words = 0
    try:
        async with aclosing(voice.speak(sentence.text)) as pieces:
            async for piece in pieces:
                cues = cues_of(sentence, piece, words)
                words += len(piece.words)
                yield SpeechPiece(piece.pcm, piece.sample_rate_hz, piece.phones, cues)
    except VoiceError as error:
        raise VoiceFailedError(str(error)) from error
