"""One answer: thought → voice → session; what was heard of it, and what was not when it was cut off."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from agent.fillers import Fillers
from agent.mind import MindError
from agent.speech import Speech, Unheard
from agent.tags import Sentence
from agent.tasks import end
from agent.thought import Thought
from agent.voice import VoiceError
from engine.packets import SegmentFinished, SegmentStarted
from engine.session import Session
from engine.speech import SegmentEvent
from streaming.contract import Caption, Notice, RoomEvent

_log = logging.getLogger(__name__)

MADE: Final = {"motion": "motion_first", "picture": "video_first"}
"""Stage of a turn, by what the session calls it."""
WORTH_RESUMING_S: Final = 0.8
"""Who is cut off in its last word or two has said it: what came then was an answer to it."""


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """An answer that was cut off, and could go on."""

    turn: int
    heard: str
    """What was heard of it."""
    unheard: Unheard
    thought: Thought
    """Where the rest comes from; to be closed when the answer does not go on."""
    at_s: float
    """Loop time at which it was cut off."""


class Reply:
    """Gives one answer and knows afterwards what was heard of it. The thought stays the caller's to close.

    Args:
        turn: number of the turn, for captions.
        session: speaks; no other utterance may be open.
        thought: the answer.
        ahead_s: seconds of sound that may wait in the session.
        apology: said when the mind fails.
        tell: takes what the page should know.
        mark: takes the names of stages as they are reached, and when they were, in loop time.
        fillers: what to say while the mind is slow; None: nothing.
        after: where it goes on, when it was cut off before.
    """

    def __init__(
        self,
        turn: int,
        session: Session,
        thought: Thought,
        ahead_s: float,
        *,
        apology: str,
        tell: Callable[[RoomEvent], None],
        mark: Callable[[str, float], None],
        fillers: Fillers | None = None,
        after: BrokenOff | None = None,
    ) -> None:
        self._turn = turn
        self._session = session
        self._apology = apology
        self._tell = tell
        self._mark = mark
        self._before = "" if after is None else after.heard
        self._begun = Unheard() if after is None else after.unheard
        self._loop = asyncio.get_running_loop()
        self._fillers = fillers
        self._speech = Speech(session, thought.voice, ahead_s, self._caption)
        self._filler: Speech | None = None
        self._ahead_s = ahead_s
        self._complete = False
        self.failed: VoiceError | None = None
        """Why the voice could not go on."""
        self.thought = thought
        """Where the answer comes from."""

    @property
    def heard(self) -> str:
        """The words that sounded so far."""
        return self._joined(self._speech.heard())

    @property
    def interrupted(self) -> bool:
        """True unless the whole answer was heard."""
        return not self._complete

    @property
    def ended(self) -> SegmentFinished | None:
        """How its sound ended; None while it goes on, and when it had none."""
        return self._speech.finished

    def broken_off(self) -> BrokenOff | None:
        """Return how it could go on; None when it was heard to its end, or failed, or as good as ended."""
        if self._complete or self.failed is not None:
            return None
        unheard = self._speech.unheard()
        more = unheard.sentence is not None or not self.thought.over
        if not more and unheard.duration_s < WORTH_RESUMING_S:
            return None
        return BrokenOff(self._turn, self.heard, unheard, self.thought, self._loop.time())

    def on_segment(self, event: SegmentEvent) -> bool:
        """Take what the session says; returns whether the answer becomes audible now."""
        if self._filler is not None and self._filler.finished is None:
            self._filler.on_segment(event)
            return False
        self._speech.on_segment(event)
        audible = isinstance(event, SegmentStarted)
        if audible:
            self._mark("audible", self._loop.time())
        return audible

    def on_made(self, stage: str) -> None:
        """Take what the session says of the first motion and picture; those of a filler are no answer's."""
        if self._filler is None or self._filler.finished is not None:
            self._mark(MADE[stage], self._loop.time())

    def silence(self) -> None:
        """Fall silent at once; nothing to do once the answer is over."""
        if self._speech.open or (self._filler is not None and self._filler.open):
            self._session.clear()

    async def give(self) -> None:
        """Answer aloud; returns after the last sound. Failures are told, never raised."""
        try:
            await self._bridge()
            await self._speech.go_on(self._begun)
            await self._speak()
        except VoiceError as error:
            self.failed = error
            _log.warning("the voice failed: %s", error)
            self._tell(Notice("error", f"My voice failed: {error}"))
        await self._speech.over()
        finished = self._speech.finished
        self._complete = self.failed is None and (finished is None or not finished.interrupted)

    async def _bridge(self) -> None:
        """Say a filler when the mind is slow; it ends with the word at which the answer can be heard.

        It is no part of the answer: captioned until the answer is, and not remembered.
        """
        if self._fillers is None:
            return
        answer = asyncio.ensure_future(self.thought.audible())
        try:
            await asyncio.wait([answer], timeout=self._fillers.after_s or None)
            text = None if answer.done() else self._fillers.next()
            if text is None:
                self._fillers.not_needed()
                return
            filler = self._filler = Speech(self._session, self.thought.voice, self._ahead_s, self._caption)
            await filler.say(Sentence(text), lambda: None)
            over = asyncio.ensure_future(filler.over())
            await asyncio.wait([answer, over], return_when=asyncio.FIRST_COMPLETED)
            await filler.stop()
            await over
        finally:
            await end(answer)

    async def _speak(self) -> None:
        """Say the sentences as they come; an apology when the mind fails."""
        try:
            async with aclosing(self.thought.sentences()) as sentences:
                async for sentence in sentences:
                    self._mark_since("llm_first_token", self.thought.first_token_s)
                    await self._speech.say(sentence, self._on_first_sound)
        except MindError as error:
            _log.warning("the mind failed: %s", error)
            self._tell(Notice("error", f"My mind failed: {error}"))
            await self._speech.say(Sentence(self._apology), self._on_first_sound)

    def _on_first_sound(self) -> None:
        self._mark_since("tts_first_pcm", self.thought.voice.first_sound_s)

    def _mark_since(self, stage: str, at_s: float | None) -> None:
        self._mark(stage, self._loop.time() if at_s is None else at_s)

    def _caption(self, text: str) -> None:
        self._tell(Caption("avatar", self._turn, self._joined(text), final=False))

    def _joined(self, text: str) -> str:
        return " ".join(part for part in (self._before, text) if part)
