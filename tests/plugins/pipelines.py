"""A real Pipecat pipeline that ends in a transport of this process: it plays in real time, and remembers."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
from pipecat.frames.frames import CancelFrame, EndFrame, TTSAudioRawFrame, TTSStartedFrame, TTSStoppedFrame
from pipecat.observers.base_observer import BaseObserver
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from tests.plugins.sounds import RATE_HZ
from tests.streaming.rooms import until

SIDE = 16
BUFFER_S = 0.04
"""What the device holds, so that a task that wakes late makes no gap."""


class Loudspeaker(BaseOutputTransport):
    """The real output transport on a device that takes sound at the pace it is heard."""

    def __init__(self, **params):
        shape = {"video_out_width": SIDE, "video_out_height": SIDE, "video_out_framerate": 25}
        super().__init__(
            TransportParams(
                audio_out_enabled=True,
                audio_out_end_silence_secs=0,
                video_out_enabled=True,
                **(shape | params),
            )
        )
        self.heard = []
        self.seen = []
        self._busy_until_s = 0.0

    async def start(self, frame):
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame):
        loop = asyncio.get_running_loop()
        starts_s = max(loop.time(), self._busy_until_s)
        self._busy_until_s = starts_s + len(frame.audio) / 2 / frame.sample_rate
        self.heard.append((starts_s, np.frombuffer(frame.audio, "<i2")))
        await asyncio.sleep(self._busy_until_s - BUFFER_S - loop.time())
        return True

    async def write_video_frame(self, frame):
        assert (frame.size, frame.format) == ((SIDE, SIDE), "RGB")
        pixels = np.frombuffer(frame.image, np.uint8).reshape(SIDE, SIDE, 3)
        self.seen.append((asyncio.get_running_loop().time(), pixels))
        return True

    def sound(self, since_s=0.0):
        return np.concatenate([np.zeros(0, np.int16), *(pcm for at_s, pcm in self.heard if at_s >= since_s)])


class Watcher(BaseObserver):
    """Keeps what every processor pushed."""

    def __init__(self):
        super().__init__()
        self.pushed = []

    async def on_push_frame(self, data):
        self.pushed.append((data.source, data.frame, data.direction))


@dataclass
class Bot:
    """A running pipeline."""

    worker: PipelineWorker
    service: object
    speaker: Loudspeaker
    watcher: Watcher
    done: asyncio.Task = field(default=None)

    async def queue(self, *frames):
        for frame in frames:
            await self.worker.queue_frame(frame)

    async def say(self, pcm, context="one", rate_hz=RATE_HZ, stop=True):
        """Bring speech as a TTS service does: in pieces, faster than it is heard."""
        await self.queue(TTSStartedFrame(context_id=context))
        for start in range(0, len(pcm), rate_hz // 5):
            piece = pcm[start : start + rate_hz // 5].tobytes()
            await self.queue(TTSAudioRawFrame(piece, rate_hz, 1, context_id=context))
        if stop:
            await self.queue(TTSStoppedFrame(context_id=context))

    def passed(self, kind, source=None, direction=FrameDirection.DOWNSTREAM):
        """Frames of a kind that a processor (the service by default) pushed."""
        source = source or self.service
        return [
            f for s, f, d in self.watcher.pushed if s is source and d == direction and isinstance(f, kind)
        ]

    async def until_passed(self, kind, count=1, source=None):
        await until(lambda: len(self.passed(kind, source)) >= count)


@asynccontextmanager
async def bot(service, *before, **params):
    """Run `before → service → loudspeaker`."""
    speaker = Loudspeaker(**params)
    async with playing(Pipeline([*before, service, speaker]), service, speaker) as running:
        yield running


@asynccontextmanager
async def playing(pipeline, service, speaker):
    """Run a pipeline; ends by cancelling what did not end by itself."""
    watcher = Watcher()
    worker = PipelineWorker(
        pipeline,
        params=PipelineParams(audio_out_sample_rate=RATE_HZ, enable_metrics=True),
        observers=[watcher],
        cancel_on_idle_timeout=False,
        enable_rtvi=False,
    )
    started = asyncio.Event()

    @worker.event_handler("on_pipeline_started")
    async def _(*_):
        started.set()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = Bot(worker, service, speaker, watcher, asyncio.create_task(runner.run()))
    try:
        await asyncio.wait_for(started.wait(), 10)
        yield running
        if not running.done.done():
            await running.queue(CancelFrame())
    finally:
        await asyncio.wait_for(asyncio.wait([running.done]), 20)


async def ending(running):
    """End the pipeline gracefully and wait for it."""
    await running.queue(EndFrame())
    await asyncio.wait_for(asyncio.shield(running.done), 30)
