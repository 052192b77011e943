"""One utterance of the avatar on its way into a session: paced, captioned, and remembered word by word."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from agent.tags import Sentence, cues_of
from agent.voice import SpokenPiece, Voice, Word
from engine.packets import SegmentFinished, SegmentStarted
from engine.session import Session
from engine.speech import SegmentEvent
from models.motion.cue import Cue
from streaming.delivery import END_LEAD_S


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
        self, session: Session, voice: Voice, ahead_s: float, on_audible: Callable[[str], None]
    ) -> None:
        self._session = session
        self._voice = voice
        self._room_kept_s = session.room_s() - ahead_s
        self._on_audible = on_audible
        self._loop = asyncio.get_running_loop()
        self._words: list[Word] = []
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
        words: int | None = None
        async with aclosing(self._voice.speak(sentence.text)) as pieces:
            async for piece in pieces:
                if self._pushed_s == 0:
                    on_first_sound()
                await self._wait_for_room()
                if words is None:
                    words = 0
                    self._sentences.append((sentence.text, self._pushed_s))
                    if self._started_s is not None:
                        self._schedule_caption(len(self._sentences) - 1)
                self._push(piece, cues_of(sentence, piece, words))
                words += len(piece.words)

    async def over(self) -> None:
        """End the utterance and wait until its last sound is handed out."""
        if self._pushed_s > 0:
            self._session.end_segment()
            await self._finished

    def heard(self) -> str:
        """Return the words that sounded at least by half; all of them when nothing interrupted."""
        finished = self.finished
        if finished is None or self._pushed_s == 0:
            return ""
        if not finished.interrupted:
            return " ".join(word.text for word in self._words)
        played_s = finished.played_s
        return " ".join(word.text for word in self._words if (word.start_s + word.end_s) / 2 <= played_s)

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
