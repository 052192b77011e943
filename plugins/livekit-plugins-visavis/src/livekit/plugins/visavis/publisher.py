"""`AvatarPublisher`: from an agent's speech to the avatar's tracks, with an honest account of what was heard.

It does the work of `livekit.agents.voice.avatar.AvatarRunner` for a face that keeps its own time.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd
from livekit.plugins.visavis.log import logger
from livekit.plugins.visavis.media import FPS, SOUND_RATE_HZ, Media
from livekit.plugins.visavis.receiver import SegmentReceiver

FRAME_S: Final = 1 / FPS
SAMPLES_PER_FRAME: Final = SOUND_RATE_HZ // FPS


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame as it is published."""

    video: rtc.VideoFrame | None
    """None where the picture before it stays."""
    pcm: bytes
    """40 ms of mono 16-bit sound at 24 kHz; empty for silence."""


class Face(Protocol):
    """What says the speech: a `visavis_client.Avatar`, or a visavis session."""

    def push_audio(self, pcm: Any, sample_rate_hz: int) -> None:
        """Append mono int16 speech to the open segment; begins one when none is open."""
        ...

    def room_s(self) -> float:
        """Return seconds of speech that would still be taken."""
        ...

    def end_segment(self) -> None:
        """End the open segment."""
        ...

    def clear(self) -> None:
        """Finish every segment, interrupted."""
        ...

    def subscribe(self, callback: Callable[[Any], None]) -> Callable[[], None]:
        """Tell of each segment's start, and of its end with `played_s` and `interrupted`."""
        ...

    def __aiter__(self) -> AsyncIterator[Any]:
        """Yield a frame every 40 ms; what its sound starts or ends is told just before it."""
        ...


class AvatarPublisher:
    """Lets a face speak in a room for an agent. `run` it; it owns neither face nor room.

    Each segment is answered by exactly one `playback_finished`: when its last sample was sent, or in the very
    moment of a clear, whether or not anything of it was heard or had even arrived.

    Args:
        face: says the speech.
        shown: makes a frame of the face publishable.
        receiver: brings the speech.
        media: the tracks.
    """

    def __init__(
        self, face: Face, shown: Callable[[Any], Shown], receiver: SegmentReceiver, media: Media
    ) -> None:
        self._face, self._shown, self._receiver, self._media = face, shown, receiver, media
        self._clears = 0
        self._open = False
        self._pending = 0
        self._unheard = 0
        self._ending: list[float] = []
        """What was played of segments whose last sound is about to be sent."""
        self._sent = 0
        self._ends: dict[int, tuple[asyncio.TimerHandle, float]] = {}
        """Ends of segments whose last sound is being heard, and what was played of them."""

    async def run(self) -> None:
        """Publish, listen and speak until the face's frames end. Raises what the face raises."""
        unsubscribe = self._face.subscribe(self._on_segment)
        self._receiver.on("clear_buffer", self._on_clear)
        tasks = [asyncio.create_task(self._publish()), asyncio.create_task(self._read())]
        try:
            async for frame in self._face:
                shown = self._shown(frame)
                await self._media.send(shown.video, shown.pcm)
                self._time_ends()
                for task in tasks:
                    if task.done():
                        task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self._receiver.off("clear_buffer", self._on_clear)
            unsubscribe()
            self._end_all()

    async def _publish(self) -> None:
        await self._media.publish()

    async def _read(self) -> None:
        await self._receiver.start()
        async for item in self._receiver:
            if isinstance(item, AudioSegmentEnd):
                if self._open:
                    self._open = False
                    self._face.end_segment()
            else:
                await self._speak(item)

    async def _speak(self, frame: rtc.AudioFrame) -> None:
        clears = self._clears
        while self._face.room_s() < frame.duration:
            await asyncio.sleep(FRAME_S)
            if clears != self._clears:
                return
        self._face.push_audio(_mono(frame), frame.sample_rate)
        self._pending += not self._open
        self._open = True

    def _on_segment(self, event: Any) -> None:
        if not hasattr(event, "played_s"):
            self._receiver.notify_playback_started()
            return
        if event.interrupted:
            self._end(event.played_s, interrupted=True)
            return
        # The last sound is in the frame that is sent next.
        self._ending.append(event.played_s)

    def _on_clear(self) -> None:
        self._clears += 1
        self._open = False
        self._end_due()
        # Segments of which the face has heard nothing are ended after those which it has.
        self._unheard = self._receiver.owed - self._pending
        self._face.clear()
        self._end_unheard()

    def _time_ends(self) -> None:
        """Let each end be told when the last sound, which was sent just now, has been heard."""
        for played_s in self._ending:
            tail = round(played_s * SOUND_RATE_HZ) % SAMPLES_PER_FRAME or SAMPLES_PER_FRAME
            self._sent += 1
            loop = asyncio.get_running_loop()
            handle = loop.call_later(tail / SOUND_RATE_HZ, self._end_timed, self._sent)
            self._ends[self._sent] = handle, played_s
        self._ending.clear()

    def _end_due(self) -> None:
        """Tell now what would be told within the next 40 ms."""
        self._time_ends()
        for number in tuple(self._ends):
            self._end_timed(number)

    def _end_timed(self, number: int) -> None:
        handle, played_s = self._ends.pop(number)
        handle.cancel()
        self._end(played_s, interrupted=False)

    def _end(self, played_s: float, *, interrupted: bool) -> None:
        self._pending -= 1
        self._receiver.notify_playback_finished(playback_position=played_s, interrupted=interrupted)
        self._end_unheard()

    def _end_unheard(self) -> None:
        while self._pending == 0 and self._unheard > 0:
            self._unheard -= 1
            self._receiver.notify_playback_finished(playback_position=0.0, interrupted=True)

    def _end_all(self) -> None:
        """Leave no segment without its end, so that no agent waits for one."""
        self._end_due()
        if self._receiver.owed:
            logger.warning("the avatar left %d segments unsaid", self._receiver.owed)
        while self._receiver.owed:
            self._receiver.notify_playback_finished(playback_position=0.0, interrupted=True)


def _mono(frame: rtc.AudioFrame) -> np.ndarray:
    """Return a frame's samples with the channels mixed into one."""
    samples = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels)
    if frame.num_channels == 1:
        return samples[:, 0].copy()
    return samples.astype(np.int32).mean(axis=1).round().astype(np.int16)
