"""The avatar's two tracks: nothing waits in them, so that a clear has nothing left to silence.

LiveKit's `AVSynchronizer` keeps 100 ms of sound and picture. Here frames come at their time already, each
picture with its sound, and both go to the encoders at once: a source without a queue takes 10 ms at a time.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, Literal

from livekit import rtc
from livekit.plugins.visavis.log import logger

SOUND_RATE_HZ: Final = 24_000
SAMPLES_10_MS: Final = SOUND_RATE_HZ // 100
FPS: Final = 25
REFRESH_FRAMES: Final = FPS
"""A picture that stays is still sent once a second, so that no watchdog calls it frozen."""


@dataclass(frozen=True, slots=True)
class MediaOptions:
    """How the tracks are encoded."""

    max_video_kbps: int = 1500
    max_audio_kbps: int = 48
    """Opus, mono; 48 kbit/s is transparent for speech."""
    video_codec: Literal["vp8", "h264", "vp9", "av1", "h265"] = "vp8"
    video_encoder: Literal["auto", "software", "hardware", "nvenc", "vaapi", "videotoolbox"] = "auto"
    degradation: Literal["balanced", "maintain_framerate", "maintain_resolution"] = "maintain_framerate"
    """What gives when the network does. Lips need the frames more than the pixels."""
    simulcast: bool = False
    """Several sizes at once; one talking head seldom needs them, and each is encoded."""
    dtx: bool = True
    """Send next to nothing while the avatar is silent."""
    red: bool = True
    """Repeat sound against losses."""
    subscription_timeout_s: float = 10.0
    """How long the picture waits for somebody to take the sound; the agent waits for the picture."""

    def video(self) -> rtc.TrackPublishOptions:
        """Return the options of the picture's track."""
        return rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_CAMERA,
            video_encoding=rtc.VideoEncoding(max_bitrate=1000 * self.max_video_kbps, max_framerate=FPS),
            video_codec=rtc.VideoCodec.Value(self.video_codec.upper()),
            video_encoder=rtc.VideoEncoderBackend.Value(f"ENCODER_BACKEND_{self.video_encoder.upper()}"),
            degradation_preference=rtc.DegradationPreference[self.degradation.upper()].value,
            simulcast=self.simulcast,
        )

    def audio(self) -> rtc.TrackPublishOptions:
        """Return the options of the sound's track."""
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=self.dtx, red=self.red
        )
        options.audio_encoding.max_bitrate = 1000 * self.max_audio_kbps
        return options


class Media:
    """Publishes `avatar_audio` and `avatar_video`, and sends frames through them."""

    def __init__(self, room: rtc.Room, width: int, height: int, options: MediaOptions) -> None:
        self._room, self._options = room, options
        self._sound = rtc.AudioSource(SOUND_RATE_HZ, 1, queue_size_ms=0)
        self._picture = rtc.VideoSource(width, height)
        self._last: rtc.VideoFrame | None = None
        self._unchanged = 0
        self._sids: list[str] = []
        self.published = False
        """True once both tracks are there; frames sent before are nobody's."""

    async def publish(self) -> None:
        """Publish the sound, wait until somebody takes it, publish the picture."""
        participant = self._room.local_participant
        audio = rtc.LocalAudioTrack.create_audio_track("avatar_audio", self._sound)
        publication = await participant.publish_track(audio, self._options.audio())
        self._sids.append(publication.sid)
        try:
            await asyncio.wait_for(publication.wait_for_subscription(), self._options.subscription_timeout_s)
        except TimeoutError:
            logger.warning("nobody takes the avatar's sound yet; its picture is published all the same")
        video = rtc.LocalVideoTrack.create_video_track("avatar_video", self._picture)
        self._sids.append((await participant.publish_track(video, self._options.video())).sid)
        self.published = True

    async def unpublish(self) -> None:
        """Take both tracks out of a room in which the participant stays. Does nothing once that is left."""
        self.published = False
        while self._sids:
            sid = self._sids.pop()
            if self._room.isconnected():
                await self._room.local_participant.unpublish_track(sid)

    async def send(self, video: rtc.VideoFrame | None, pcm: bytes) -> None:
        """Send one frame.

        Args:
            video: its picture, or None where the one before stays.
            pcm: its 40 ms of mono 16-bit sound at 24 kHz; empty for silence.
        """
        if not self.published:
            return
        self._show(video)
        sound = pcm or bytes(2 * SOUND_RATE_HZ // FPS)
        for start in range(0, len(sound), 2 * SAMPLES_10_MS):
            piece = sound[start : start + 2 * SAMPLES_10_MS]
            await self._sound.capture_frame(rtc.AudioFrame(piece, SOUND_RATE_HZ, 1, SAMPLES_10_MS))

    async def aclose(self) -> None:
        """Free both sources. The tracks go with the participant, or with the room."""
        self.published = False
        await self._sound.aclose()
        await self._picture.aclose()

    def _show(self, video: rtc.VideoFrame | None) -> None:
        self._unchanged = self._unchanged + 1 if video is None else 0
        self._last = video or self._last
        if self._last is not None and self._unchanged % REFRESH_FRAMES == 0:
            self._picture.capture_frame(self._last)
