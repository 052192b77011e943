"""One encoder for several receivers: each picture is encoded once for each codec and sent to all.

Whoever joins, or lost something, waits for a key frame, which everybody gets. The receiver with the lowest
estimate sets the bitrate of all.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from aiortc import RTCRtpSender
from aiortc.codecs.base import Encoder
from aiortc.mediastreams import MediaStreamTrack
from av import VideoFrame
from av.frame import Frame
from av.packet import Packet

from models.picture import Picture
from streaming.clock import PICTURE_TIME_BASE
from streaming.config import VideoBitrate
from streaming.encoders import PictureEncoder, install_encoder, on_key_request
from streaming.media import Codec
from streaming.tracks import REFRESH_FRAMES, TimedPicture

logger = logging.getLogger(__name__)

SENDER_PICTURES: Final = 25
"""Encoded pictures that may wait for one sender. A second behind, it goes on with the next key frame."""
KEY_GAP: Final = 12
"""Pictures between two key frames at least, however many ask: one bad line must not cost all the others."""


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A picture as it is sent."""

    payloads: list[bytes]
    """Of its RTP packets."""
    pts: int
    """90 kHz, on the receiver's clock."""
    number: int
    """Pictures encoded before it."""
    key: bool


class EncodedTrack(MediaStreamTrack):
    """Sends pictures that are encoded already, in order."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._queue: deque[EncodedPicture] = deque()
        self._filled = asyncio.Event()
        self._next = -1
        """Number of the picture that can be shown next; -1 for any key frame."""
        self.sent = 0
        self.dropped = 0
        """Pictures that could not be shown for want of one before them, or found no place."""

    def deliver(self, picture: EncodedPicture) -> bool:
        """Take a picture; returns False when a key frame is needed."""
        if len(self._queue) == SENDER_PICTURES:
            self.dropped += len(self._queue)
            self._queue.clear()
            self._next = -1
        if picture.number != self._next and not picture.key:
            self._next = -1
            self.dropped += 1
            return False
        self._next = picture.number + 1
        self._queue.append(picture)
        self._filled.set()
        return True

    async def recv(self) -> Any:
        """Return the next picture; called by aiortc's sender, which hands it to `SharedEncoder.pack`."""
        while not self._queue:
            self._filled.clear()
            await self._filled.wait()
        self.sent += 1
        return self._queue.popleft()


class SharedEncoder(Encoder):
    """What one sender takes for its encoder: it encodes nothing, and passes estimates on."""

    def __init__(self, line: "CodecLine", track: EncodedTrack) -> None:
        self._line = line
        self._track = track

    @property
    def target_bitrate(self) -> int:
        """Target of the one encoder, in bit/s; aiortc's sender assigns each estimate it receives."""
        return self._line.encoder.target_bitrate

    @target_bitrate.setter
    def target_bitrate(self, estimate_bps: int) -> None:
        self._line.estimate(self._track, estimate_bps)

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """Refuse: frames are encoded before they come here."""
        raise TypeError("pictures of several receivers are encoded already")

    def pack(self, packet: Packet) -> tuple[list[bytes], int]:  # type: ignore[type-arg]
        """Return payloads and timestamp of an `EncodedPicture`."""
        if not isinstance(packet, EncodedPicture):
            raise TypeError("an encoded picture is needed")
        return packet.payloads, packet.pts


class CodecLine:
    """Encodes the newest picture for everybody who takes one codec. Call `run` once, in a task."""

    def __init__(self, codec: Codec, limits: VideoBitrate) -> None:
        self.encoder = PictureEncoder(codec, limits)
        self._estimates: dict[EncodedTrack, int] = {}
        self._takers: list[tuple[EncodedTrack, int]] = []
        self._slot: tuple[Picture, list[tuple[EncodedTrack, int]], int] | None = None
        self._filled = asyncio.Event()
        self._last: Picture | None = None
        self._unchanged = 0
        self._number = 0
        self._since_key = KEY_GAP
        self._wants_key = True
        self.replaced = 0
        """Pictures that were not encoded, because a newer one came."""
        self.repeated = 0
        """Pictures left out because they were the one before."""

    def take(self, track: EncodedTrack, pts: int) -> None:
        """Let a track have the picture that is committed next."""
        self._takers.append((track, pts))

    def commit(self, picture: Picture, pts: int) -> None:
        """Encode a picture for all who take it; it replaces one that still waits."""
        takers, self._takers = self._takers, []
        if not takers:
            return
        if picture is self._last and self._unchanged < REFRESH_FRAMES and not self._wants_key:
            self._unchanged += 1
            self.repeated += 1
            return
        self._unchanged, self._last = 0, picture
        self.replaced += self._slot is not None
        self._slot = picture, takers, pts
        self._filled.set()

    def want_key(self) -> None:
        """Make the next picture that may be one a key frame."""
        self._wants_key = True

    def estimate(self, track: EncodedTrack, bps: int) -> None:
        """Take one receiver's estimate of its bandwidth; the lowest counts."""
        self._estimates[track] = bps
        self.encoder.target_bitrate = min(self._estimates.values())

    def forget(self, track: EncodedTrack) -> None:
        """Let a track go."""
        self._estimates.pop(track, None)

    async def run(self) -> None:
        """Encode for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await self._filled.wait()
            self._filled.clear()
            slot, self._slot = self._slot, None
            if slot is None:
                continue
            picture, takers, pts = slot
            key = self._wants_key and self._since_key >= KEY_GAP
            try:
                payloads = await loop.run_in_executor(None, self._encode, picture, pts, key)
            except Exception:
                logger.exception("a picture could not be encoded")
                self._wants_key = True
                continue
            self._hand_out(payloads, takers)

    def _encode(self, picture: Picture, pts: int, key: bool) -> list[bytes]:
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame.pts, frame.time_base = pts, PICTURE_TIME_BASE
        return self.encoder.encode(frame, key)[0]

    def _hand_out(self, payloads: list[bytes], takers: list[tuple[EncodedTrack, int]]) -> None:
        key = self.encoder.made_key
        self._since_key = 0 if key else self._since_key + 1
        if key:
            self._wants_key = False
        for track, pts in takers:
            if not track.deliver(EncodedPicture(payloads, pts, self._number, key)):
                self._wants_key = True
        self._number += 1


class Studio:
    """The encoders of one gathering, one for each codec that somebody takes."""

    def __init__(self, limits: VideoBitrate) -> None:
        self._limits = limits
        self._lines: dict[Codec, CodecLine] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def line(self, codec: Codec) -> CodecLine:
        """Return the encoder of a codec, made when it is first asked for."""
        if codec not in self._lines:
            line = self._lines[codec] = CodecLine(codec, self._limits)
            self._tasks.append(asyncio.create_task(line.run(), name=f"encoder {codec}"))
        return self._lines[codec]

    def commit(self, picture: Picture, pts: int) -> None:
        """Encode a picture, at a 90 kHz time of the gathering, for all who took it."""
        for line in self._lines.values():
            line.commit(picture, pts)

    def stats(self) -> dict[str, float]:
        """Return what was made, and what was not."""
        lines = self._lines.values()
        return {
            "video_encoders": sum(line.encoder.rebuilds for line in lines),
            "pictures_dropped": sum(line.replaced for line in lines),
        }

    async def aclose(self) -> None:
        """End the encoders. Safe to call twice."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


class SharedPictures:
    """`streaming.media.Pictures` out of a studio."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._line: CodecLine | None = None
        self.track = EncodedTrack()

    def push(self, timed: TimedPicture) -> None:
        """Take the picture that the studio gets next."""
        if self._line is not None:
            self._line.take(self.track, timed.pts)

    def install(self, sender: RTCRtpSender, codec: Codec) -> None:
        """Let `sender` send what the studio encodes."""
        self._line = self._studio.line(codec)
        install_encoder(sender, SharedEncoder(self._line, self.track))
        on_key_request(sender, self._line.want_key)

    def stats(self) -> dict[str, float]:
        """Return what was sent, and what was not."""
        line = self._line
        return {
            "pictures_sent": self.track.sent,
            "pictures_dropped": self.track.dropped,
            "pictures_repeated": line.repeated if line else 0,
            "video_target_kbps": line.encoder.target_bitrate / 1000 if line else 0.0,
        }

    def close(self) -> None:
        """Leave the studio."""
        if self._line is not None:
            self._line.forget(self.track)
