"""A live session's packets into an mp4 file, beside whoever watches: `take` never waits.

The file's time is the session's. Where packets are missing, because media time skipped or the disk was
slower than the session, the picture before stands and there is silence, so sound and picture stay together.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from engine.compute import Compute
from engine.encode import Mp4Writer
from engine.packets import AVPacket
from models.motion.frame import FPS

log = logging.getLogger(__name__)

WAITING_MAX: Final = 2 * FPS
"""Packets that may wait for the encoder: two seconds, 40 MB of pictures of 512 pixels."""
GAP_MAX: Final = 60 * FPS
"""Missing frames that are filled; a longer gap is a machine that slept, and is left out."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was written."""

    path: Path
    frames: int
    filled_frames: int
    """Frames among them that stand for missing packets."""

    @property
    def length_s(self) -> float:
        """Length of the file in seconds."""
        return self.frames / FPS


class Recording:
    """Writes what it is handed. Start it with `start`, end it with `finish` or `discard`.

    Args:
        path: the file; it appears when it is finished.
        compute: where pictures are encoded.
        crf: constant rate factor of H.264; 23 is x264's own default.
    """

    def __init__(self, path: Path, compute: Compute, *, crf: int = 23) -> None:
        self._path = path
        self._compute = compute
        self._crf = crf
        self._waiting: deque[AVPacket] = deque()
        self._came = asyncio.Event()
        self._over = False
        self._writer: Mp4Writer | None = None
        self._last: AVPacket | None = None
        self._frames = 0
        self._filled = 0
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0
        """Packets that found no place in the queue."""

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def depth(self) -> int:
        """Packets that wait for the encoder."""
        return len(self._waiting)

    def start(self) -> None:
        """Start the task that encodes; `finish` or `discard` ends it."""
        self._task = asyncio.create_task(self._write(), name="recording")

    def take(self, packet: AVPacket) -> None:
        """Record a packet; one that finds no place is counted, and filled in."""
        if self._over:
            return
        if len(self._waiting) >= WAITING_MAX:
            self.dropped += 1
            return
        self._waiting.append(packet)
        self._came.set()

    async def finish(self) -> Recorded | None:
        """Write what waits, complete the file and return what it holds; None, and no file, without packets.

        Raises:
            OSError, FFmpegError: the file could not be written; nothing of it is left.
        """
        self._over = True
        self._came.set()
        try:
            if self._task is not None:
                await self._task
            if self._writer is None:
                return None
            await self._compute.run(self._writer.close, lane=self)
        except BaseException:
            await self._remove()
            raise
        return Recorded(self._path, self._frames, self._filled)

    async def discard(self) -> None:
        """Stop, and leave no file."""
        self._over = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._remove()

    async def _remove(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await self._compute.run(writer.discard, lane=self)

    async def _write(self) -> None:
        while True:
            while self._waiting:
                await self._encode(self._waiting.popleft())
            if self._over:
                return
            self._came.clear()
            await self._came.wait()

    async def _encode(self, packet: AVPacket) -> None:
        if self._writer is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = Mp4Writer(self._path, packet.picture.shape[0], crf=self._crf, preset="superfast")
        for filler in self._fillers(packet):
            self._filled += 1
            await self._put(self._writer, filler)
        await self._put(self._writer, packet)
        self._last = packet

    async def _put(self, writer: Mp4Writer, packet: AVPacket) -> None:
        await self._compute.run(writer.write, packet, lane=self)
        self._frames += 1

    def _fillers(self, packet: AVPacket) -> list[AVPacket]:
        """Return packets for the frames between the last one and this one."""
        last = self._last
        missing = packet.index - last.index - 1 if last is not None else 0
        if last is None or not 0 < missing <= GAP_MAX:
            return []
        silence = np.zeros_like(last.pcm)
        return [replace(last, index=last.index + 1 + i, pcm=silence, finished=()) for i in range(missing)]
