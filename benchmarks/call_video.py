"""How little a video codec can send of the same clips: H.264 and VP8 at their lowest, set as in a call."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from jaxtyping import UInt8

from streaming.motion.wire import IPV4, SRTP, UDP

MTU: Final = 1200
"""Bytes of picture in an RTP packet, as WebRTC cuts them."""
CODECS: Final = {
    "H.264": ("libx264", {"preset": "veryfast", "tune": "zerolatency", "profile": "baseline"}),
    "VP8": (
        "libvpx",
        {"deadline": "realtime", "cpu-used": "4", "lag-in-frames": "0", "error-resilient": "1"},
    ),
}
QUANTISERS: Final = {"H.264": (51, 45, 39), "VP8": (63, 50, 36)}
"""The coarsest each codec has, and finer ones."""


@dataclass(frozen=True, slots=True)
class Video:
    """Coded pictures, and what they took."""

    kbps: float
    """On the wire: RTP, SRTP, UDP and IP counted."""
    pictures: list[UInt8[np.ndarray, "height width 3"]]


def code(name: str, quantiser: int, pictures: Iterable[UInt8[np.ndarray, "height width 3"]]) -> Video:
    """Code pictures with one quantiser throughout, the first as a key frame, and read them back."""
    library, options = CODECS[name]
    encoder: Any = av.CodecContext.create(library, "w")
    decoder: Any = av.CodecContext.create({"H.264": "h264", "VP8": "vp8"}[name], "r")
    sizes, back, count = [], [], 0
    for count, picture in enumerate(pictures, 1):
        if count == 1:
            encoder.height, encoder.width = picture.shape[:2]
            encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv420p", Fraction(1, 25), Fraction(25)
            fixed = {"qmin": str(quantiser), "qmax": str(quantiser), "b": "1000", "g": "1000"}
            encoder.options = {**options, **fixed}
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts = count - 1
        packets = encoder.encode(frame)
        sizes += [packet.size for packet in packets]
        back += [frame for packet in packets for frame in decoder.decode(packet)]
    packets = encoder.encode(None)
    sizes += [packet.size for packet in packets]
    back += [frame for packet in packets for frame in decoder.decode(packet)]
    back += decoder.decode(None)
    wire = sum(size + (1 + size // MTU) * (IPV4 + UDP + SRTP) for size in sizes)
    # The landmarker misreads pictures whose rows are not packed.
    read = [np.ascontiguousarray(frame.to_ndarray(format="rgb24")) for frame in back]
    return Video(0.008 * wire / (count / 25), read)
