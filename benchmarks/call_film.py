"""A film and a voice for a browser: the default avatar moves its mouth by plan, before a fake camera."""

import wave
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from benchmarks.speechlike import speechlike
from models.avatar import load_avatar
from models.home import avatars_root
from models.motion.frame import FPS, MotionFrame
from models.picture import Tier
from models.portrait.create import DEFAULT_NAME
from models.warp import WarpPicture

SECONDS: Final = 4
"""The film is played again and again."""
VOICE_S: Final = 150.0
"""Longer than what is measured, for a browser plays it once."""
WIDTH, HEIGHT = 480, 480
RATE_HZ: Final = 48_000
OPENINGS_S: Final = (0.5, 0.8, 2.4, 2.9, 3.1)
"""When the mouth begins to open, for a quarter of a second; at no even beat: no shift fits by chance."""


def write_film(folder: Path) -> Path:
    """Write the film as YUV4MPEG2 and return its path."""
    avatar = load_avatar(avatars_root() / DEFAULT_NAME)
    warp = WarpPicture(avatar)
    state, path = warp.init_state(), folder / "film.y4m"
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(SECONDS * FPS):
            jaw = _opening(number / FPS)
            motion = MotionFrame.named({"jawOpen": 0.75 * jaw, "mouthLowerDown": 0.3 * jaw})
            picture, state = warp.step(motion, state, Tier.WARP)
            file.write(b"FRAME\n" + _yuv(picture))
    return path


def write_voice(folder: Path) -> Path:
    """Write a sound like speech as a WAV file and return its path."""
    path = folder / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(speechlike(VOICE_S, RATE_HZ).astype("<i2").tobytes())
    return path


def _opening(at_s: float) -> float:
    """Return how open the mouth is, 0..1."""
    return max(float(np.sin(np.pi * np.clip((at_s - begin) / 0.25, 0, 1))) for begin in OPENINGS_S)


def _yuv(picture: np.ndarray) -> bytes:
    image = Image.fromarray(picture).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).convert("YCbCr")
    luma, *chroma = (np.asarray(plane) for plane in image.split())
    halves = [
        plane.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean((1, 3)).round().astype(np.uint8) for plane in chroma
    ]
    return luma.tobytes() + b"".join(half.tobytes() for half in halves)
