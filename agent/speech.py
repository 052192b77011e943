"""One utterance of the avatar on its way into a session: paced, captioned, and remembered word by word."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from agent.head_start import HeadStart
from agent.tags import Sentence, cues_of
from agent.voice import SpokenPiece, Word
from engine.packets import SegmentFinished, SegmentStarted
from engine.session import Session
from engine.speech import SegmentEvent
from models.motion.cue import Cue
from streaming.delivery import END_LEAD_S

WORD_MAX_S: Final = 0.4
"""Longer than this nobody waits for the end of a word."""
PIECES_KEPT_S: Final = 2.0
"""Sound is forgotten so long after it was heard; a word that is cut is shorter."""


@dataclass(frozen=True, slots=True)
class Unheard:
    """What is left of an utterance that was cut off."""

    pieces: tuple[SpokenPiece, ...] = ()
    """Sound that was made, from the word on in which it was cut."""
    sentence: Sentence | None = None
    """Text of which no sound was made yet, though it was begun."""

    @property
    def duration_s(self) -> float:
        """Seconds of sound that is made already."""
        return sum(piece.duration_s for piece in self.pieces)


class Speech:
    """Pushes sentences into a session and knows which words were heard.

    The session tells it through `on_segment` when the utterance becomes audible and when it is over.

    Args:
        session: where the sound goes; no other utterance may be open there.
        voice: makes the sound.
        ahead_s: seconds of sound that may wait in the session; more would be made in vain at an interruption.
        on_audible: called with the text so far, each time a sentence begins to sound.
    """

    def __init__(
        self, session: Session, voice: HeadStart, ahead_s: float, on_audible: Callable[[str], None]
    ) -> None:
        self._session = session
        self._voice = voice
        self._room_kept_s = session.room_s() - ahead_s
        self._on_audible = on_audible
        self._loop = asyncio.get_running_loop()
        self._words: list[Word] = []
        self._pieces: deque[tuple[float, SpokenPiece]] = deque()
        self._saying: tuple[Sentence, int] | None = None
        self._sentences: list[tuple[str, float]] = []
        self._captions: list[asyncio.TimerHandle] = []
        self._pushed_s = 0.0
        self._started_s: float | None = None
        self._finished: asyncio.Future[SegmentFinished] = self._loop.create_future()

    @property
    def pushed_s(self) -> float:
        """Seconds of sound handed to the session."""
        return self._pushed_s

    @property
    def open(self) -> bool:
        """True while the session still owes the end of this utterance."""
        return self._pushed_s > 0 and not self._finished.done()

    @property
    def finished(self) -> SegmentFinished | None:
        """How it ended, once it has."""
        return self._finished.result() if self._finished.done() else None

    def on_segment(self, event: SegmentEvent) -> None:
        """Take what the session says about this utterance."""
        if isinstance(event, SegmentStarted):
            self._started_s = self._loop.time()
            for index in range(len(self._sentences)):
                self._schedule_caption(index)
        elif not self._finished.done():
            self._finished.set_result(event)
            self._cancel_captions()

    async def say(self, sentence: Sentence, on_first_sound: Callable[[], None]) -> None:
        """Speak `sentence`; returns when its sound is handed over. Raises `VoiceError`."""
        if not sentence.text:
            for gesture, _ in sentence.gestures:
                self._session.push_cue(Cue(gesture, max(0.0, self._pushed_s - END_LEAD_S)))
            return
        rest, words = sentence.text, 0
        while rest:
            portion = self._voice.portion(rest, self._session.waiting_s()) if self._pushed_s else rest
            rest = rest[len(portion) :]
            self._saying = sentence, words
            async with aclosing(self._voice.speak(portion)) as pieces:
                async for piece in pieces:
                    if self._pushed_s == 0:
                        on_first_sound()
                    await self._wait_for_room()
                    if not words:
                        self._begin_caption(sentence.text)
                    self._push(piece, cues_of(sentence, piece, words))
                    words += len(piece.words)
                    self._saying = sentence, words
        self._saying = None

    async def go_on(self, unheard: Unheard) -> None:
        """Say what is left of another utterance. Raises `VoiceError`."""
        for piece in unheard.pieces:
            await self._wait_for_room()
            self._begin_caption(" ".join(word.text for word in piece.words))
            self._push(piece, ())
        if unheard.sentence is not None:
            await self.say(unheard.sentence, lambda: None)

    async def over(self) -> None:
        """End the utterance and wait until its last sound is handed out."""
        if self._pushed_s > 0:
            self._session.end_segment()
            await self._finished

    async def stop(self) -> None:
        """Fall silent after the word that sounds now; at once when none was heard yet."""
        if self._started_s is not None and not self._finished.done():
            played_s = self._loop.time() - self._started_s
            end_s = next((word.end_s for word in self._words if word.end_s > played_s), played_s)
            await asyncio.wait([self._finished], timeout=min(end_s - played_s, WORD_MAX_S))
        if self.open:
            self._session.clear()

    def heard(self) -> str:
        """Return the words that sounded at least by half; all of them when nothing interrupted."""
        finished = self.finished
        if finished is None or self._pushed_s == 0:
            return ""
        if not finished.interrupted:
            return " ".join(word.text for word in self._words)
        played_s = finished.played_s
        return " ".join(word.text for word in self._words if (word.start_s + word.end_s) / 2 <= played_s)

    def unheard(self) -> Unheard:
        """Return what was not heard of it, when it was interrupted."""
        played_s = 0.0 if self.finished is None else self.finished.played_s
        cut_s = next((w.start_s for w in self._words if (w.start_s + w.end_s) / 2 > played_s), self._pushed_s)
        pieces = [tail_of(piece, cut_s - at_s) for at_s, piece in self._pieces]
        return Unheard(tuple(piece for piece in pieces if len(piece.pcm)), self._unsaid())

    def _unsaid(self) -> Sentence | None:
        """Return what the voice has not made of the sentence at hand."""
        if self._saying is None:
            return None
        sentence, done = self._saying
        text = " ".join(sentence.text.split()[done:])
        gestures = tuple((gesture, word - done) for gesture, word in sentence.gestures if word >= done)
        return Sentence(text, gestures) if text else None

    async def _wait_for_room(self) -> None:
        too_much_s = self._room_kept_s - self._session.room_s()
        if too_much_s > 0:
            await asyncio.sleep(too_much_s)

    def _push(self, piece: SpokenPiece, cues: Sequence[Cue]) -> None:
        at_s = self._pushed_s
        phones = [replace(p, start_s=at_s + p.start_s, end_s=at_s + p.end_s) for p in piece.phones]
        timed = [replace(cue, at_s=at_s + cue.at_s) for cue in cues]
        self._session.push_audio(piece.pcm, piece.sample_rate_hz, phones, timed)
        self._words += [Word(w.text, at_s + w.start_s, at_s + w.end_s) for w in piece.words]
        self._pushed_s += piece.duration_s
        self._pieces.append((at_s, piece))
        played_s = self._pushed_s - self._session.waiting_s()
        while self._pieces[0][0] + self._pieces[0][1].duration_s < played_s - PIECES_KEPT_S:
            self._pieces.popleft()

    def _begin_caption(self, text: str) -> None:
        """Let `text` be shown when the sound that is pushed next is heard."""
        self._sentences.append((text, self._pushed_s))
        if self._started_s is not None:
            self._schedule_caption(len(self._sentences) - 1)

    def _schedule_caption(self, index: int) -> None:
        if self._started_s is None or self._finished.done():
            return
        text = " ".join(sentence for sentence, _ in self._sentences[: index + 1])
        when_s = self._started_s + self._sentences[index][1]
        self._captions.append(self._loop.call_at(when_s, self._on_audible, text))

    def _cancel_captions(self) -> None:
        for caption in self._captions:
            caption.cancel()
        self._captions.clear()


def tail_of(piece: SpokenPiece, from_s: float) -> SpokenPiece:
    """Return a piece without its first `from_s` seconds, at least the words that begin after them."""
    if from_s <= 0:
        return piece
    first = round(from_s * piece.sample_rate_hz)
    phones = [
        replace(phone, start_s=max(0.0, phone.start_s - from_s), end_s=phone.end_s - from_s)
        for phone in piece.phones
        if phone.end_s > from_s
    ]
    words = [
        Word(w.text, w.start_s - from_s, w.end_s - from_s) for w in piece.words if w.start_s >= from_s - 1e-6
    ]
    return SpokenPiece(piece.pcm[first:], piece.sample_rate_hz, tuple(phones), tuple(words))
