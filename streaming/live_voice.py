"""Sound of a call as it comes: aiortc's receiver would hold it for 80 ms, and for 320 when a packet is lost.

aiortc 1.16 gives every sound a jitter buffer of four packets and no other choice. A call has a buffer of its
own that places sound by its timestamps (`streaming.calls.voice`), so this one passes each packet on at once;
and what motion it carries goes its own way.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from aiortc import RTCRtpReceiver
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket

from streaming.clock import OPUS_RATE_HZ
from streaming.motion.errors import MotionStreamError
from streaming.motion.in_voice import split

HALF: Final = 1 << 15
SEQUENCES: Final = 1 << 16
ROUND_S: Final = (1 << 32) / OPUS_RATE_HZ
"""After so long RTP's count of a voice begins anew."""

REMEMBERED: Final = 8
"""Packets of motion that are known when they come again."""

TakeMotion = Callable[[bytes], None]


class NoJitterBuffer:
    """What a receiver takes for its jitter buffer: every packet is a frame. Those that were overtaken go.

    Args:
        on_motion: takes the packets of motion at the end of each of voice; None where the voice carries none.
    """

    def __init__(self, on_motion: TakeMotion | None = None) -> None:
        self._on_motion = on_motion
        self._latest: int | None = None
        self.begin: int | None = None
        """RTP timestamp of the first packet, which aiortc's frames count from."""
        self._ridden: deque[bytes] = deque(maxlen=REMEMBERED)
        self.overtaken = 0
        self.refused = 0
        """Packets that were to carry motion, and were none of that kind."""

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Return that no key frame is wanted, and the packet's frame."""
        number = packet.sequence_number
        if self._latest is not None and not 0 < (number - self._latest) % SEQUENCES < HALF:
            self.overtaken += number != self._latest
            return False, None
        self._latest = number
        voice = self._voice(packet._data)  # type: ignore[attr-defined]
        if not voice:
            return False, None
        if self.begin is None:
            self.begin = packet.timestamp
        return False, JitterFrame(data=voice, timestamp=packet.timestamp)

    def since_begin_s(self, rtp_s: float) -> float | None:
        """Return a time as the voice's frames count it; None before anything came.

        Args:
            rtp_s: the same as RTP counts it, which begins anywhere and goes round in 25 hours.
        """
        if self.begin is None:
            return None
        return (rtp_s - self.begin / OPUS_RATE_HZ + ROUND_S / 2) % ROUND_S - ROUND_S / 2

    def _voice(self, payload: bytes) -> bytes:
        """Return what is voice of a packet, and hand on what is motion."""
        if self._on_motion is None:
            return payload
        try:
            voice, riders = split(payload)
        except MotionStreamError:
            self.refused += 1
            return b""
        for rider in riders:
            # On bad lines everything is sent twice.
            if rider not in self._ridden:
                self._ridden.append(rider)
                self._on_motion(rider)
        return voice


def pass_on_at_once(receiver: RTCRtpReceiver, on_motion: TakeMotion | None = None) -> NoJitterBuffer:
    """Let `receiver` hand on sound as it comes, and motion that came with it; call it before it connects.

    `tests/streaming/test_live_voice.py` notices when aiortc changes.
    """
    buffer = NoJitterBuffer(on_motion)
    receiver._RTCRtpReceiver__jitter_buffer = buffer  # type: ignore[attr-defined]
    return buffer
