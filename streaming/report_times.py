"""Sender reports that tell media time, so that receivers play picture and sound of one moment together.

A receiver lines two streams up by the pairs of wall clock and RTP timestamp in their reports (RFC 3550,
section 6.4.1). aiortc writes the time at which it last sent. So a picture counts as late by the time that its
encoder took. A busy machine makes that worse, and browsers follow it. Here both streams are put on one clock,
whenever they were sent.
"""

from dataclasses import dataclass
from typing import Any, Final

from aiortc import RTCRtpSender, clock
from aiortc.codecs.base import Encoder
from aiortc.rtp import RtcpSrPacket
from av.frame import Frame
from av.packet import Packet

from streaming.encoders import install_encoder, installed

_NTP_TICKS: Final = 1 << 32
"""NTP time counts seconds in units of 2⁻³²."""


@dataclass(slots=True)
class MediaEpoch:
    """The wall clock at media time 0 of one connection; both its streams share it."""

    ntp: int | None = None
    """In NTP's units; None until the first picture or sound is encoded."""

    def begin(self, media_s: float) -> None:
        """Fix the epoch by what is encoded now, once; later pictures and sounds may take longer."""
        if self.ntp is None:
            self.ntp = clock.current_ntp_time() - round(media_s * _NTP_TICKS)


class ReportedEncoder(Encoder):
    """Passes everything to another encoder, and corrects the reports of the sender that uses it.

    aiortc encodes a frame when the one before was sent. So what it last sent is then what was last encoded
    here, and the random origin of its timestamps is the difference.
    """

    def __init__(
        self, encoder: Encoder, sender: RTCRtpSender, rate_hz: int, epoch: MediaEpoch, older_s: float = 0.0
    ) -> None:
        self._encoder: Any = encoder
        self._sender: Any = sender
        self._rate_hz = rate_hz
        self._epoch = epoch
        self._older = round(older_s * rate_hz)
        self._last: int | None = None
        self._origin: int | None = None
        self._send_rtcp = self._sender._send_rtcp
        # Its own method, so that reports pass through here; nothing else tells aiortc when they leave.
        setattr(self._sender, "_send_rtcp", self._correct)  # noqa: B010  (mypy forbids the assignment)

    @property
    def target_bitrate(self) -> int:
        """The encoder's own, in bit/s. Raises `AttributeError` when it has none."""
        return int(self._encoder.target_bitrate)

    @target_bitrate.setter
    def target_bitrate(self, bps: int) -> None:
        self._encoder.target_bitrate = bps

    @property
    def origin(self) -> int | None:
        """RTP timestamp of media time 0; None until two frames were encoded."""
        return self._origin

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """Encode a frame; see `Encoder`. The epoch begins before it takes its time."""
        if frame.pts is not None and frame.time_base is not None:
            self._epoch.begin(float(frame.pts * frame.time_base))
        payloads, timestamp = self._encoder.encode(frame, force_keyframe)
        return self._note(payloads, timestamp)

    def pack(self, packet: Packet) -> tuple[list[bytes], int]:  # type: ignore[type-arg]
        """Pack what is encoded already; see `Encoder`."""
        payloads, timestamp = self._encoder.pack(packet)
        self._epoch.begin(timestamp / self._rate_hz)
        return self._note(payloads, timestamp)

    def _note(self, payloads: list[bytes], timestamp: int) -> tuple[list[bytes], int]:
        if self._origin is None and self._last is not None:
            self._origin = self._sender._RTCRtpSender__rtp_timestamp - self._last
        if payloads:
            self._last = timestamp
        return payloads, timestamp

    async def _correct(self, packets: list[Any]) -> None:
        """Send reports of what media time it is now; none before that is known, which takes two frames."""
        for report in packets:
            if not isinstance(report, RtcpSrPacket):
                continue
            if self._origin is None or self._epoch.ntp is None:
                return
            now = clock.current_ntp_time()
            elapsed = (now - self._epoch.ntp) * self._rate_hz // _NTP_TICKS
            report.sender_info.ntp_timestamp = now
            report.sender_info.rtp_timestamp = (self._origin + elapsed + self._older) % 2**32
            # By this aiortc recognises the receiver's answer, and measures the round trip.
            self._sender._RTCRtpSender__lsr = (now >> 16) % 2**32
        await self._send_rtcp(packets)


def report_media_time(
    sender: RTCRtpSender, rate_hz: int, epoch: MediaEpoch, older_s: float = 0.0
) -> ReportedEncoder:
    """Correct a sender's reports, and return what does; call it after its encoder, before the first frame.

    Args:
        sender: of aiortc 1.16, which has no seam for this; `tests/streaming/test_report_times.py` notices
            when that changes.
        rate_hz: of the stream's RTP timestamps.
        epoch: the connection's.
        older_s: how much older than it is what is sent is said to be: a receiver plays it sooner.
    """
    reported = ReportedEncoder(installed(sender), sender, rate_hz, epoch, older_s)
    install_encoder(sender, reported)
    return reported
