"""What one more guest of a gathering costs: CPU time of the room's process, guests in another.

Run with `visavis bench gathering --json`. Guests send a quiet microphone, so each is decoded, listened to and
mixed. `--players` measures WHEP players of a show instead, who have an encoder each and no microphone.
Times are told for each packet handed out, so they hold on a busy machine, too; the fps does not.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.join import open_room

REST_S = 1.0


async def measure(url: str, count: int, seconds: float, kind: str) -> tuple[float, list[float]] | None:
    """Return milliseconds of CPU for each packet while `count` attend, and the fps of each.

    None when the room has no place for so many.
    """
    async with _attending(url, count, seconds, kind) as process:
        if await _line(process) != "ready":
            return None
        packets, cpu_s = await _packets(url), time.process_time()
        rates = json.loads(await _line(process))
        cpu_s = time.process_time() - cpu_s
        return 1000 * cpu_s / (await _packets(url) - packets), rates


async def _packets(url: str) -> float:
    """Return how many packets the room has handed out."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        lines = (await http.get("/metrics")).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("visavis_packets_total "))


@contextlib.asynccontextmanager
async def _attending(
    url: str, count: int, seconds: float, kind: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.guests", url, str(count), str(seconds), kind,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        await process.wait()


async def _line(process: asyncio.subprocess.Process) -> str:
    if process.stdout is None:
        raise RuntimeError("the guests' output is not read")
    return (await process.stdout.readline()).decode().strip()


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure one, two, … up to `--guests`."""
    kind = "players" if arguments.players else "guests"
    counts = list(range(1, arguments.guests + 1))
    costs_ms, slowest = [], []
    async with open_room(arguments.host) as url:
        for count in counts:
            measured = await measure(url, count, arguments.seconds, kind)
            if measured is None:
                break
            cost_ms, rates = measured
            costs_ms.append(round(cost_ms, 2))
            slowest.append(round(min(rates), 1))
            await asyncio.sleep(REST_S)
    counts = counts[: len(costs_ms)]
    slope = np.polyfit(counts, costs_ms, 1)[0] if len(counts) > 1 else float("nan")
    return {
        "benchmark": "gathering",
        "host": arguments.host,
        "kind": kind,
        "cpu_ms_per_packet": dict(zip(counts, costs_ms, strict=True)),
        "one_more_ms": round(float(slope), 2),
        "slowest_fps": dict(zip(counts, slowest, strict=True)),
        "load_average": round(os.getloadavg()[0], 2),
    }


def main(argv: list[str] | None = None) -> None:
    """Print what a guest costs."""
    parser = argparse.ArgumentParser(prog="gathering", description=__doc__.splitlines()[0])
    parser.add_argument("--host", choices=("real", "fake"), default="real")
    parser.add_argument("--guests", type=int, choices=(2, 3, 4), default=3, help="at most")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each number of guests")
    parser.add_argument("--players", action="store_true", help="players of a show instead of guests")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    arguments = parser.parse_args(argv)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(run(arguments))
    if arguments.json:
        print(json.dumps(figures))
        return
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, str(value))
    Console().print(table)


if __name__ == "__main__":
    main()
