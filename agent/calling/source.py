"""Where a sender's picture and sound come from: a video file in its own time, or a camera."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np
from jaxtyping import Int16, UInt8

WAITING_MAX: Final = 8
"""Moments that may wait to be sent; of a camera, older ones are of no use."""
LONGER_SIDE: Final = 640
"""Pictures are looked at in this size at most: the tracker needs no more."""
_DEVICES: Final = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}")}


class SourceError(ValueError):
    """The file or the device cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A picture or a piece of sound, and when it begins, in seconds from the source's start."""

    at_s: float
    picture: UInt8[np.ndarray, "height width 3"] | None = None
    pcm: Int16[np.ndarray, "samples"] | None = None
    rate_hz: int = 0


def read_file(path: Path) -> Iterator[Moment]:
    """Yield a video file's moments in the order of their times, which begin at 0.

    Raises:
        SourceError: it is no video.
    """
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"{path} cannot be read as a video: {error}") from error
    with container:
        if not container.streams.video:
            raise SourceError(
                f"{path} has no picture; a voice alone needs none: leave --video and --camera out"
            )
        streams = [container.streams.video[0], *container.streams.audio[:1]]
        yield from _moments(container, streams)


def read_camera(number: int, platform: str) -> Iterator[Moment]:
    """Yield a camera's pictures as they come. Raises `SourceError`."""
    if platform not in _DEVICES:
        raise SourceError(f"no cameras are known on {platform}; use --video, or the page")
    form, place = _DEVICES[platform]
    try:
        container = av.open(place.format(number), format=form)
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"camera {number} cannot be opened: {error}") from error
    with container:
        yield from _moments(container, [container.streams.video[0]])


def _moments(container: "av.container.InputContainer", streams: list) -> Iterator[Moment]:  # type: ignore[type-arg]
    first_s: float | None = None
    resampler = av.AudioResampler("s16", "mono")
    for frame in container.decode(*streams):
        if frame.time is None:
            continue
        first_s = frame.time if first_s is None else first_s
        at_s = frame.time - first_s
        if isinstance(frame, av.VideoFrame):
            yield Moment(at_s, picture=_picture(frame))
            continue
        for part in resampler.resample(frame):
            yield Moment(at_s, pcm=part.to_ndarray()[0], rate_hz=part.sample_rate)


def _picture(frame: av.VideoFrame) -> UInt8[np.ndarray, "height width 3"]:
    scale = min(1.0, LONGER_SIDE / max(frame.width, frame.height))
    size = {"width": round(frame.width * scale), "height": round(frame.height * scale)}
    return np.ascontiguousarray(frame.reformat(format="rgb24", **size).to_ndarray())


async def in_time(moments: Iterator[Moment], *, is_live: bool) -> AsyncIterator[Moment]:
    """Yield moments when they are due; those of a camera are due when they come, and the oldest gives way."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Moment | Exception | None] = asyncio.Queue(WAITING_MAX)
    stop = threading.Event()

    def put(item: Moment | Exception | None) -> None:
        if is_live and queue.full():
            queue.get_nowait()
        queue.put_nowait(item)

    def read() -> None:
        """Read in a thread until told to stop; what comes last is None, or the error that ended it."""
        last: Exception | None = None
        try:
            for moment in moments:
                if stop.is_set():
                    return
                if is_live:
                    loop.call_soon_threadsafe(put, moment)
                else:
                    asyncio.run_coroutine_threadsafe(queue.put(moment), loop).result()
        except Exception as error:
            last = error
        if not stop.is_set():
            asyncio.run_coroutine_threadsafe(queue.put(last), loop)

    reading = loop.run_in_executor(None, read)
    start_s = loop.time()
    try:
        while isinstance(item := await queue.get(), Moment):
            if not is_live:
                await asyncio.sleep(max(0.0, start_s + item.at_s - loop.time()))
            yield item
        if item is not None:
            raise item
    finally:
        stop.set()
        while not queue.empty():
            queue.get_nowait()
        await asyncio.wait([asyncio.ensure_future(reading)])
