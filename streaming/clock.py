"""The visit's media clock: from samples of a session to the timestamps of its two RTP streams."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from engine.packets import MEDIA_RATE_HZ, MEDIA_SAMPLES_PER_FRAME
from models.motion.frame import FPS

PICTURE_RATE_HZ: Final = 90_000
"""RTP clock of every video payload (RFC 3551 section 5)."""
PICTURE_TIME_BASE: Final = Fraction(1, PICTURE_RATE_HZ)
PICTURE_STEP: Final = PICTURE_RATE_HZ // FPS
"""3600 ticks between frames that follow each other."""

SOUND_TIME_BASE: Final = Fraction(1, MEDIA_RATE_HZ)
OPUS_RATE_HZ: Final = 48_000
"""RTP clock of Opus, whatever rate it codes (RFC 7587 section 4.1)."""
OPUS_SAMPLES: Final = MEDIA_RATE_HZ // 50
"""Samples in a 20 ms Opus frame at `MEDIA_RATE_HZ`; a packet of the session holds two."""


@dataclass(frozen=True, slots=True)
class VisitClock:
    """Counts both streams from the first packet of a visit, so that equal times mean equal moments."""

    origin_samples: int
    """`pts_samples` of the first packet that was forwarded."""

    def picture_pts(self, pts_samples: int) -> int:
        """Return the 90 kHz timestamp of a packet's picture."""
        return (pts_samples - self.origin_samples) * PICTURE_STEP // MEDIA_SAMPLES_PER_FRAME

    def sound_pts(self, pts_samples: int) -> int:
        """Return the timestamp of a packet's first sample, at `MEDIA_RATE_HZ`."""
        return pts_samples - self.origin_samples
