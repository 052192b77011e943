"""The visitor's sound on its way in: aiortc's frames become mono PCM for the partner."""

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame
from jaxtyping import Int16

from streaming.contract import InCall, Listener


def mono(frame: AudioFrame) -> Int16[np.ndarray, "samples"]:
    """Mix an interleaved or planar s16 frame down to one channel."""
    channels = len(frame.layout.channels)
    samples = frame.to_ndarray()
    split = samples if frame.format.is_planar else samples.reshape(-1, channels).T
    if channels == 1:
        return np.ascontiguousarray(split[0], np.int16)
    return np.asarray(split.astype(np.int32).mean(axis=0), np.int16)


async def listen(track: MediaStreamTrack, partner: Listener) -> None:
    """Push every frame to the partner until the track ends. Never lags behind: pushing does not block.

    Who is in a call is told the time of each, too.
    """
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        if not isinstance(frame, AudioFrame):
            continue
        if isinstance(partner, InCall) and frame.pts is not None and frame.time_base is not None:
            partner.push_voice(mono(frame), frame.sample_rate, float(frame.pts * frame.time_base))
        else:
            partner.push_audio(mono(frame), frame.sample_rate)
