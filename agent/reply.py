"""One answer: mind → sentences → voice → session, each stage running ahead of the next by a little."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Final

from agent.mind import Message, Mind, MindBrokenError, MindError
from agent.speech import Speech
from agent.tags import ScriptReader, Sentence
from agent.voice import Voice, VoiceError
from engine.packets import SegmentStarted
from engine.session import Session
from engine.speech import SegmentEvent
from streaming.contract import Caption, Notice, RoomEvent

_log = logging.getLogger(__name__)

SENTENCES_AHEAD: Final = 4
"""Sentences that may wait for the voice; a mind further ahead than that would think in vain."""


class Reply:
    """Gives one answer and knows afterwards what was heard of it.

    Args:
        turn: number of the turn, for captions.
        session: speaks; no other utterance may be open.
        mind: answers.
        voice: makes sound of it.
        ahead_s: seconds of sound that may wait in the session.
        tell: takes what the page should know.
        mark: takes the names of stages as they are reached.
    """

    def __init__(
        self,
        turn: int,
        session: Session,
        mind: Mind,
        voice: Voice,
        ahead_s: float,
        *,
        tell: Callable[[RoomEvent], None],
        mark: Callable[[str], None],
    ) -> None:
        self._turn = turn
        self._session = session
        self._mind = mind
        self._tell = tell
        self._mark = mark
        self._speech = Speech(session, voice, ahead_s, self._caption)
        self._complete = False

    @property
    def heard(self) -> str:
        """The words that sounded so far."""
        return self._speech.heard()

    @property
    def interrupted(self) -> bool:
        """True unless the whole answer was heard."""
        return not self._complete

    def on_segment(self, event: SegmentEvent) -> bool:
        """Take what the session says; returns whether the answer becomes audible now."""
        self._speech.on_segment(event)
        audible = isinstance(event, SegmentStarted)
        if audible:
            self._mark("audible")
        return audible

    def silence(self) -> None:
        """Fall silent at once; nothing to do once the answer is over."""
        if self._speech.open:
            self._session.clear()

    async def give(self, messages: Sequence[Message], apology: str) -> None:
        """Answer `messages` aloud; returns after the last sound. Failures are told, never raised."""
        sentences: asyncio.Queue[Sentence | None] = asyncio.Queue(SENTENCES_AHEAD)
        spoken = False
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._think(messages, apology, sentences))
                group.create_task(self._speak(sentences))
            spoken = True
        except* VoiceError as failures:
            for failure in failures.exceptions:
                _log.warning("the voice failed: %s", failure)
                self._tell(Notice("error", f"My voice failed: {failure}"))
        await self._speech.over()
        finished = self._speech.finished
        self._complete = spoken and (finished is None or not finished.interrupted)

    async def _think(
        self, messages: Sequence[Message], apology: str, sentences: asyncio.Queue[Sentence | None]
    ) -> None:
        """Put the answer into `sentences`, then None; an apology when the mind fails."""
        reader = ScriptReader()
        state = reader.init_state()
        failure: MindError | None = None
        try:
            async with aclosing(self._mind.answer(messages)) as deltas:
                async for delta in deltas:
                    self._mark("llm_first_token")
                    ready, state = reader.step(delta, state)
                    for sentence in ready:
                        await sentences.put(sentence)
        except MindError as error:
            failure = error
        rest, _ = reader.flush(state)
        if failure is None and not rest and not state.begun:
            failure = MindBrokenError("the language model's answer was empty")
        for sentence in rest:
            await sentences.put(sentence)
        if failure is not None:
            _log.warning("the mind failed: %s", failure)
            self._tell(Notice("error", f"My mind failed: {failure}"))
            await sentences.put(Sentence(apology))
        await sentences.put(None)

    async def _speak(self, sentences: asyncio.Queue[Sentence | None]) -> None:
        while (sentence := await sentences.get()) is not None:
            await self._speech.say(sentence, lambda: self._mark("tts_first_pcm"))

    def _caption(self, text: str) -> None:
        self._tell(Caption("avatar", self._turn, text, final=False))
