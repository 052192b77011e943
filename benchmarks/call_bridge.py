"""A mosquitto, and behind it `visavis call join --page`, which shows to a browser who calls over it."""

import asyncio
import contextlib
import getpass
import re
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Self

CALL: Final = "bench"
CALLER: Final = "ann"
PATIENCE_S: Final = 90.0


class Bridge:
    """Both processes, as long as they run."""

    def __init__(
        self, broker: asyncio.subprocess.Process, via: str, room: asyncio.subprocess.Process
    ) -> None:
        self._broker, self._room = broker, room
        self.via = via
        """How to call."""

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[Self]:
        """Start both, and end them. Raises `RuntimeError` when there is no mosquitto."""
        path = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/opt/homebrew/sbin")
        if path is None:
            raise RuntimeError("a mosquitto is needed; on Debian or Ubuntu: apt-get install mosquitto")
        port, settings, preset = _free_port(), folder / "mosquitto.conf", folder / "room.yaml"
        settings.write_text(f"listener {port} 127.0.0.1\nuser {getpass.getuser()}\nallow_anonymous true\n")
        preset.write_text("mind: {kind: echo}\nroom: {port: 0}\n")
        at, quiet = f"mqtt://127.0.0.1:{port}/{CALL}", asyncio.subprocess.DEVNULL
        broker = await asyncio.create_subprocess_exec(path, "-c", str(settings), stderr=quiet)
        await _listens(port)
        room = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from agent.cli import main; main()", "call", "join", "--page",
            "--via", f"{at}?peer={CALLER}", "--name", "ben", "--config", str(preset),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            yield cls(broker, f"{at}?peer=ben", room)
        finally:
            for process in (room, broker):
                if process.returncode is None:
                    process.terminate()
                await process.wait()

    async def link(self) -> str:
        """Return the link of the room's page."""
        if self._room.stdout is None:
            raise RuntimeError("the room has no output")
        async with asyncio.timeout(PATIENCE_S):
            async for line in self._room.stdout:
                if found := re.search(r"http://\S+", line.decode()):
                    return found[0]
        raise RuntimeError(f"the room ended with {await self._room.wait()}")

    async def pause(self, seconds: float) -> None:
        """Stop the broker for so long; what came meanwhile it hands on then."""
        self._broker.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._broker.send_signal(signal.SIGCONT)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def _listens(port: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)
