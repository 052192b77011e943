"""Packets into an mp4 file: H.264 and AAC, of exactly the same length."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from engine.packets import MEDIA_RATE_HZ, AVPacket
from models.motion.frame import FPS


class Mp4Writer:
    """Writes packets to `path`, which appears only when the file is whole.

    A context manager: leaving it without an error completes the file, with an error removes it.

    Args:
        path: file to write; an existing one is replaced.
        size: side of the pictures in pixels, even.
        crf: constant rate factor of H.264; 18 is visually lossless.
        preset: effort of libx264.
    """

    def __init__(self, path: Path, size: int, *, crf: int = 18, preset: str = "veryfast") -> None:
        if size % 2:
            raise ValueError(f"yuv420p needs pictures of even size, not {size} pixels")
        self._path = path
        self._part = path.with_name(f".{path.name}.part")
        self._container = av.open(
            str(self._part), "w", format="mp4", options={"movflags": "faststart+use_metadata_tags"}
        )
        self._container.metadata["comment"] = "AI-generated"
        self._video: VideoStream = self._container.add_stream("libx264", rate=FPS)
        self._video.width = self._video.height = size
        self._video.pix_fmt = "yuv420p"
        self._video.options = {"crf": str(crf), "preset": preset}
        self._audio: AudioStream = self._container.add_stream("aac", rate=MEDIA_RATE_HZ)
        self._audio.layout = "mono"
        self._samples = 0
        self._frames = 0

    def write(self, packet: AVPacket) -> None:
        """Encode one packet's picture and sound; takes milliseconds, so call it in a thread."""
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(packet.picture), format="rgb24")
        picture.pts, picture.time_base = self._frames, Fraction(1, FPS)
        sound = av.AudioFrame.from_ndarray(packet.pcm[np.newaxis], format="s16", layout="mono")
        sound.sample_rate = MEDIA_RATE_HZ
        sound.pts, sound.time_base = self._samples, Fraction(1, MEDIA_RATE_HZ)
        self._frames += 1
        self._samples += len(packet.pcm)
        self._container.mux(self._video.encode(picture))
        self._container.mux(self._audio.encode(sound))

    def close(self) -> None:
        """Complete the file and put it in its place."""
        self._container.mux(self._video.encode(None))
        self._container.mux(self._audio.encode(None))
        self._container.close()
        self._part.replace(self._path)

    def discard(self) -> None:
        """Remove what was written."""
        self._container.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.discard()
