"""Sound of a call as it comes: aiortc's receiver would hold it for 80 ms, and for 320 when a packet is lost.

aiortc 1.16 gives every sound a jitter buffer of four packets and no other choice. A call has a buffer of its
own that places sound by its timestamps (`streaming.calls.voice`), so this one passes each packet on at once.
"""

from typing import Final

from aiortc import RTCRtpReceiver
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket

HALF: Final = 1 << 15
SEQUENCES: Final = 1 << 16


class NoJitterBuffer:
    """What a receiver takes for its jitter buffer: every packet is a frame. Those that were overtaken go."""

    def __init__(self) -> None:
        self._latest: int | None = None
        self.overtaken = 0

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Return that no key frame is wanted, and the packet's frame."""
        number = packet.sequence_number
        if self._latest is not None and not 0 < (number - self._latest) % SEQUENCES < HALF:
            self.overtaken += number != self._latest
            return False, None
        self._latest = number
        return False, JitterFrame(data=packet._data, timestamp=packet.timestamp)  # type: ignore[attr-defined]


def pass_on_at_once(receiver: RTCRtpReceiver) -> None:
    """Let `receiver` hand on sound as it comes; call it before the connection stands.

    `tests/streaming/test_live_voice.py` notices when aiortc changes.
    """
    receiver._RTCRtpReceiver__jitter_buffer = NoJitterBuffer()  # type: ignore[attr-defined]
