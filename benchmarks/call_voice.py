"""Opus voice at its real size on the wire."""

from fractions import Fraction

import av
import numpy as np
from jaxtyping import Float32

from models.motion.stage import SPEECH_RATE_HZ
from streaming.motion.wire import voice_packet


def voice_bytes(pcm: Float32[np.ndarray, "samples"], kbps: int, packet_ms: int) -> list[int]:
    """Code sound with libopus for speech; return each packet's bytes on the wire, from IP up."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = SPEECH_RATE_HZ, "mono", "s16"
    encoder.bit_rate, encoder.time_base = 1000 * kbps, Fraction(1, SPEECH_RATE_HZ)
    encoder.options = {"application": "voip", "frame_duration": str(packet_ms), "vbr": "on"}
    encoder.open()
    samples = SPEECH_RATE_HZ * packet_ms // 1000
    whole = (np.clip(pcm, -1, 1) * 32767).astype(np.int16)
    sizes = []
    for at in range(0, len(whole) - samples + 1, samples):
        frame = av.AudioFrame.from_ndarray(whole[None, at : at + samples], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SPEECH_RATE_HZ, at, encoder.time_base
        sizes += [packet.size for packet in encoder.encode(frame)]
    return [voice_packet(size) for size in sizes]
