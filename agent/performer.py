"""The avatar of a show: a session and a voice, without ears and mind."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from agent.sentences import SentenceSplitter
from agent.voice import Voice, VoiceError
from engine.session import Session
from streaming.contract import SpeechPiece, VoiceFailedError


class VoicedPerformer:
    """A `streaming.contract.Performer`. Owns its session; the voice belongs to the host.

    Args:
        session: shows the avatar.
        voice: speaks.
        on_close: told once that the show is over.
    """

    def __init__(self, session: Session, voice: Voice, on_close: Callable[[], None] = lambda: None) -> None:
        self._session = session
        self._voice = voice
        self._on_close = on_close
        self._closed = False

    @property
    def session(self) -> Session:
        """The avatar's session; see `Performer`."""
        return self._session

    async def voice(self, text: str) -> AsyncGenerator[SpeechPiece, None]:
        """Yield `text` as speech, sentence by sentence; see `Performer`."""
        for sentence in SentenceSplitter().whole(text):
            try:
                async with aclosing(self._voice.speak(sentence)) as pieces:
                    async for piece in pieces:
                        yield SpeechPiece(piece.pcm, piece.sample_rate_hz, piece.phones)
            except VoiceError as error:
                raise VoiceFailedError(str(error)) from error

    async def aclose(self) -> None:
        """Leave; see `Performer`."""
        if self._closed:
            return
        self._closed = True
        await self._session.aclose()
        self._on_close()
