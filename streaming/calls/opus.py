"""A voice in packets of Opus that each say when they begin, for carriers that know no RTP."""

from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
import soxr
from jaxtyping import Int16

from engine.packets import MEDIA_RATE_HZ
from streaming.calls.end import VoicePiece

PACKET_MS: Final = 60
"""Longer packets pay for fewer headers; the motion waits longer than this for its own."""
HEADER_BYTES: Final = 4
"""When the packet begins, in units of `UNIT_S`, the highest byte first."""
UNIT_S: Final = 0.0025
VOICE_MAX_BYTES: Final = 1500
_SAMPLES: Final = MEDIA_RATE_HZ * PACKET_MS // 1000


class OpusWriter:
    """Sound into packets. A gap in its times ends the packet that was begun."""

    def __init__(self, kbps: int = 12) -> None:
        codec: Any = av.CodecContext.create("libopus", "w")
        codec.bit_rate, codec.format, codec.layout, codec.sample_rate = (
            1000 * kbps,
            "s16",
            "mono",
            MEDIA_RATE_HZ,
        )
        codec.options = {"application": "voip", "frame_duration": str(PACKET_MS), "vbr": "on"}
        self._codec = codec
        self._resampler: soxr.ResampleStream | None = None
        self._rate_hz = 0
        self._rest = np.zeros(0, np.int16)
        self._begin_s = self._due_s = 0.0

    def push(self, pcm: Int16[np.ndarray, "samples"], rate_hz: int, at_s: float) -> list[bytes]:
        """Take sound that begins at `at_s`; return the packets that are complete."""
        if self._resampler is None or rate_hz != self._rate_hz or abs(at_s - self._due_s) > 2 * UNIT_S:
            self._resampler = soxr.ResampleStream(rate_hz, MEDIA_RATE_HZ, 1, "int16", quality="QQ")
            self._rate_hz, self._rest, self._begin_s = rate_hz, self._rest[:0], at_s
        self._due_s = at_s + len(pcm) / rate_hz
        self._rest = np.concatenate([self._rest, self._resampler.resample_chunk(pcm)])
        packets = []
        while len(self._rest) >= _SAMPLES:
            packets.append(self._code(self._rest[:_SAMPLES]))
            self._rest = self._rest[_SAMPLES:]
            self._begin_s += PACKET_MS / 1000
        return packets

    def _code(self, pcm: Int16[np.ndarray, "samples"]) -> bytes:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm)[None], format="s16", layout="mono")
        frame.sample_rate, frame.time_base = MEDIA_RATE_HZ, Fraction(1, MEDIA_RATE_HZ)
        frame.pts = round(self._begin_s * MEDIA_RATE_HZ)
        coded = b"".join(bytes(packet) for packet in self._codec.encode(frame))
        return (round(self._begin_s / UNIT_S) % (1 << 32)).to_bytes(HEADER_BYTES) + coded


class OpusReader:
    """Packets into sound."""

    def __init__(self) -> None:
        codec: Any = av.CodecContext.create("libopus", "r")
        codec.sample_rate, codec.layout = 48_000, "mono"
        self._codec = codec
        self.refused = 0
        """Packets that were none."""

    def read(self, packet: bytes) -> VoicePiece | None:
        """Return the sound of a packet; None, counted, for what is none."""
        if not HEADER_BYTES < len(packet) <= VOICE_MAX_BYTES:
            self.refused += 1
            return None
        try:
            frames = self._codec.decode(av.Packet(packet[HEADER_BYTES:]))
        except av.FFmpegError:
            self.refused += 1
            return None
        sound = [frame.to_ndarray().reshape(-1) for frame in frames]
        if not sound:
            return None
        pcm = np.concatenate(sound)
        if pcm.dtype != np.int16:
            pcm = np.clip(pcm * 32767, -32768, 32767).astype(np.int16)
        at_s = int.from_bytes(packet[:HEADER_BYTES]) * UNIT_S
        return VoicePiece(pcm, int(frames[0].sample_rate), at_s)
