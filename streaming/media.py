"""How a visit comes by its packets, and who encodes its pictures."""

from collections.abc import Callable
from typing import Literal, Protocol

from aiortc import RTCRtpSender
from aiortc.mediastreams import MediaStreamTrack

from engine.packets import AVPacket
from streaming.config import VideoBitrate
from streaming.contract import Partner
from streaming.encoders import PictureEncoder, install_encoder
from streaming.tracks import PictureTrack, TimedPicture

Codec = Literal["VP8", "H264"]
Forward = Callable[[AVPacket], None]


class Pictures(Protocol):
    """The picture's side of a connection: a track, and what encodes it."""

    @property
    def track(self) -> MediaStreamTrack:
        """What aiortc sends."""
        ...

    def push(self, timed: TimedPicture) -> None:
        """Offer a picture. Never blocks."""
        ...

    def install(self, sender: RTCRtpSender, codec: Codec) -> None:
        """Let `sender` encode; called once, when the codec is negotiated."""
        ...

    def stats(self) -> dict[str, float]:
        """Return what was sent, and what was not."""
        ...

    def close(self) -> None:
        """Free what was installed. Safe to call twice."""
        ...


class OwnPictures:
    """`Pictures` with an encoder of their own."""

    def __init__(self, limits: VideoBitrate) -> None:
        self._limits = limits
        self._encoder: PictureEncoder | None = None
        self.track = PictureTrack()

    def push(self, timed: TimedPicture) -> None:
        """Offer a picture; it replaces one that still waits."""
        self.track.push(timed)

    def install(self, sender: RTCRtpSender, codec: Codec) -> None:
        """Make an encoder for `sender`."""
        self._encoder = PictureEncoder(codec, self._limits)
        install_encoder(sender, self._encoder)

    def stats(self) -> dict[str, float]:
        """Return what was sent, and what was not."""
        encoder = self._encoder
        return {
            "pictures_sent": self.track.sent,
            "pictures_dropped": self.track.dropped,
            "pictures_repeated": self.track.repeated,
            "video_target_kbps": encoder.target_bitrate / 1000 if encoder else 0.0,
            "video_encoders": encoder.rebuilds if encoder else 0,
        }

    def close(self) -> None:
        """Do nothing: the encoder goes with its sender."""


class Media(Protocol):
    """The packets of a visit."""

    pictures: Pictures

    async def pump(self, forward: Forward) -> None:
        """Hand packets to `forward`, which does not block, until there are no more."""
        ...

    def counts(self) -> dict[str, float]:
        """Return figures that no other visit has too."""
        ...


class OwnMedia:
    """`Media` of a visit alone with the avatar."""

    def __init__(self, partner: Partner, limits: VideoBitrate) -> None:
        self._partner = partner
        self.pictures: Pictures = OwnPictures(limits)

    async def pump(self, forward: Forward) -> None:
        """Hand over the partner's packets."""
        async for packet in self._partner.packets():
            forward(packet)

    def counts(self) -> dict[str, float]:
        """Return all of the partner's figures."""
        return self._partner.stats()
