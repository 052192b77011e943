"""A voice that has begun a sentence before it is wanted, and knows how much it can make in time."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from agent.portions import Portions
from agent.tasks import end
from agent.voice import SpokenPiece, Voice, VoiceError


class HeadStart:
    """A `Voice` that may make one sentence early. The voice behind it belongs to the host.

    What waits is bounded by the longest sentence that is spoken at once, `agent.sentences.MAX_CHARS`.
    """

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._loop = asyncio.get_running_loop()
        self._text: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._pieces: asyncio.Queue[SpokenPiece | VoiceError | None] = asyncio.Queue()
        self.first_sound_s: float | None = None
        """Loop time at which the first sound of the early sentence was there."""
        self._ready = asyncio.Event()
        self._portions = Portions()

    def begin(self, text: str) -> None:
        """Make `text`, which will be the next that is asked for; not more than once."""
        if self._task is not None:
            raise RuntimeError("only one sentence can be begun early")
        self._text = text
        self._task = asyncio.create_task(self._make(text), name="voice ahead")

    async def ready(self) -> None:
        """Wait until the first sound of the early sentence is there, or it failed; not when none is begun."""
        if self._task is not None:
            await self._ready.wait()

    async def speak(self, text: str) -> AsyncGenerator[SpokenPiece, None]:
        """Yield the speech of `text`, made early or now; see `Voice`."""
        if text == self._text:
            self._text = None
            while (piece := await self._pieces.get()) is not None:
                if isinstance(piece, VoiceError):
                    raise piece
                yield piece
            return
        async with aclosing(self._made(text)) as pieces:
            async for made in pieces:
                yield made

    def portion(self, text: str, waiting_s: float) -> str:
        """Return how much of a sentence to speak next, with so much sound waiting; see `Portions`."""
        return text if text == self._text else self._portions.first_of(text, waiting_s)

    async def aclose(self) -> None:
        """Give up what was begun; the voice behind stays."""
        await end(self._task)

    async def _make(self, text: str) -> None:
        try:
            async with aclosing(self._made(text)) as pieces:
                async for piece in pieces:
                    self.first_sound_s = self.first_sound_s or self._loop.time()
                    self._pieces.put_nowait(piece)
                    self._ready.set()
        except VoiceError as error:
            self._pieces.put_nowait(error)
        self._pieces.put_nowait(None)
        self._ready.set()

    async def _made(self, text: str) -> AsyncGenerator[SpokenPiece, None]:
        """Yield the speech of `text`, and note how long the voice took, not counting who takes the pieces."""
        taken_s, asked_s = 0.0, self._loop.time()
        async with aclosing(self._voice.speak(text)) as pieces:
            async for piece in pieces:
                taken_s += self._loop.time() - asked_s
                yield piece
                asked_s = self._loop.time()
        self._portions.note(text, taken_s)
