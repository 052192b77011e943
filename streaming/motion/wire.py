"""What a packet weighs on the wire, headers of every layer included."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

IPV4: Final = 20
UDP: Final = 8
TCP: Final = 32
"""With timestamps, as Linux, Windows and macOS send them (RFC 7323)."""
DTLS: Final = 37
"""Record of DTLS 1.2 with AES-GCM: header 13, explicit nonce 8, tag 16 (RFC 5288)."""
SCTP: Final = 28
"""Common header 12 and a DATA chunk's 16 (RFC 9260)."""
SRTP: Final = 22
"""RTP header 12 and a tag of 80 bits (RFC 3711)."""
RIDING: Final = 2
"""A rider's length, and the count of riders, as if each rode alone (docs/motion-stream.md)."""
TLS: Final = 22
"""Record of TLS 1.3: header 5, inner type 1, tag 16 (RFC 8446)."""
PUBLISH: Final = 8
"""MQTT 5 with an alias for the topic: fixed header 2, empty topic 2, property length 1 and alias 3."""
SEAL: Final = 28
"""What `streaming.motion.seal` adds, keys from end to end."""


def _padded(size: int) -> int:
    """Round up to 4 bytes, as SCTP chunks are."""
    return size + 3 & ~3


@dataclass(frozen=True, slots=True)
class Wire:
    """A way to carry packets of motion."""

    name: str
    weigh: Callable[[int], int]
    """From a packet's bytes to the bytes on the wire."""

    @property
    def overhead_bytes(self) -> int:
        """Bytes around an average packet, for `MotionConfig.overhead_bytes`."""
        return sum(self.weigh(size) - size for size in range(40, 48)) // 8


DATA_CHANNEL: Final = Wire("data channel", lambda size: IPV4 + UDP + DTLS + SCTP + _padded(size))
MQTT: Final = Wire("MQTT over TLS", lambda size: IPV4 + TCP + TLS + PUBLISH + SEAL + size)
WITH_VOICE: Final = Wire("inside voice packets", lambda size: RIDING + size)
WIRES: Final = (DATA_CHANNEL, MQTT, WITH_VOICE)


def voice_packet(size: int) -> int:
    """Return the bytes on the wire of an Opus packet of `size` bytes, over SRTP."""
    return IPV4 + UDP + SRTP + size
