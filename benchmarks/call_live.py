"""Calls through a room of this machine, to a real Chromium: how late, how steady, on good lines and bad.

Whoever is called sits before a browser, which draws nothing and sends nothing: its page joins without a
microphone. Who calls is filmed (`call_film`): the mouth opens at no even beat, and the voice is loud then.
There are three ways to call:

    browser   another Chromium with the film as its camera, tracked in the page, with the others' picture off
    program   `visavis call send --video`, into the room over WebRTC
    mqtt      the same over a real mosquitto, bridged by `visavis call join --page`

Mouth and voice are watched where they come from and where they are shown, by one clock. How far two curves of
the mouth lie apart is the whole way from glass to glass; see `live_figures` for the others:

    glass_to_glass_ms   shift at which the mouths agree best, `agreement` how well; p50 and p95 are over
                        stretches of four seconds
    mouth_to_ear_ms     the same of the voice
    desync_ms           the one less the other; `_end` of the last eight seconds
    longest_freeze_ms   longest time in which nothing moved in the face that is shown; in the film something
                        always does
    pictures_per_s      that the receiver was shown; `tier` is the one at the end
    call_delay_ms       how much later than its soonest arrival the room plays the voice
    tracked_ms          one look of the tracker
    motion_kbps         on the data channel, headers counted; of programs without headers

On bad lines datagrams of the caller are dropped at the room's socket, in both directions, voice and motion
alike; over MQTT the caller withholds packets, and in the outage the broker is stopped. What is measured on a
machine without two free cores is the machine: look at pictures_per_s.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.browser.chromium import Chromium, Page
from benchmarks.call_bridge import CALL, PATIENCE_S, Bridge
from benchmarks.call_film import write_film, write_talk, write_voice
from benchmarks.call_loss import LossyWay
from benchmarks.call_senders import TAP, BrowserSender, ProgramSender, Sender, collect
from benchmarks.join import open_room
from benchmarks.live_figures import figures
from models.avatar import read_ownership
from models.home import avatars_root
from models.portrait.create import DEFAULT_NAME

LINES: Final = {"clear": 0.0, "loss 10 %": 0.1, "loss 30 %": 0.3}
OUTAGE_S: Final = 2.0
SETTLE_S: Final = 4.0
"""After a line has changed, until it is measured."""
WINDOW: Final = (400, 520)
"""Of the receiver's browser: a phone's."""


async def measure_live(ways: tuple[str, ...], seconds: float) -> dict[str, Any]:
    """Call each way, and return the figures of each line.

    Raises:
        RuntimeError: no Chromium is there, or nobody may drive the default avatar.
    """
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise RuntimeError("a Chromium is needed; on Debian or Ubuntu: apt-get install chromium")
    _check_default()
    found: dict[str, Any] = {"seconds": seconds}
    for way in ways:
        found[way] = await _measure_way(way, path, seconds)
    return found


def _check_default() -> None:
    """Raise `RuntimeError` when the default avatar is there and nobody may drive it."""
    folder = avatars_root() / DEFAULT_NAME
    if folder.is_dir() and not read_ownership(folder).is_open:
        raise RuntimeError(f"nobody may drive the avatar in {folder}; move it away, and it is made anew")


async def _measure_way(way: str, chromium: str, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="visavis-live-") as scratch:
        opened = (
            _bridged(chromium, Path(scratch)) if way == "mqtt" else _in_room(way, chromium, Path(scratch))
        )
        async with opened as (sender, receiver):
            lines = {}
            for name, share in LINES.items():
                await sender.lose(share)
                await asyncio.sleep(SETTLE_S)
                lines[name] = await _measure(sender, receiver, seconds)
            await sender.lose(0.0)
            await asyncio.sleep(SETTLE_S)
            lines["outage 2 s"] = await _outage(sender, receiver, seconds)
            return lines


@asynccontextmanager
async def _in_room(way: str, chromium: str, folder: Path) -> AsyncIterator[tuple[Sender, Page]]:
    """Let a browser or a program call another browser, in a room of this process."""
    lossy = LossyWay()
    async with AsyncExitStack() as stack:
        stack.enter_context(lossy.installed())
        link = f"{await stack.enter_async_context(open_room('real'))}?call={CALL}"
        film, voice = await asyncio.to_thread(write_film, folder), write_voice(folder)
        sender: Sender
        if way == "browser":
            camera = (f"--use-file-for-fake-video-capture={film}",)
            one = Chromium(chromium, microphone_wav=voice, flags=camera)
            sender = await BrowserSender.join(await stack.enter_async_context(one), link, lossy)
        else:
            talk = await asyncio.to_thread(write_talk, folder)
            sender = await stack.enter_async_context(ProgramSender.open(link, talk, lossy))
        other = await stack.enter_async_context(Chromium(chromium, permissions=False))
        receiver = await _receive(other, link)
        lossy.spare(await ports(receiver))
        await sender.ready()
        yield sender, receiver


@asynccontextmanager
async def _bridged(chromium: str, folder: Path) -> AsyncIterator[tuple[Sender, Page]]:
    """Let a program call over a broker; `visavis call join --page` shows it to a browser."""
    talk = await asyncio.to_thread(write_talk, folder)
    async with (
        Bridge.open(folder) as bridge,
        ProgramSender.open(bridge.via, talk, bridge) as sender,
        Chromium(chromium, permissions=False) as other,
    ):
        receiver = await _receive(other, await bridge.link())
        await sender.ready()
        yield sender, receiver


async def _receive(browser: Chromium, link: str) -> Page:
    """Open the page of who is called, and begin to watch."""
    page = await browser.open(link)
    await page.look(*WINDOW)
    await page.wait_for("document.body.dataset.ready", PATIENCE_S)
    has_tracker = await page.evaluate("visavis.call.hasTracker")
    await page.click("#join-text" if has_tracker else "#join")
    await page.wait_for("visavis.phase === 'live'", PATIENCE_S)
    await page.wait_for("document.body.dataset.how === 'tracked'", PATIENCE_S)
    await page.evaluate(TAP.read_text())
    await page.evaluate(
        "tap.look('#video');"
        " tap.hear(document.querySelector('#video').srcObject.getAudioTracks()[0]); undefined"
    )
    return page


async def ports(page: Page) -> list[int]:
    """Return the UDP ports that a page's call may come from."""
    found: list[int] = await page.evaluate(
        "(async () => [...(await visavis.call.line.pc.getStats()).values()]"
        ".filter((report) => report.type === 'local-candidate').map((report) => report.port))()"
    )
    return found


async def _measure(sender: Sender, receiver: Page, seconds: float) -> dict[str, float | None]:
    await asyncio.gather(sender.collect(), receiver.evaluate("tap.collect(); undefined"))
    await asyncio.sleep(seconds)
    return await _figures(sender, receiver, seconds)


async def _figures(sender: Sender, receiver: Page, seconds: float) -> dict[str, float | None]:
    sent = await sender.collect()
    got = await collect(receiver)
    room = await receiver.evaluate("visavis.room")
    return {
        **figures(sent, got),
        "pictures_per_s": round(len(got.mouth) / seconds, 1),
        **{name: round(room[name], 1) for name in ("call_delay_ms", "tier")},
        **{name: round(value, 2) for name, value in (await sender.state()).items()},
    }


async def _outage(sender: Sender, receiver: Page, seconds: float) -> dict[str, float | None]:
    """Lose everything for two seconds, then measure what comes after."""
    begun_s = asyncio.get_running_loop().time()
    await sender.interrupt(OUTAGE_S)
    how = await receiver.evaluate("document.body.dataset.how")
    await receiver.wait_for("document.body.dataset.how === 'tracked'", PATIENCE_S)
    back_ms = 1000 * (asyncio.get_running_loop().time() - begun_s - OUTAGE_S)
    found = await _measure(sender, receiver, seconds)
    return {"degraded": float(how != "tracked"), "back_after_ms": round(back_ms), **found}
