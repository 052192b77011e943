"""`VoiceCarrier`: packets of motion wait for the voice's next packet, and ride at its end.

The layout is specified in docs/motion-stream.md. `streaming/page/voice-worker.js` and `voice-carrier.js` are
the twins.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from aiortc.codecs.base import Encoder
from av.frame import Frame
from av.packet import Packet

from streaming.motion.in_voice import RIDER_MAX_BYTES, RIDERS_MAX, join

LATE_S: Final = 0.2
"""What waited longer is worth nothing."""
QUIET_S: Final = 0.25
"""Without a packet of voice for so long, nothing can ride."""
LOSSY: Final = 0.02
"""Part of the voice's packets that get lost, from which everything rides twice."""
LOSSY_S: Final = 8.0
"""For so long after it was seen last."""


@dataclass(frozen=True, slots=True)
class _Rider:
    packet: bytes
    at_s: float
    rode: bool = False


class VoiceCarrier:
    """What waits for the voice; `now_s` is the same clock's throughout."""

    def __init__(self) -> None:
        self._waiting: list[_Rider] = []
        self._passed_s = self._lossy_s = float("-inf")
        self.sent = 0
        """Packets that rode; those that rode twice count twice."""
        self.dropped = 0
        """Packets that waited too long, or found no place."""

    def is_going(self, now_s: float) -> bool:
        """Return whether packets of voice pass by."""
        return now_s - self._passed_s < QUIET_S

    def ride(self, packet: bytes, now_s: float) -> bool:
        """Let a packet ride; False for one that cannot."""
        if not self.is_going(now_s) or not 0 < len(packet) <= RIDER_MAX_BYTES:
            return False
        self._waiting.append(_Rider(packet, now_s))
        return True

    def note_loss(self, part: float, now_s: float) -> None:
        """Note which part of the voice's packets was lost lately, 0..1."""
        if part > LOSSY:
            self._lossy_s = now_s

    def load(self, voice: bytes, now_s: float) -> bytes:
        """Return a packet of voice with what waits and is worth sending: the latest, where it is too much."""
        fresh = [rider for rider in self._waiting if now_s - rider.at_s < LATE_S][-RIDERS_MAX:]
        self.dropped += sum(not rider.rode for rider in self._waiting) - sum(not r.rode for r in fresh)
        self.sent += len(fresh)
        is_lossy = now_s - self._lossy_s < LOSSY_S
        self._waiting = [replace(rider, rode=True) for rider in fresh if is_lossy and not rider.rode]
        self._passed_s = now_s
        return join(voice, [rider.packet for rider in fresh])


class CarryingEncoder(Encoder):
    """Lets motion ride on what another encoder makes."""

    def __init__(self, encoder: Encoder, carrier: VoiceCarrier, now_s: Callable[[], float]) -> None:
        self._encoder: Any = encoder
        self._carrier = carrier
        self._now_s = now_s

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """Encode a frame; see `Encoder`."""
        payloads, timestamp = self._encoder.encode(frame, force_keyframe)
        return [self._carrier.load(payload, self._now_s()) for payload in payloads], timestamp

    def pack(self, packet: Packet) -> tuple[list[bytes], int]:  # type: ignore[type-arg]
        """Pack what is encoded already; see `Encoder`."""
        payloads, timestamp = self._encoder.pack(packet)
        return [self._carrier.load(payload, self._now_s()) for payload in payloads], timestamp
