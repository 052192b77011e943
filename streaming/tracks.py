"""The two outgoing tracks of a visit: a latest-wins picture and a short buffer of sound.

They keep no clock of their own. Packets arrive paced by the session, and each picture and each 20 ms of sound
carries the session's time; aiortc's own video track would stamp everything as 30 fps.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from aiortc import MediaStreamTrack
from av import AudioFrame, VideoFrame
from jaxtyping import Int16

from engine.packets import MEDIA_RATE_HZ
from models.motion.frame import FPS
from models.picture import Picture
from streaming.clock import OPUS_SAMPLES, PICTURE_TIME_BASE, SOUND_TIME_BASE

REFRESH_FRAMES = FPS
"""A picture that does not change is still sent once a second, so that no watchdog calls it frozen."""


@dataclass(frozen=True, slots=True)
class TimedPicture:
    """A picture and its 90 kHz timestamp."""

    picture: Picture
    pts: int


@dataclass(frozen=True, slots=True)
class TimedSound:
    """20 ms of sound and the time of its first sample at `MEDIA_RATE_HZ`."""

    pcm: Int16[np.ndarray, "480"]
    pts: int
    due_s: float
    """When it may leave, by the loop's clock."""


class PictureTrack(MediaStreamTrack):
    """Sends the newest picture. The slot holds one: a picture is worth nothing once a newer is there."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._slot: TimedPicture | None = None
        self._filled = asyncio.Event()
        self._last: Picture | None = None
        self._unchanged = 0
        self.sent = 0
        """Pictures handed to the encoder."""
        self.dropped = 0
        """Pictures replaced before the encoder took them."""
        self.repeated = 0
        """Pictures left out because they were the one before."""

    def push(self, timed: TimedPicture) -> None:
        """Offer a picture; it replaces one that still waits, which counts as dropped."""
        if timed.picture is self._last and self._unchanged < REFRESH_FRAMES:
            self._unchanged += 1
            self.repeated += 1
            return
        self._unchanged = 0
        self._last = timed.picture
        self.dropped += self._slot is not None
        self._slot = timed
        self._filled.set()

    async def recv(self) -> VideoFrame:
        """Return the next picture as an RGB frame; called by aiortc's sender."""
        await self._filled.wait()
        self._filled.clear()
        timed, self._slot = self._slot, None
        if timed is None:
            msg = "the picture slot was empty although it was announced"
            raise RuntimeError(msg)
        self.sent += 1
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(timed.picture), format="rgb24")
        frame.pts, frame.time_base = timed.pts, PICTURE_TIME_BASE
        return frame


class SoundTrack(MediaStreamTrack):
    """Sends sound in order, 20 ms a frame. When the network stalls, the oldest goes and is counted.

    `on_sent` is told the time of each frame that the sender takes.
    """

    kind = "audio"

    def __init__(self, buffer_ms: int, on_sent: Callable[[int], None] = lambda pts: None) -> None:
        super().__init__()
        self._on_sent = on_sent
        self._buffer: deque[TimedSound] = deque()
        self._capacity = max(2, buffer_ms // 20)
        self._filled = asyncio.Event()
        self.sent = 0
        """20 ms frames handed to the encoder."""
        self.dropped = 0
        """20 ms frames that found no place."""

    @property
    def depth_ms(self) -> int:
        """Sound waiting to be sent, in milliseconds."""
        return 20 * len(self._buffer)

    def push(self, pcm: Int16[np.ndarray, "samples"], pts: int, wait_s: float = 0.0) -> None:
        """Append the sound of one packet: any whole number of 20 ms frames, starting at `pts`.

        Args:
            pcm: the samples.
            pts: time of the first.
            wait_s: how long it is kept before it leaves.

        Raises:
            ValueError: the samples do not fill whole frames.
        """
        if len(pcm) % OPUS_SAMPLES:
            msg = f"sound must come in multiples of {OPUS_SAMPLES} samples, got {len(pcm)}"
            raise ValueError(msg)
        first_s = asyncio.get_running_loop().time() + wait_s
        for start in range(0, len(pcm), OPUS_SAMPLES):
            due_s = first_s + start / MEDIA_RATE_HZ
            self._buffer.append(TimedSound(pcm[start : start + OPUS_SAMPLES], pts + start, due_s))
        while len(self._buffer) > self._capacity:
            self._buffer.popleft()
            self.dropped += 1
        self._filled.set()

    async def recv(self) -> AudioFrame:
        """Return the next 20 ms as a mono frame; called by aiortc's sender."""
        while not self._buffer:
            self._filled.clear()
            await self._filled.wait()
        timed = self._buffer.popleft()
        # One by one: of two pieces that come together a receiver finds one late, and keeps a store for that.
        await asyncio.sleep(timed.due_s - asyncio.get_running_loop().time())
        self.sent += 1
        self._on_sent(timed.pts)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(timed.pcm)[None], format="s16", layout="mono")
        frame.sample_rate = MEDIA_RATE_HZ
        frame.pts, frame.time_base = timed.pts, SOUND_TIME_BASE
        return frame
