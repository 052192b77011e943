"""A picture stage of one's own, driven by speech: `python examples/own_picture.py speech.wav mouth.mp4`.

It draws a mouth that opens with the jaw and widens with a smile. Whatever fills `PictureStage` can take its
place, in a room as well as in a file.
"""

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

import numpy as np
import soundfile

from engine.compute import ThreadCompute
from engine.render import Speech, render
from models.motion.diffusion.stage import DiffusionMotion
from models.motion.frame import EXPRESSION_INDEX, MotionFrame
from models.picture import Picture, Tier


class Mouth:
    """Draws nothing but a mouth. State: none."""

    def __init__(self, size: int = 256) -> None:
        self.size = size
        self._y, self._x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]

    def init_state(self) -> None:
        """Nothing is remembered."""

    def step(self, motion: MotionFrame, state: None, tier: Tier) -> tuple[Picture, None]:
        """Return a picture [size, size, 3]."""
        opening = 0.06 + 0.6 * motion.expression[EXPRESSION_INDEX["jawOpen"]]
        width = 0.4 + 0.2 * motion.expression[EXPRESSION_INDEX["mouthSmileLeft"]]
        picture = np.full((self.size, self.size, 3), (236, 202, 180), np.uint8)
        picture[(self._x / width) ** 2 + (self._y / opening) ** 2 < 1] = (120, 30, 40)
        return picture, None


async def main(recording: Path, path: Path) -> None:
    """Render the mouth saying what is in a sound file."""
    pcm, rate_hz = soundfile.read(recording, dtype="int16", always_2d=True)
    async with aclosing(ThreadCompute()) as compute:
        speech = Speech(pcm[:, 0].copy(), rate_hz)
        done = await render([speech], path, motion=DiffusionMotion(), picture=Mouth(), compute=compute)
    print(f"{done.frames} frames in {done.path}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
