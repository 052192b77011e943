"""Pictures and sound in the forms that Pipecat and visavis want."""

import asyncio
import io

import numpy as np
from PIL import Image
from pipecat.frames.frames import TTSAudioRawFrame
from visavis_client import Frame


async def rgb_of(frame: Frame, encoding: str) -> bytes:
    """Return a frame's picture as RGB bytes; a JPEG is opened in a thread."""
    picture = frame.picture or b""
    return await asyncio.to_thread(_open_jpeg, picture) if encoding == "jpeg" else picture


def mono(frame: TTSAudioRawFrame) -> bytes:
    """Return a frame's sound with its channels mixed into one."""
    if frame.num_channels == 1:
        return bytes(frame.audio)
    samples = np.frombuffer(frame.audio, "<i2").reshape(-1, frame.num_channels)
    return samples.astype(np.int32).mean(axis=1).round().astype("<i2").tobytes()


def _open_jpeg(jpeg: bytes) -> bytes:
    with Image.open(io.BytesIO(jpeg)) as image:
        return image.convert("RGB").tobytes()
