"""Pictures and sound into an mp4, for people to look at."""

from collections.abc import Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, UInt8

from models.motion.frame import FPS
from models.motion.stage import SPEECH_RATE_HZ

_AAC_SAMPLES: Final = 1024
"""Samples of one frame of AAC."""


def write_movie(
    path: Path,
    pictures: Iterable[UInt8[np.ndarray, "height width 3"]],
    pcm: Float32[np.ndarray, "samples"],
) -> None:
    """Write H.264 at 25 pictures a second and AAC; a half-written file never stays under the name.

    Args:
        path: The mp4.
        pictures: RGB, all of one even size.
        pcm: 16 kHz mono in -1..1, beginning with the first picture.

    Raises:
        ValueError: There is no picture.
    """
    import av

    coming = iter(pictures)
    first = next(coming, None)
    if first is None:
        raise ValueError(f"no picture for {path.name}")
    partial = path.with_suffix(".partial.mp4")
    with av.open(str(partial), "w") as container:
        container.metadata["comment"] = "AI-generated"
        video = container.add_stream("libx264", rate=FPS, options={"crf": "18", "preset": "veryfast"})
        video.height, video.width, video.pix_fmt = *first.shape[:2], "yuv420p"
        sound = container.add_stream("aac", rate=SPEECH_RATE_HZ, layout="mono")
        for number, picture in enumerate(chain([first], coming)):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        _add_sound(container, sound, pcm)
    partial.replace(path)


def _add_sound(container: Any, sound: Any, pcm: Float32[np.ndarray, "samples"]) -> None:
    import av

    for at in range(0, len(pcm), _AAC_SAMPLES):
        heard = av.AudioFrame.from_ndarray(pcm[None, at : at + _AAC_SAMPLES], "fltp", "mono")
        heard.sample_rate, heard.pts = SPEECH_RATE_HZ, at
        heard.time_base = Fraction(1, SPEECH_RATE_HZ)
        container.mux(sound.encode(heard))
    container.mux(sound.encode(None))
