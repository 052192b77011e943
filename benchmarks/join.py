"""How long joining takes: from the click in a real Chromium to the first decoded picture.

Run with `visavis bench join --json`, or `python -m benchmarks.join`. It opens a room of its own, with the
real host or the fake one; `--url` measures a room that is open already. The first join of a new browser is
cold: code, fonts and codecs are loaded on the way. The others are warm.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.browser.chromium import Chromium, Page
from streaming.config import RoomConfig
from streaming.contract import Host
from streaming.fakes import FakeHost
from streaming.server import room_server, served_port

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_S = 120.0
REST_S = 1.0
"""Between two joins, so that the place is free again and the machine is quiet."""


@dataclass(frozen=True, slots=True)
class Join:
    """One join: milliseconds from the click to each step; the last is the first decoded picture."""

    stages_ms: dict[str, float]

    @property
    def total_ms(self) -> float:
        """Return the whole wait."""
        return self.stages_ms["first-frame"]


async def measure(url: str, browser: str, joins: int) -> list[Join]:
    """Join and leave `joins` times in one new browser; the first is cold."""
    async with Chromium(browser) as chromium:
        page = await chromium.open(url)
        await page.wait_for("document.body.dataset.ready", PATIENCE_S)
        return [await _join_once(page) for _ in range(joins)]


async def _join_once(page: Page) -> Join:
    await page.click("#join-text")
    await page.wait_for("visavis.joinMs !== null && visavis.frames > 0", PATIENCE_S)
    stages_ms: dict[str, float] = await page.evaluate("visavis.joinStages")
    await page.click("#leave")
    await asyncio.sleep(REST_S)
    del stages_ms["click"]
    return Join({name: round(ms, 1) for name, ms in stages_ms.items()})


@contextlib.asynccontextmanager
async def open_host(kind: str) -> AsyncIterator[Host]:
    """Open the fake host, or the real one with the mind that repeats: joining asks it nothing."""
    host: Host
    if kind == "fake":
        host = FakeHost()
    else:
        from agent.config import load_config
        from agent.host import ConversationHost

        host = await ConversationHost.open(load_config("echo"))
    try:
        yield host
    finally:
        await host.aclose()


@contextlib.asynccontextmanager
async def open_room(kind: str) -> AsyncIterator[str]:
    """Open a room on a free port; give its address."""
    async with open_host(kind) as host:
        server = room_server(host, RoomConfig(port=0))
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110  (uvicorn announces its start by this flag alone)
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{served_port(server)}/"
        finally:
            server.should_exit = True
            await serving


def summary(host: str, joins: list[Join]) -> dict[str, Any]:
    """Return the figures: cold, and p50 and p95 of the warm joins, in milliseconds."""
    cold, warm = joins[0], joins[1:]
    totals = [join.total_ms for join in warm]
    stages = {
        name: round(float(np.median([j.stages_ms[name] for j in warm])), 1) for name in warm[0].stages_ms
    }
    return {
        "benchmark": "join",
        "host": host,
        "joins": len(joins),
        "cold_join_ms": cold.total_ms,
        "join_ms": round(float(np.median(totals)), 1),
        "join_p95_ms": round(float(np.percentile(totals, 95)), 1),
        "stages_p50_ms": stages,
        "load_average": round(os.getloadavg()[0], 2),
    }


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure as asked."""
    if arguments.url:
        return summary(arguments.url, await measure(arguments.url, arguments.browser, arguments.joins))
    async with open_room(arguments.host) as url:
        return summary(arguments.host, await measure(url, arguments.browser, arguments.joins))


def main(argv: list[str] | None = None) -> None:
    """Print how long joining takes."""
    parser = argparse.ArgumentParser(prog="join", description=__doc__.splitlines()[0])
    parser.add_argument("--host", choices=("real", "fake"), default="real")
    parser.add_argument("--url", help="a room that is open already")
    parser.add_argument("--joins", type=_several, default=8, help="at least 2; the first is cold")
    parser.add_argument("--browser", default=next(filter(None, map(shutil.which, BROWSERS)), None))
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    arguments = parser.parse_args(argv)
    if arguments.browser is None:
        parser.error(f"no browser found; looked for {', '.join(BROWSERS)}; name one with --browser")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(run(arguments))
    console = Console()
    if arguments.json:
        print(json.dumps(figures))
        return
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, str(value))
    console.print(table)


def _several(text: str) -> int:
    joins = int(text)
    if joins < 2:
        raise argparse.ArgumentTypeError("two joins at least: one cold, one warm")
    return joins


if __name__ == "__main__":
    main()
