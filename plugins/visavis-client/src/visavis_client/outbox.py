"""What waits to be sent: never more speech ahead of the ear than visavis takes, nothing that was cleared."""

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Final

PIECE_S: Final = 1.0
"""Longest piece of speech in one message: what is being sent cannot be taken back by a clear."""


@dataclass(frozen=True, slots=True)
class _Speech:
    segment: int
    pcm: bytes
    duration_s: float


@dataclass(frozen=True, slots=True)
class _Command:
    kind: str
    text: str


@dataclass(slots=True)
class Outbox:
    """Messages in order. Speech is held back while `limit_s` of it are sent and not heard."""

    limit_s: float
    _items: deque[_Command | _Speech] = field(default_factory=deque)
    _unheard_s: dict[int, float] = field(default_factory=dict)
    """Seconds sent and not heard, of each segment that is not over."""
    _begun: int = 0
    _rate_hz: int | None = None

    @property
    def open(self) -> bool:
        """Whether a segment is open."""
        return self._rate_hz is not None

    @property
    def segment(self) -> int:
        """Number of the segment that was begun last; 0 before the first."""
        return self._begun

    @property
    def waiting_s(self) -> float:
        """Seconds of speech pushed and not heard."""
        held_s = sum(item.duration_s for item in self._items if isinstance(item, _Speech))
        return held_s + sum(self._unheard_s.values())

    def push(self, pcm: bytes, sample_rate_hz: int) -> None:
        """Append speech; begins a segment when none is open, or when the rate changes."""
        if self._rate_hz != sample_rate_hz:
            self._begun += 1
            self._rate_hz = sample_rate_hz
            self._items.append(_command("begin", sample_rate_hz=sample_rate_hz))
        step = 2 * round(PIECE_S * sample_rate_hz)
        for start in range(0, len(pcm), step):
            piece = pcm[start : start + step]
            self._items.append(_Speech(self._begun, piece, len(piece) / 2 / sample_rate_hz))

    def end(self) -> None:
        """End the open segment, if one is open."""
        if self._rate_hz is not None:
            self._rate_hz = None
            self._items.append(_command("end"))

    def clear(self) -> int:
        """Take back all that was not sent, and say so. Returns how many messages say so.

        What was begun and not sent is begun and cleared, so that visavis finishes it as interrupted too.
        """
        self._rate_hz = None
        unsent, self._items = self._items, deque([_command("clear")])
        clears = 1
        for item in unsent:
            if isinstance(item, _Speech) or item.kind == "end":
                continue
            self._items.append(item)
            if item.kind == "begin":
                self._items.append(_command("clear"))
                clears += 1
        return clears

    def attend(self, presence: str) -> None:
        """Append what the avatar does while it is silent."""
        self._items.append(_command("attend", presence=presence))

    def take(self) -> str | bytes | None:
        """Remove and return what may be sent now."""
        if not self._items:
            return None
        item = self._items[0]
        if isinstance(item, _Command):
            self._items.popleft()
            return item.text
        if sum(self._unheard_s.values()) + item.duration_s > self.limit_s:
            return None
        self._items.popleft()
        self._unheard_s[item.segment] = self._unheard_s.get(item.segment, 0.0) + item.duration_s
        return item.pcm

    def heard(self, segment: int, seconds: float) -> None:
        """Count sound of a segment that came back."""
        if segment in self._unheard_s:
            self._unheard_s[segment] = max(0.0, self._unheard_s[segment] - seconds)

    def finished(self, segment: int) -> None:
        """Forget a segment that is over."""
        self._unheard_s.pop(segment, None)


def _command(kind: str, **values: object) -> _Command:
    return _Command(kind, json.dumps({"type": kind, **values}))
