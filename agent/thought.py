"""An answer on its way from the mind: sentence by sentence, the first made sound of, before anyone asks."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from agent.head_start import HeadStart
from agent.mind import Message, Mind, MindBrokenError, MindError
from agent.tags import ScriptReader, Sentence
from agent.tasks import end
from agent.voice import Voice

_log = logging.getLogger(__name__)

SENTENCES_AHEAD: Final = 4
"""Sentences that may wait for the voice; a mind further ahead than that would think in vain."""


class Thought:
    """What a mind answers to `messages`. Begins at once, leaves no trace, and ends with `aclose`.

    A mind is only asked for text here, never with tools: nothing happens that would have to be undone.

    Args:
        mind: answers.
        voice: makes sound of the first sentence as soon as it is there.
        messages: what is answered.
    """

    def __init__(self, mind: Mind, voice: Voice, messages: Sequence[Message]) -> None:
        self.messages = tuple(messages)
        self.voice = HeadStart(voice)
        """Speaks the sentences, the first of them without delay."""
        self.first_token_s: float | None = None
        """Loop time of the first token."""
        self.begun = asyncio.Event()
        """Set when the first sentence is there, or none will come."""
        self._mind = mind
        self._loop = asyncio.get_running_loop()
        self._sentences: asyncio.Queue[Sentence | None] = asyncio.Queue(SENTENCES_AHEAD)
        self._error: Exception | None = None
        self._untaken = 0
        self._complete = False
        self._ended = False
        self._task = asyncio.create_task(self._think(), name="thought")

    @property
    def over(self) -> bool:
        """True when nothing more will come: the mind has ended, and its last sentence was taken."""
        return self._complete and not self._untaken

    async def sentences(self) -> AsyncGenerator[Sentence, None]:
        """Yield the sentences that were not taken before; then raise `MindError` if the mind failed."""
        while not self._ended:
            sentence = await self._sentences.get()
            if sentence is None:
                self._ended = True
            else:
                self._untaken -= 1
                yield sentence
        error, self._error = self._error, None
        if error is not None:
            raise error

    async def audible(self) -> None:
        """Wait until the answer can be heard without delay, or will not come."""
        await self.begun.wait()
        await self.voice.ready()

    def stop(self) -> None:
        """Ask it to end, without waiting for the end."""
        self._task.cancel()

    async def aclose(self) -> None:
        """Stop thinking. Safe to call twice."""
        await end(self._task)
        await self.voice.aclose()

    async def _think(self) -> None:
        """Put the answer into the queue, then None."""
        try:
            await self._answer()
        except Exception as error:
            self._error = error
        self._complete = True
        self.begun.set()
        await self._sentences.put(None)

    async def _answer(self) -> None:
        reader = ScriptReader()
        state = reader.init_state()
        failure: MindError | None = None
        try:
            async with aclosing(self._mind.answer(self.messages)) as deltas:
                async for delta in deltas:
                    self.first_token_s = self.first_token_s or self._loop.time()
                    ready, state = reader.step(delta, state)
                    await self._put(ready)
        except MindError as error:
            failure = error
        rest, _ = reader.flush(state)
        await self._put(rest)
        if failure is None and not rest and not state.begun:
            failure = MindBrokenError("the language model's answer was empty")
        if failure is not None:
            raise failure

    async def _put(self, sentences: Sequence[Sentence]) -> None:
        for sentence in sentences:
            if not self.begun.is_set():
                if sentence.text:
                    self.voice.begin(sentence.text)
                self.begun.set()
            self._untaken += 1
            await self._sentences.put(sentence)
