"""A program that calls, as `visavis call send --video` does, and tells what it films and says, and when.

`python -m benchmarks.call_sender --via LINK --name NAME --avatar NAME --film FILE`: the film never ends.
Each line of the output is JSON: `["mouth", ms, openness]` for a picture, `["sound", ms, rms]` for 20 ms, and
`["state", {...}]`. `lose 0.3` on the input lets that share of packets go; the end of the input ends it.
"""

import argparse
import asyncio
import itertools
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Int16, UInt8

from agent.calling.line import open_end
from agent.calling.send import Sent, send
from agent.calling.source import Moment, in_time, read_file
from benchmarks.call_film import SECONDS
from models.avatar import POSTER, load_avatar
from models.home import avatars_root
from models.tracking.tracker import FaceTracker
from streaming.calls.end import CallCard, CallEnd

MOUTH: Final = (0.42, 0.385, 0.14, 0.095)
"""Left, top, width and height of the film's mouth."""
SOUND_S: Final = 0.02


class Withholding:
    """A `CallEnd` that lets a share of what it is given go."""

    def __init__(self, end: CallEnd) -> None:
        self._end, self._random, self.share = end, random.Random(7), 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._end, name)

    def send_motion(self, packet: bytes) -> None:
        """Send it, or not."""
        if self._random.random() >= self.share:
            self._end.send_motion(packet)

    def send_voice(self, pcm: Int16[np.ndarray, "samples"], rate_hz: int, at_s: float) -> None:
        """Send it, or not."""
        if self._random.random() >= self.share:
            self._end.send_voice(pcm, rate_hz, at_s)


class TimedTracker(FaceTracker):
    """Notes how long it looks."""

    took_ms = 0.0

    def see(self, picture: UInt8[np.ndarray, "height width 3"], time_ms: int) -> Any:
        """Look; see `Tracker`."""
        begun_s = time.perf_counter()
        face = super().see(picture, time_ms)
        self.took_ms += 0.1 * (1000 * (time.perf_counter() - begun_s) - self.took_ms)
        return face


def film(path: Path) -> Iterator[Moment]:
    """Yield the film for ever."""
    for turn in itertools.count():
        for moment in read_file(path):
            yield replace(moment, at_s=moment.at_s + turn * SECONDS)


def openness(picture: UInt8[np.ndarray, "height width 3"]) -> float:
    """Return how little green the mouth has, 0..1: less, the wider it is open; the twin of `call_tap.js`."""
    height, width = picture.shape[:2]
    left, top, w, h = MOUTH
    rows, columns = slice(round(top * height), round((top + h) * height)), slice(round(left * width), None)
    return 1.0 - float(picture[rows, columns][:, : round(w * width), 1].mean()) / 255


async def told(moments: AsyncIterator[Moment]) -> AsyncIterator[Moment]:
    """Tell of each moment when it is due."""
    async for moment in moments:
        now_ms = 1000 * time.time()
        if moment.picture is not None:
            _tell("mouth", now_ms, openness(moment.picture))
        elif moment.pcm is not None:
            size = round(SOUND_S * moment.rate_hz)
            for number, begin in enumerate(range(0, len(moment.pcm) - size + 1, size)):
                piece = moment.pcm[begin : begin + size].astype(np.float32) / 32768
                _tell("sound", now_ms + 1000 * number * SOUND_S, float(np.sqrt(np.mean(piece**2))))
        yield moment


async def call(via: str, name: str, avatar: str, path: Path) -> None:
    """Call until the input ends."""
    folder = avatars_root() / avatar
    card = CallCard(name, load_avatar(folder).title, "", (folder / POSTER).read_bytes())
    end = Withholding(await open_end(via, name=name, avatar=avatar))
    with TimedTracker() as tracker:

        def report(sent: Sent) -> None:
            kbps = 0.008 * sent.motion_bytes / max(sent.seconds, 1.0)
            state = {"calibrated": sent.calibrated, "tracked": sent.tracked, "pictures": sent.pictures}
            _tell("state", {**state, "tracked_ms": tracker.took_ms, "payload_kbps": kbps})

        await end.introduce(card)
        sending = asyncio.create_task(
            send(told(in_time(film(path), is_live=False)), tracker, end, report=report)
        )
        try:
            await _obey(end, sending)
        finally:
            sending.cancel()
            await asyncio.wait([sending])
            await end.aclose()


async def _obey(end: Withholding, sending: asyncio.Task[Any]) -> None:
    """Follow the orders of the input to its end, unless sending fails."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while True:
        reading = asyncio.create_task(reader.readline())
        await asyncio.wait([reading, sending], return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            reading.cancel()
            sending.result()
            return
        order = reading.result().decode().split()
        if not order:
            return
        end.share = float(order[1])


def _tell(*words: Any) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--via", "--name", "--avatar"):
        parser.add_argument(option, required=True)
    parser.add_argument("--film", type=Path, required=True)
    options = parser.parse_args()
    asyncio.run(call(options.via, options.name, options.avatar, options.film))
