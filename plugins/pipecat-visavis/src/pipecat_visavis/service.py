"""`VisavisVideoService`: takes the voice's sound, gives the avatar's pictures with that sound."""

import asyncio
from typing import Any, Literal

from loguru import logger
from pipecat.frames.frames import (
    BotStoppedSpeakingFrame,
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    OutputTransportReadyFrame,
    StartFrame,
    SystemFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.ai_service import AIService
from pipecat.services.settings import ServiceSettings
from pipecat_visavis.pictures import mono, rgb_of
from pipecat_visavis.script import Script
from visavis_client import Avatar, AvatarError, AvatarRefusedError, SegmentFinished, SegmentStarted
from visavis_client import Frame as AvatarFrame

CONNECT_PATIENCE_S = 5.0
"""How long the first words wait for the avatar, before they are said without it."""
RETRY_S = 3.0
"""Seconds between two tries to get a lost avatar back."""
DRAIN_PATIENCE_S = 5.0
"""What an ending pipeline waits beyond the speech that is left."""
HOPELESS = ("no_avatar", "token", "bad_message", "version")
"""Refusals that another try will not change."""


class VisavisVideoService(AIService):
    """A face for the bot. Place it between the TTS service and the transport's output.

    The transport plays what this service gives. Without visavis, from the start or lost in mid-sentence, the
    voice passes through untouched, an error goes upstream, and the avatar comes back with the next answer
    after visavis has.

    Set the transport up with `video_out_enabled`, the avatar's width and height, `video_out_framerate=25`
    and, for `sync_with_audio=False`, `video_out_is_live=True`.
    """

    def __init__(
        self,
        *,
        url: str,
        avatar: str | None = None,
        token: str | None = None,
        sync_with_audio: bool = True,
        picture: Literal["jpeg", "rgb"] = "jpeg",
        quality: int = 85,
        settings: ServiceSettings | None = None,
        **kwargs: Any,
    ) -> None:
        """Prepare; connects when the pipeline starts.

        Args:
            url: address of visavis, as `visavis serve` prints it.
            avatar: its name there; None takes the default one.
            token: where visavis wants one, and the address does not hold it.
            sync_with_audio: let pictures ride the transport's queue of sound, each before its own 40 ms;
                otherwise they go ahead in the transport's live queue.
            picture: how pictures travel: `jpeg`, or raw `rgb` on the same machine.
            quality: of JPEG, 1 to 100.
            settings: of every Pipecat service; a face has none.
            **kwargs: for `FrameProcessor`.
        """
        super().__init__(settings=settings or ServiceSettings(model=None), **kwargs)
        self._wish: dict[str, Any] = {
            "avatar": avatar,
            "token": token,
            "picture": picture,
            "quality": quality,
        }
        self._url = url
        self._sync_with_audio = sync_with_audio
        self._avatar: Avatar | None = None
        self._script = Script()
        self._contexts: dict[int, str | None] = {}
        self._context: str | None = None
        self._over: list[int] = []
        self._transport_ready = False
        self._bypassed = False
        self._settled = asyncio.Event()
        self._said = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def can_generate_metrics(self) -> bool:
        """Return True: the time to the first sound that has its picture is measured as TTFB."""
        return True

    async def start(self, frame: StartFrame) -> None:
        """Begin to connect; `StartFrame` does not wait for it."""
        await super().start(frame)
        self._task = self.create_task(self._run())

    async def stop(self, frame: EndFrame) -> None:
        """Let the avatar finish what it says, then leave."""
        await super().stop(frame)
        try:
            async with asyncio.timeout(self._script.rest_s + DRAIN_PATIENCE_S):
                await self._drained()
        except TimeoutError:
            logger.warning(f"{self}: {self._script.rest_s:.1f} s of speech were never said")
        await self._leave()

    async def cancel(self, frame: CancelFrame) -> None:
        """Leave now."""
        await super().cancel(frame)
        await self._leave()

    async def cleanup(self) -> None:
        """Leave, if that has not happened. Safe to call twice."""
        await super().cleanup()  # type: ignore[no-untyped-call]  # Pipecat left the annotation out
        await self._leave()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take speech, keep what follows it in order, pass everything else on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            await self._interrupt(frame, direction)
            return
        if direction == FrameDirection.DOWNSTREAM and not isinstance(frame, SystemFrame):
            await self._process_in_order(frame)
            return
        if isinstance(frame, OutputTransportReadyFrame):
            self._transport_ready = True
        self._attend(frame)
        await self.push_frame(frame, direction)

    async def _process_in_order(self, frame: Frame) -> None:
        if isinstance(frame, TTSStartedFrame):
            self._bypassed = False
            await self.start_ttfb_metrics()
        if isinstance(frame, TTSAudioRawFrame) and await self._speak(frame):
            return
        if isinstance(frame, TTSStoppedFrame) and self._avatar is not None:
            self._avatar.end_segment()
        if len(self._script):
            self._script.add_frame(frame)
        else:
            await self.push_frame(frame)

    async def _speak(self, frame: TTSAudioRawFrame) -> bool:
        """Give speech to the avatar; returns False when it has to pass without."""
        if not self._settled.is_set():
            await self._settled.wait()
        if self._avatar is None or self._bypassed:
            self._bypassed = True
            return False
        if frame.context_id != self._context:
            self._avatar.end_segment()
            self._context = frame.context_id
        self._avatar.push_audio(mono(frame), frame.sample_rate)
        self._contexts[self._avatar.segment] = frame.context_id
        self._script.add_sound(self._avatar.segment, frame)
        return True

    async def _interrupt(self, frame: Frame, direction: FrameDirection) -> None:
        if self._avatar is not None:
            self._avatar.clear()
        kept = self._script.interrupt()
        self._over.clear()
        self._said.set()
        await self.push_frame(frame, direction)
        for survivor in kept:
            await self.push_frame(survivor)

    def _attend(self, frame: Frame) -> None:
        """Let the avatar listen, and think, as the conversation goes."""
        if self._avatar is None:
            return
        if isinstance(frame, UserStartedSpeakingFrame | BotStoppedSpeakingFrame):
            self._avatar.attend("listening")
        elif isinstance(frame, UserStoppedSpeakingFrame):
            self._avatar.attend("thinking")

    async def _run(self) -> None:
        """Hold the connection for as long as the pipeline runs; what is lost is told once."""
        told = False
        while True:
            try:
                async with asyncio.timeout(CONNECT_PATIENCE_S):
                    self._avatar = await Avatar.open(self._url, **self._wish)
                told = False
                await self._stream(self._avatar)
            except (AvatarError, TimeoutError) as error:
                await self._go_on_without()
                if not told:
                    told = True
                    await self.push_error(
                        f"visavis: {error or 'no answer'}; the voice goes on without", error
                    )
                if isinstance(error, AvatarRefusedError) and error.code in HOPELESS:
                    return
            await asyncio.sleep(RETRY_S)

    async def _stream(self, avatar: Avatar) -> None:
        avatar.subscribe(self._on_segment)
        self._settled.set()
        async with avatar:
            async for frame in avatar:
                await self._show(frame)

    def _on_segment(self, event: SegmentStarted | SegmentFinished) -> None:
        """Note an end; the segment's last sound comes with the next frame."""
        if isinstance(event, SegmentFinished) and not event.interrupted:
            self._over.append(event.segment)

    async def _show(self, frame: AvatarFrame) -> None:
        """Push a picture, the sound that belongs to it, and what waited for that sound."""
        over, self._over = self._over, []
        if frame.picture is not None and self._transport_ready:
            pixels = await rgb_of(frame, self._wish["picture"])
            image = OutputImageRawFrame(image=pixels, size=(frame.width, frame.height), format="RGB")
            image.sync_with_audio = self._sync_with_audio
            await self.push_frame(image)
        # Sound without a segment is the fade after an interruption, which has silenced the transport already.
        if frame.segment:
            await self._sound(frame)
        for segment in over:
            self._contexts.pop(segment, None)
            await self._release(self._script.finished(segment))

    async def _sound(self, frame: AvatarFrame) -> None:
        avatar = self._avatar
        if avatar is None or frame.segment not in self._contexts:
            return
        await self.stop_ttfb_metrics()
        context_id = self._contexts[frame.segment]
        rate_hz = avatar.sample_rate_hz
        await self.push_frame(TTSAudioRawFrame(frame.pcm, rate_hz, 1, context_id=context_id))
        await self._release(self._script.heard(frame.segment, len(frame.pcm) / 2 / rate_hz))

    async def _release(self, frames: list[Frame]) -> None:
        for frame in frames:
            await self.push_frame(frame)
        self._said.set()

    async def _go_on_without(self) -> None:
        """Say the rest without the avatar."""
        self._avatar = None
        self._bypassed = self._bypassed or len(self._script) > 0
        self._settled.set()
        self._contexts.clear()
        await self._release(self._script.drain())

    async def _drained(self) -> None:
        while len(self._script):
            self._said.clear()
            await self._said.wait()

    async def _leave(self) -> None:
        task, self._task = self._task, None
        avatar, self._avatar = self._avatar, None
        if task is not None:
            await self.cancel_task(task)
        if avatar is not None:
            await avatar.aclose()
