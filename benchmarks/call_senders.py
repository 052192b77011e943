"""Who calls in a live measurement: a browser, or a program, over WebRTC or a broker."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Protocol, Self

import numpy as np

from benchmarks.browser.chromium import Chromium, Page
from benchmarks.call_bridge import CALLER, PATIENCE_S, Bridge
from benchmarks.call_loss import LossyWay
from benchmarks.live_figures import Curves
from models.portrait.create import DEFAULT_NAME

SMALL: Final = (400, 400)
"""The caller's window: its page shows the camera alone."""
TAP: Final = Path(__file__).with_name("call_tap.js")


class Sender(Protocol):
    """Who calls."""

    async def ready(self) -> None:
        """Wait until the face is known, and begin to watch."""
        ...

    async def collect(self) -> Curves:
        """Return what was filmed and said since the last time."""
        ...

    async def state(self) -> dict[str, float]:
        """Return figures of tracking and sending."""
        ...

    async def lose(self, share: float) -> None:
        """Let such a share of the packets be lost from now on."""
        ...

    async def interrupt(self, seconds: float) -> None:
        """Let nothing come through for so long."""
        ...


class BrowserSender:
    """A page whose camera is tracked in it, and which does not show the others."""

    def __init__(self, page: Page, lossy: LossyWay) -> None:
        self._page, self._lossy = page, lossy

    @classmethod
    async def join(cls, browser: Chromium, link: str, lossy: LossyWay) -> Self:
        """Open a page and let it call."""
        page = await browser.open(link)
        await page.look(*SMALL)
        await page.wait_for("document.body.dataset.ready && visavis.call.hasTracker", PATIENCE_S)
        await page.click("#join")
        await page.wait_for("visavis.phase === 'live'", PATIENCE_S)
        await page.click("#picture-toggle")
        return cls(page, lossy)

    async def ready(self) -> None:
        """Wait for the calibration; see `Sender`."""
        await self._page.wait_for("visavis.call.retarget.calibrated === 1", PATIENCE_S)
        await self._page.evaluate(TAP.read_text())
        await self._page.evaluate(
            "tap.film(visavis.call.camera.stream.getVideoTracks()[0]);"
            " tap.hear(visavis.call.line.sound.sender.track); undefined"
        )

    async def collect(self) -> Curves:
        """Return the camera's and the microphone's curves; see `Sender`."""
        return await collect(self._page)

    async def state(self) -> dict[str, float]:
        """Return what the page reckons; see `Sender`."""
        kbps = await self._page.evaluate("visavis.call.sentKbps")
        tracked_ms = await self._page.evaluate("visavis.call.camera.trackMs")
        return {"tracked_ms": tracked_ms, "motion_kbps": kbps["motion"], "voice_kbps": kbps["voice"]}

    async def lose(self, share: float) -> None:
        """Lose datagrams at the room; see `Sender`."""
        self._lossy.share = share

    async def interrupt(self, seconds: float) -> None:
        """Lose all datagrams; see `Sender`."""
        await _without(self._lossy, seconds)


async def collect(page: Page) -> Curves:
    """Return what a page that is watched saw and heard since the last time."""
    found = await page.evaluate("tap.collect()")
    mouth, sound = (np.array(found[name], np.float64).reshape(-1, 2) for name in ("mouth", "sound"))
    return Curves(mouth, sound, np.array(found["moved"], np.float64))


async def _without(lossy: LossyWay, seconds: float) -> None:
    lossy.share = 1.0
    await asyncio.sleep(seconds)
    lossy.share = 0.0


class ProgramSender:
    """`benchmarks.call_sender` in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, way: LossyWay | Bridge) -> None:
        self._process, self._way = process, way
        self._mouth: list[list[float]] = []
        self._sound: list[list[float]] = []
        self._state: dict[str, float] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, via: str, film: Path, way: LossyWay | Bridge) -> AsyncIterator[Self]:
        """Start the process, and end it."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.call_sender", "--via", via, "--name", CALLER,
            "--avatar", DEFAULT_NAME, "--film", str(film),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        sender = cls(process, way)
        listening = asyncio.create_task(sender._listen())
        try:
            yield sender
        finally:
            if process.stdin is not None:
                process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()
            await asyncio.wait([listening])

    async def ready(self) -> None:
        """Wait for the calibration; see `Sender`."""
        async with asyncio.timeout(PATIENCE_S):
            while self._state.get("calibrated", 0.0) < 1.0:
                if self._process.returncode is not None:
                    raise RuntimeError(f"the calling program ended with {self._process.returncode}")
                await asyncio.sleep(0.1)

    async def collect(self) -> Curves:
        """Return the film's curves; see `Sender`."""
        mouth, sound = self._mouth, self._sound
        self._mouth, self._sound = [], []
        return Curves(*(np.array(curve, np.float64).reshape(-1, 2) for curve in (mouth, sound)))

    async def state(self) -> dict[str, float]:
        """Return what the program told last; see `Sender`."""
        looked = self._state["tracked"] / max(1.0, self._state["pictures"])
        return {
            "tracked_ms": self._state["tracked_ms"],
            "tracked_share": looked,
            "motion_kbps": self._state["payload_kbps"],
        }

    async def lose(self, share: float) -> None:
        """Lose datagrams at the room, or packets before the broker; see `Sender`."""
        if isinstance(self._way, LossyWay):
            self._way.share = share
        elif self._process.stdin is not None:
            self._process.stdin.write(f"lose {share}\n".encode())

    async def interrupt(self, seconds: float) -> None:
        """Lose all datagrams, or stop the broker; see `Sender`."""
        if isinstance(self._way, LossyWay):
            await _without(self._way, seconds)
        else:
            await self._way.pause(seconds)

    async def _listen(self) -> None:
        if self._process.stdout is None:
            raise RuntimeError("the calling program has no output")
        async for line in self._process.stdout:
            kind, *values = json.loads(line)
            if kind == "state":
                self._state = values[0]
            else:
                (self._mouth if kind == "mouth" else self._sound).append(values)
