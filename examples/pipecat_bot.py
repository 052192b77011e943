"""A Pipecat bot with a face: `python examples/pipecat_bot.py http://127.0.0.1:8080`, and type.

Its mind is an echo and its voice a hum; put your own in their places. The window needs PyAudio and Tk.
"""

import asyncio
import sys

import numpy as np
from pipecat.frames import frames as fr
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner
from pipecat_visavis import VisavisVideoService


class EchoHum(FrameProcessor):
    """Stands for mind and voice: says every text it hears, humming for a quarter of a second a word."""

    async def process_frame(self, frame: fr.Frame, direction: FrameDirection) -> None:  # noqa: D102
        await super().process_frame(frame, direction)
        spoken = [frame]
        if isinstance(frame, fr.InputTextRawFrame):
            time_s = np.arange(len(frame.text.split()) * 6_000) / 24_000
            pcm = 6000 * np.sin(2 * np.pi * 220 * time_s) * np.sin(4 * np.pi * time_s) ** 2
            sound = fr.TTSAudioRawFrame(pcm.astype("<i2").tobytes(), 24_000, 1)
            spoken = [fr.TTSStartedFrame(), sound, fr.TTSStoppedFrame()]
        for each in spoken:
            await self.push_frame(each, direction)


def with_a_face(url: str, output: FrameProcessor) -> Pipeline:
    """Return mind and voice, face, and where they are played."""
    return Pipeline([EchoHum(), VisavisVideoService(url=url), output])


async def main(url: str) -> None:
    """Answer what is typed, until an empty line."""
    from pipecat.transports.local import tk

    shown = {"video_out_width": 512, "video_out_height": 512, "video_out_framerate": 25}
    params = tk.TkTransportParams(audio_out_enabled=True, video_out_enabled=True, **shown)
    window = tk.TkLocalTransport(tk.tk.Tk(), params)
    worker = PipelineWorker(with_a_face(url, window.output()))
    await (runner := WorkerRunner()).add_workers(worker)
    running = asyncio.create_task(runner.run())
    while line := await asyncio.to_thread(input):
        await worker.queue_frame(fr.InputTextRawFrame(text=line))
    await asyncio.gather(worker.queue_frame(fr.EndFrame()), running)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
