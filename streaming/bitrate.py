"""Follow the receiver's bandwidth estimate without restless encoders.

A new bitrate costs a new encoder and with it a key frame, so small changes are ignored, and rises are rare.
"""

from dataclasses import dataclass
from typing import Final

from streaming.config import VideoBitrate

CUT_BELOW: Final = 0.85
"""Follow an estimate down when it is less than this part of the present target."""
RAISE_ABOVE: Final = 1.3
"""Follow an estimate up when it exceeds the present target by this factor."""
RAISE_WAIT_S: Final = 5.0
"""Media time between two rises."""
APPLICATION_LIMITED: Final = 1.35
"""Receivers cap their estimate at about 1.5 times what arrives (libwebrtc `AimdRateControl`), so an estimate
above this multiple of what is sent says nothing about the network."""


@dataclass(slots=True)
class BitrateGovernor:
    """Decides the encoder's target, in bit/s."""

    limits: VideoBitrate
    target_bps: int = 0
    _changed_s: float = 0.0

    def __post_init__(self) -> None:
        self.target_bps = 1000 * self.limits.start_kbps

    def update(self, estimate_bps: int, sent_bps: float, now_s: float) -> int:
        """Return the target after an estimate at media time `now_s`, while `sent_bps` were sent."""
        wanted = max(1000 * self.limits.min_kbps, min(estimate_bps, 1000 * self.limits.max_kbps))
        congested = estimate_bps < APPLICATION_LIMITED * sent_bps
        rested = now_s - self._changed_s >= RAISE_WAIT_S
        cut = congested and wanted < CUT_BELOW * self.target_bps
        if cut or (rested and wanted > RAISE_ABOVE * self.target_bps):
            self.target_bps, self._changed_s = wanted, now_s
        return self.target_bps
