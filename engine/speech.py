"""The utterances that are said or wait to be said, one after another, each finished exactly once."""

import logging
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Int16

from engine.packets import SegmentFinished, SegmentStarted
from engine.utterance import Utterance
from models.motion.cue import Cue
from models.motion.stage import Phone

SegmentEvent = SegmentStarted | SegmentFinished

log = logging.getLogger(__name__)


class InputFullError(RuntimeError):
    """More speech waits than the session may hold; the message says how much."""


class SpeechQueue:
    """Utterances in the order they were opened; only the last may be open.

    Args:
        limit_s: seconds of speech that may wait.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._utterances: deque[Utterance] = deque()
        self._opened = 0
        self._subscribers: list[Callable[[SegmentEvent], None]] = []

    @property
    def depth(self) -> int:
        """Number of utterances that are not finished."""
        return len(self._utterances)

    @property
    def waiting_s(self) -> float:
        """Seconds of speech pushed and not yet handed out."""
        return sum((utterance.waiting_s for utterance in self._utterances), 0.0)

    @property
    def room_s(self) -> float:
        """Seconds of speech that still fit."""
        return max(0.0, self._limit_s - self.waiting_s)

    def subscribe(self, callback: Callable[[SegmentEvent], None]) -> Callable[[], None]:
        """Call `callback` at each start and end of an utterance, until the returned function is called."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    def push(
        self,
        pcm: Int16[np.ndarray, "samples"],
        sample_rate_hz: int,
        phones: Sequence[Phone] | None,
        cues: Sequence[Cue] = (),
    ) -> None:
        """Append to the open utterance, or open one. Raises `InputFullError`, `ValueError`."""
        if pcm.ndim != 1 or pcm.dtype != np.int16:
            raise ValueError(f"speech is mono int16 [samples], not {pcm.dtype} {list(pcm.shape)}")
        self._check_rate(sample_rate_hz)
        if len(pcm) / sample_rate_hz > self.room_s:
            raise InputFullError(
                f"{self.waiting_s:.1f} s of speech wait already and the limit is {self._limit_s:.1f} s: "
                f"no room for {len(pcm) / sample_rate_hz:.1f} s more; ask room_s() before pushing"
            )
        self._open(sample_rate_hz).push(pcm, phones, cues)

    def push_cue(self, cue: Cue) -> bool:
        """Add a gesture to the open utterance; False where none has sound that waits."""
        last = self._utterances[-1] if self._utterances else None
        if last is None or last.ended or not last.has_samples:
            return False
        last.insert_cue(cue)
        return True

    def end(self) -> None:
        """End the open utterance, if one is open."""
        if self._utterances and not self._utterances[-1].ended:
            self._utterances[-1].end()

    def to_plan(self) -> Utterance | None:
        """Return the utterance whose frames are planned next; it may have none ready."""
        return next((utterance for utterance in self._utterances if not utterance.planned), None)

    def speaking(self) -> Utterance | None:
        """Return the utterance that is being heard, between its first sample and its last."""
        first = self._utterances[0] if self._utterances else None
        return first if first is not None and first.started else None

    def hand_out(self, utterance: Utterance | None, samples: int) -> tuple[SegmentFinished, ...]:
        """Count samples as heard, tell the subscribers, and return the utterances that ended by it."""
        finished = self._finish_done()
        if utterance is not None:
            starts = not utterance.started
            utterance.hand_out(samples)
            if starts:
                self._tell(SegmentStarted(utterance.number))
        return finished + self._finish_done()

    def clear(self) -> tuple[SegmentFinished, ...]:
        """Finish every utterance as interrupted, tell the subscribers, and return the ends."""
        cut = [utterance for utterance in self._utterances if not utterance.done]
        finished = self._finish_done()
        self._utterances.clear()
        ends = tuple(SegmentFinished(u.number, u.played_s, interrupted=True) for u in cut)
        for end in ends:
            self._tell(end)
        return finished + ends

    def _finish_done(self) -> tuple[SegmentFinished, ...]:
        ends = []
        while self._utterances and self._utterances[0].done:
            utterance = self._utterances.popleft()
            ends.append(SegmentFinished(utterance.number, utterance.played_s, interrupted=False))
        for end in ends:
            self._tell(end)
        return tuple(ends)

    def _check_rate(self, sample_rate_hz: int) -> None:
        if sample_rate_hz <= 0:
            raise ValueError(f"a sample rate of {sample_rate_hz} Hz is not positive")
        last = self._utterances[-1] if self._utterances else None
        if last is not None and not last.ended and last.sample_rate_hz != sample_rate_hz:
            raise ValueError(
                f"the open utterance came at {last.sample_rate_hz} Hz and cannot go on at "
                f"{sample_rate_hz} Hz; end_segment() first"
            )

    def _open(self, sample_rate_hz: int) -> Utterance:
        if not self._utterances or self._utterances[-1].ended:
            self._opened += 1
            self._utterances.append(Utterance(self._opened, sample_rate_hz))
        return self._utterances[-1]

    def _tell(self, event: SegmentEvent) -> None:
        """Tell everyone; a subscriber that fails is logged, and never keeps the others from hearing it."""
        for callback in tuple(self._subscribers):
            try:
                callback(event)
            except Exception:
                log.exception("a subscriber failed on %s", type(event).__name__)
