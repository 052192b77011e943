"""The visitor's sound on its way in: aiortc's frames become mono PCM for the partner."""

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame
from jaxtyping import Int16

from streaming.contract import Listener


def mono(frame: AudioFrame) -> Int16[np.ndarray, "samples"]:
    """Mix an interleaved or planar s16 frame down to one channel."""
    channels = len(frame.layout.channels)
    samples = frame.to_ndarray()
    split = samples if frame.format.is_planar else samples.reshape(-1, channels).T
    if channels == 1:
        return np.ascontiguousarray(split[0], np.int16)
    return np.asarray(split.astype(np.int32).mean(axis=0), np.int16)


async def listen(track: MediaStreamTrack, partner: Listener) -> None:
    """Push every frame to the partner until the track ends. Never lags behind: pushing does not block."""
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        if isinstance(frame, AudioFrame):
            partner.push_audio(mono(frame), frame.sample_rate)
