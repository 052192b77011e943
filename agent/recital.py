"""What an avatar is asked to say between its answers, in its own name: a text, or a recording."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from agent.mind import Message
from agent.reply import Reply
from agent.tags import ScriptReader
from agent.voice import SpokenPiece, Voice, Word
from engine.packets import SegmentFinished
from streaming.contract import BusyError, Script, SpeechPiece, VoiceFailedError
from streaming.delivery import blocks

WAITING_MAX: Final = 16
"""Requests that may wait; more is a backlog nobody will listen to."""
RECORDING: Final = "(recording)"
"""What a recording is called in captions, and to the mind."""


def is_nothing(script: Script) -> bool:
    """Tell whether there is nothing to be said or shown in a script."""
    return not (ScriptReader().whole(script) if isinstance(script, str) else len(script.pcm))


class Recording:
    """A `Voice` that has one thing to say, whatever the text."""

    def __init__(self, piece: SpeechPiece) -> None:
        self._piece = piece

    async def speak(self, text: str) -> AsyncGenerator[SpokenPiece, None]:
        """Yield the recording in blocks; the text is the one word of it."""
        words: tuple[Word, ...] = (Word(text, 0.0, self._piece.duration_s),)
        for block in blocks(self._piece):
            yield SpokenPiece(block.pcm, block.sample_rate_hz, block.phones or (), words)
            words = ()

    async def aclose(self) -> None:
        """Nothing to free."""


class Request:
    """One script to be said; a `Mind` that thinks of nothing else. Make it inside a running loop.

    Args:
        script: what to say.
        voice: says texts.
        interrupt: whether to fall silent first.
    """

    def __init__(self, script: Script, voice: Voice, *, interrupt: bool) -> None:
        self._text = script if isinstance(script, str) else RECORDING
        self.voice: Voice = voice if isinstance(script, str) else Recording(script)
        """Says it."""
        self.interrupt = interrupt
        self.over: asyncio.Future[SegmentFinished | None] = asyncio.get_running_loop().create_future()
        """How it ended; None when nothing of it was heard."""

    async def answer(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """Yield the text."""
        yield self._text

    async def aclose(self) -> None:
        """Nothing to end."""

    def settle(self, reply: Reply | None) -> None:
        """Let who asked know how it ended; None when it was not begun. Safe to call twice."""
        if self.over.done():
            return
        if reply is not None and reply.failed is not None:
            self.over.set_exception(VoiceFailedError(str(reply.failed)))
        else:
            self.over.set_result(None if reply is None else reply.ended)


class Requests:
    """Those that wait, in their order.

    Args:
        voice: says texts.
    """

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._queue: deque[Request] = deque()
        self._begun: Request | None = None
        self._coming: list[Request] = []
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many are not said to their end."""
        begun = self._begun is not None and not self._begun.over.done()
        return len(self._coming) + len(self._queue) + begun

    def new(self, script: Script, *, interrupt: bool) -> Request:
        """Return a request, which waits to be added.

        Raises:
            BusyError: when too many wait, or nothing is said any more.
        """
        if self._closed:
            raise BusyError("the visit is over")
        if self.waiting >= WAITING_MAX and not interrupt:
            raise BusyError(f"{self.waiting} utterances wait already")
        request = Request(script, self._voice, interrupt=interrupt)
        self._coming.append(request)
        return request

    def add(self, request: Request) -> None:
        """Let a new request wait for its turn."""
        self._coming.remove(request)
        self._queue.append(request)

    def take(self) -> Request | None:
        """Return the next one whose asker still waits."""
        while self._queue:
            self._begun = self._queue.popleft()
            if not self._begun.over.cancelled():
                return self._begun
        return None

    def give_up(self) -> None:
        """Let those that wait be over."""
        while self._queue:
            self._queue.popleft().settle(None)

    def close(self) -> None:
        """Give up everything, and take nothing more."""
        self._closed = True
        self.give_up()
        for request in self._coming:
            request.settle(None)
