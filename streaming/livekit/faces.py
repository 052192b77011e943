"""A session's packets as LiveKit publishes them."""

from collections.abc import Callable

import numpy as np
from livekit import rtc
from livekit.plugins.visavis import Shown

from engine.packets import AVPacket
from models.picture import Picture


def shown_of_session() -> Callable[[AVPacket], Shown]:
    """Return what makes one session's packets publishable; it remembers the picture that is shown."""
    shown: Picture | None = None

    def show(packet: AVPacket) -> Shown:
        nonlocal shown
        video = None
        if packet.picture is not shown:
            height, width = packet.picture.shape[:2]
            pixels = np.ascontiguousarray(packet.picture).tobytes()
            video = rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, pixels)
            shown = packet.picture
        return Shown(video, packet.pcm.tobytes())

    return show
