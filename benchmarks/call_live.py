"""Two browsers call each other through a room of this machine: how late, how steady, on good lines and bad.

One has a camera: a film of the default avatar, drawn for this, whose mouth opens every two seconds. Both
pages look at the mouth as often as a picture is shown, the sender's in what its camera gives, the receiver's
in what comes; how far the two curves lie apart is the whole way from glass to glass. Both read one clock.

    glass_to_glass_ms   shift at which the mouths agree best, `agreement` how well; p50 and p95 are over
                        stretches of four seconds, each with a shift of its own
    longest_freeze_ms   longest time between two different pictures while the mouth moved
    motion_kbps         on the data channel, headers counted, as the sending page reckons
    voice_kbps          Opus and its headers
    pictures_per_s      that the receiver was shown

Packets of motion are dropped where they leave the page. On a machine without a free core for each browser and
one for the room, what is measured is the machine.
"""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float64

from benchmarks.browser.chromium import Chromium, Page
from benchmarks.call_film import write_film, write_voice
from benchmarks.join import open_room
from models.avatar import read_ownership
from models.home import avatars_root
from models.portrait.create import DEFAULT_NAME

LINES: Final = {"clear": "false", "loss 10 %": "Math.random() < 0.1", "loss 30 %": "Math.random() < 0.3"}
OUTAGE_S: Final = 2.0
PATIENCE_S: Final = 90.0
GRID_MS: Final = 5.0
LONGEST_MS: Final = 1500.0
AGREES: Final = 0.5
"""Of mouths that agree less, as where too few pictures are shown, the shift says nothing: it is null."""
STRETCH_MS: Final = 4000.0
"""Long enough for every opening of the film's mouth."""
CALL: Final = "bench"
MOUTH: Final = (0.36, 0.28, 0.28, 0.22)
"""Left, top, width and height of the part of the picture in which the mouth moves."""

_LOOK_JS: Final = """(() => {
  const video = document.querySelector(%(selector)r);
  const canvas = new OffscreenCanvas(24, 24);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const [x, y, w, h] = %(box)s;
  window.seen = [];
  const look = () => {
    const { videoWidth: W, videoHeight: H } = video;
    const side = Math.min(W, H);
    const [left, top] = [(W - side) / 2, (H - side) / 2];
    context.drawImage(video, left + x * side, top + y * side, w * side, h * side, 0, 0, 24, 24);
    const { data } = context.getImageData(0, 0, 24, 24);
    let dark = 0;
    for (let i = 0; i < data.length; i += 4) dark += data[i] + data[i + 1] + data[i + 2] < 150;
    window.seen.push([performance.timeOrigin + performance.now(), dark]);
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
})()"""

Curve = Float64[np.ndarray, "pictures 2"]
"""When each picture was shown, in milliseconds, and how many dark points its mouth had."""


async def measure_live(seconds: float) -> dict[str, Any]:
    """Call, and return the figures of each line."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise RuntimeError("a Chromium is needed; on Debian or Ubuntu: apt-get install chromium")
    _check_default()
    with tempfile.TemporaryDirectory(prefix="visavis-live-") as scratch:
        folder = Path(scratch)
        async with open_room("real") as link, _pages(path, folder, link) as (sender, receiver):
            found: dict[str, Any] = {"seconds": seconds, "lines": {}}
            for name, drops in LINES.items():
                await _drop(sender, drops)
                found["lines"][name] = await _measure(sender, receiver, seconds)
            found["lines"]["outage 2 s"] = await _outage(sender, receiver, seconds)
            return found


def _check_default() -> None:
    """Raise `RuntimeError` when the default avatar is there and nobody may drive it."""
    folder = avatars_root() / DEFAULT_NAME
    if folder.is_dir() and not read_ownership(folder).is_open:
        raise RuntimeError(f"nobody may drive the avatar in {folder}; move it away, and it is made anew")


@asynccontextmanager
async def _pages(path: str, folder: Path, link: str) -> AsyncIterator[tuple[Page, Page]]:
    """Open both pages, and let them call."""
    film, voice = await asyncio.to_thread(write_film, folder), write_voice(folder)
    camera = (f"--use-file-for-fake-video-capture={film}",)
    async with (
        Chromium(path, microphone_wav=voice, flags=camera) as one,
        Chromium(path, microphone_wav=voice) as other,
    ):
        address = f"{link}?call={CALL}"
        sender, receiver = await one.open(address), await other.open(address)
        for page, button in ((sender, "#join"), (receiver, "#join-text")):
            await page.wait_for("document.body.dataset.ready && visavis.call.hasTracker", PATIENCE_S)
            await page.click(button)
            await page.wait_for("visavis.phase === 'live'", PATIENCE_S)
        await sender.wait_for("visavis.call.retarget.calibrated === 1", PATIENCE_S)
        await receiver.wait_for("document.body.dataset.how === 'tracked'", PATIENCE_S)
        for page, selector in ((sender, "#self-video"), (receiver, "#video")):
            await page.evaluate(_LOOK_JS % {"selector": selector, "box": json.dumps(MOUTH)})
        yield sender, receiver


async def _drop(sender: Page, condition: str) -> None:
    """Let packets of motion be lost where JavaScript says so."""
    await sender.evaluate(
        "(() => { const line = visavis.call.line; line.whole ??= line.sendMotion.bind(line);"
        f" line.sendMotion = (packet) => ({condition}) || line.whole(packet); }})()"
    )


async def _measure(sender: Page, receiver: Page, seconds: float) -> dict[str, float | None]:
    for page in (sender, receiver):
        await page.evaluate("window.seen = []; undefined")
    await asyncio.sleep(seconds)
    filmed, shown = [np.array(await page.evaluate("window.seen"), np.float64) for page in (sender, receiver)]
    lag_ms, agreement = shift(filmed, shown)
    kbps = await sender.evaluate("visavis.call.sentKbps")
    return {
        "glass_to_glass_ms": lag_ms if agreement >= AGREES else None,
        **spread(filmed, shown),
        "agreement": round(agreement, 3),
        "longest_freeze_ms": longest_freeze_ms(filmed, shown, lag_ms) if agreement >= AGREES else None,
        "pictures_per_s": round(len(shown) / seconds, 1),
        "tracked_ms": round(await sender.evaluate("visavis.call.camera.trackMs"), 1),
        "motion_kbps": round(kbps["motion"], 2),
        "voice_kbps": round(kbps["voice"], 2),
    }


async def _outage(sender: Page, receiver: Page, seconds: float) -> dict[str, float | None]:
    """Lose everything for two seconds, then measure what comes after."""
    await _drop(sender, "true")
    await asyncio.sleep(OUTAGE_S)
    how = await receiver.evaluate("document.body.dataset.how")
    await _drop(sender, "false")
    await receiver.wait_for("document.body.dataset.how === 'tracked'", PATIENCE_S)
    return {"degraded_to_voice": float(how == "voice"), **await _measure(sender, receiver, seconds)}


def shift(filmed: Curve, shown: Curve) -> tuple[float, float]:
    """Return how many milliseconds later the mouth is shown than filmed, and how well both agree."""
    begin, end = max(filmed[0, 0], shown[0, 0]), min(filmed[-1, 0], shown[-1, 0])
    grid = np.arange(begin, end - LONGEST_MS, GRID_MS)
    true = _standard(np.interp(grid, filmed[:, 0], filmed[:, 1]))
    lags = np.arange(0.0, LONGEST_MS, GRID_MS)
    fits = [float(np.mean(true * _standard(np.interp(grid + lag, *shown.T)))) for lag in lags]
    best = int(np.argmax(fits))
    return float(lags[best]), fits[best]


def spread(filmed: Curve, shown: Curve) -> dict[str, float | None]:
    """Return p50 and p95 of the shift over stretches, half of each shared with the next."""
    end = min(filmed[-1, 0], shown[-1, 0]) - LONGEST_MS
    begins = np.arange(max(filmed[0, 0], shown[0, 0]), end - STRETCH_MS + 1, STRETCH_MS / 2)
    found = [
        shift(*(_within(curve, begin, begin + STRETCH_MS + LONGEST_MS) for curve in (filmed, shown)))
        for begin in begins
    ]
    shifts = [lag_ms for lag_ms, agreement in found if agreement >= AGREES]
    return {f"glass_to_glass_p{q}_ms": float(np.percentile(shifts, q)) if shifts else None for q in (50, 95)}


def _within(curve: Curve, begin_ms: float, end_ms: float) -> Curve:
    return curve[(curve[:, 0] >= begin_ms) & (curve[:, 0] <= end_ms)]


def longest_freeze_ms(filmed: Curve, shown: Curve, lag_ms: float) -> float:
    """Return the longest time in which the mouth that is shown stood after the filmed one had moved on."""
    spread = max(float(np.ptp(shown[:, 1])), 1.0)
    moves = 0.06 * max(float(np.ptp(filmed[:, 1])), 1.0)
    longest, start = 0.0, 0
    for i in range(1, len(shown)):
        if abs(shown[i, 1] - shown[start, 1]) > 0.02 * spread:
            start = i
            continue
        during = _within(filmed, shown[start, 0] - lag_ms, shown[i, 0] - lag_ms)
        # A mouth that is shut for a second stands rightly: time counts from the first movement on.
        moved = during[np.abs(during[:, 1] - during[0, 1]) > moves] if len(during) else during
        if len(moved):
            longest = max(longest, shown[i, 0] - lag_ms - moved[0, 0])
    return round(longest)


def _standard(values: Float64[np.ndarray, "moments"]) -> Float64[np.ndarray, "moments"]:
    return (values - values.mean()) / max(float(values.std()), 1e-9)
