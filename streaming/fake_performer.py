"""`FakePerformer`: a real session with the fake stages, and a voice that hums one tone for every word."""

from collections.abc import AsyncGenerator

import numpy as np

from engine.clock import LoopClock
from engine.compute import InlineCompute
from engine.config import SessionConfig
from engine.packets import MEDIA_RATE_HZ
from engine.session import Session
from models.motion.stage import StillMotion
from models.picture import BoxPicture
from streaming.contract import SpeechPiece, VoiceFailedError

TONE_HZ = 220.0
TONE_PEAK = 6000
SECONDS_PER_WORD = 0.3


class FakePerformer:
    """A `Performer` made of fakes. Its mouth is a dark box that grows with loudness."""

    def __init__(self, size: int = 512) -> None:
        self._session = Session(
            StillMotion(),
            BoxPicture(size),
            clock=LoopClock(),
            compute=InlineCompute(),
            config=SessionConfig(),
            on_close=self._leave,
        )
        self.closed = False
        """True after the session was closed, by whomever."""

    @property
    def session(self) -> Session:
        """The session."""
        return self._session

    async def voice(self, text: str) -> AsyncGenerator[SpeechPiece, None]:
        """Yield a tone for each word. Raises `VoiceFailedError` at the word `unspeakable`."""
        for word in text.split():
            if word == "unspeakable":
                raise VoiceFailedError("this voice cannot say that")
            samples = np.arange(round(SECONDS_PER_WORD * MEDIA_RATE_HZ))
            tone = TONE_PEAK * np.sin(2 * np.pi * TONE_HZ * samples / MEDIA_RATE_HZ)
            yield SpeechPiece(tone.astype(np.int16), MEDIA_RATE_HZ)

    async def aclose(self) -> None:
        """End the session."""
        await self._session.aclose()

    def _leave(self) -> None:
        self.closed = True
