"""When the first sound of each answer really left: the last stage of a turn that is known on this side."""

from collections.abc import Callable
from dataclasses import replace

from streaming.contract import Latency

STAGE = "webrtc_first"


class SendTimes:
    """Completes the latencies of one visit by the moment at which the sender took the first sound.

    Args:
        now_s: the running loop's time.
        tell: takes a latency once it is complete.
    """

    def __init__(self, now_s: Callable[[], float], tell: Callable[[Latency], None]) -> None:
        self._now_s = now_s
        self._tell = tell
        self._segment = 0
        self._awaited_pts: int | None = None
        self._handed_s = 0.0
        self._wait_ms: float | None = None
        self._latency: Latency | None = None
        self._sent_ms: dict[int, float] = {}
        """Of the last turn whose first sound has left."""

    def handed(self, segment: int, pts: int) -> None:
        """Note that a packet goes to the track: its utterance (0 for none), and its sound's first sample."""
        if segment and segment != self._segment:
            self._awaited_pts, self._handed_s, self._wait_ms = pts, self._now_s(), None
        self._segment = segment or self._segment

    def sent(self, pts: int) -> None:
        """Note that the sender took the sound at `pts`."""
        if self._awaited_pts is not None and pts >= self._awaited_pts:
            self._awaited_pts = None
            self._wait_ms = 1000 * (self._now_s() - self._handed_s)
            self._complete()

    def note(self, latency: Latency) -> None:
        """Take a latency on its way to the page."""
        if latency.turn in self._sent_ms:
            # A stage that comes late, such as a picture, must not make what is known be forgotten.
            self._tell(self._completed(latency))
            return
        self._latency = latency if "audible" in latency.stages_ms else None
        self._complete()

    def _complete(self) -> None:
        latency, wait_ms = self._latency, self._wait_ms
        if latency is None or wait_ms is None:
            return
        self._latency = self._wait_ms = None
        self._sent_ms = {latency.turn: round(latency.stages_ms["audible"] + wait_ms, 1)}
        self._tell(self._completed(latency))

    def _completed(self, latency: Latency) -> Latency:
        return replace(latency, stages_ms={**latency.stages_ms, STAGE: self._sent_ms[latency.turn]})
