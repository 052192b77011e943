"""A film and its sound: the default avatar opens its mouth by plan, is loud then, and never holds still."""

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from jaxtyping import Float, Int16
from PIL import Image

from benchmarks.speechlike import as_loud
from models.avatar import load_avatar
from models.home import avatars_root
from models.motion.frame import FPS, MotionFrame
from models.picture import Picture, Tier
from models.portrait.create import DEFAULT_NAME
from models.warp import WarpPicture

SECONDS: Final = 4
"""The film is played again and again."""
VOICE_S: Final = 300.0
"""Longer than what is measured, for a browser plays a sound once."""
SIDE: Final = 480
RATE_HZ: Final = 48_000
SWAY_HZ: Final = 0.75
SWAY_DEG: Final = 1.5
"""The head's gaze goes round in an even circle: a picture that stands can be told at any time."""
OPENINGS_S: Final = (0.5, 0.8, 2.4, 2.9, 3.1)
"""When the mouth begins to open, for a quarter of a second; at no even beat: no shift fits by chance."""


def write_film(folder: Path) -> Path:
    """Write the pictures as YUV4MPEG2, for a browser's camera, and return the file's path."""
    path = folder / "film.y4m"
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{SIDE} H{SIDE} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for picture in _pictures():
            file.write(b"FRAME\n" + _yuv(picture))
    return path


def write_voice(folder: Path) -> Path:
    """Write the sound as a WAV file, for a browser's microphone, and return its path."""
    path = folder / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(np.tile(_sound(), round(VOICE_S / SECONDS)).astype("<i2").tobytes())
    return path


def write_talk(folder: Path) -> Path:
    """Write pictures and sound as one video, for `visavis call send`, and return its path."""
    path = folder / "talk.mkv"
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", FPS, options={"preset": "veryfast", "crf": "16"})
        video.width = video.height = SIDE
        video.pix_fmt = "yuv420p"
        audio: Any = container.add_stream("pcm_s16le", RATE_HZ, layout="mono")
        sound, size = _sound(), RATE_HZ // FPS
        for number, picture in enumerate(_pictures()):
            shown = np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
            container.mux(video.encode(av.VideoFrame.from_ndarray(shown, "rgb24")))
            heard = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(sound[None, number * size : (number + 1) * size]), "s16", "mono"
            )
            heard.sample_rate, heard.pts = RATE_HZ, number * size
            container.mux(audio.encode(heard))
        for stream in (video, audio):
            container.mux(stream.encode())
    return path


def _pictures() -> Iterator[Picture]:
    warp = WarpPicture(load_avatar(avatars_root() / DEFAULT_NAME))
    state = warp.init_state()
    for number in range(SECONDS * FPS):
        jaw = float(_opening(np.array([number / FPS]))[0])
        way = 2 * np.pi * SWAY_HZ * number / FPS
        head = (SWAY_DEG * float(np.sin(way)), SWAY_DEG * float(np.cos(way)), 0.0)
        motion = MotionFrame.named({"jawOpen": 0.75 * jaw, "mouthLowerDown": 0.3 * jaw}, {"head": head})
        picture, state = warp.step(motion, state, Tier.WARP)
        yield picture


def _sound() -> Int16[np.ndarray, "samples"]:
    return as_loud(_opening(np.arange(SECONDS * RATE_HZ) / RATE_HZ), RATE_HZ)


def _opening(time_s: Float[np.ndarray, "moments"]) -> Float[np.ndarray, "moments"]:
    """Return how open the mouth is, 0..1, so many seconds from the film's beginning."""
    openings = [np.sin(np.pi * np.clip((time_s - begin) / 0.25, 0, 1)) for begin in OPENINGS_S]
    return np.max(openings, axis=0)


def _yuv(picture: Picture) -> bytes:
    image = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC).convert("YCbCr")
    luma, *chroma = (np.asarray(plane) for plane in image.split())
    halves = [
        plane.reshape(SIDE // 2, 2, SIDE // 2, 2).mean((1, 3)).round().astype(np.uint8) for plane in chroma
    ]
    return luma.tobytes() + b"".join(half.tobytes() for half in halves)
