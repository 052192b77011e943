"""One whole conversation in a real browser with a real server; what was seen and heard is kept as evidence.

visitor (spoken)   "What is the capital of France?"       ◄ Piper, through the fake microphone
avatar             "You said: What is the capital of …"
visitor (typed)    a sentence                             ► the avatar repeats it
visitor (typed)    a long text, interrupted while the avatar repeats it, by one more sentence
"""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from agent.piper_voice import PiperConfig, PiperVoice
from benchmarks.browser.chromium import Chromium, Page
from benchmarks.lips import MARKS, region_around
from models.avatar import load_avatar
from tests.browser.perception import Sound

QUESTION = "Good morning. What is the capital of France?"
TYPED = "The sun rises slowly over the quiet hills."
LONG = "This sentence goes on and on about many small boats that follow a wide river to a warm blue sea"
INTERRUPTION = "Thank you, that is enough for today."
MICROPHONE_HZ = 48_000
QUIET_BEFORE_S = 3.0
PATIENCE_S = 60.0
REST_S = 1.0
BROW = (107, 336, 9, 8)
"""Landmarks between the eyebrows: they move with the head, and do not speak."""
ROOT = Path(__file__).parents[2]
TAP = Path(__file__).with_name("tap.js")


@dataclass(frozen=True)
class Caption:
    """A caption as it stood on the page from `ms` on."""

    ms: float
    who: str
    text: str
    final: bool


@dataclass(frozen=True)
class Evidence:
    """What the page showed and played. Times in milliseconds of the page's clock."""

    sound: Sound
    patches: np.ndarray
    """Grey levels, [frames, height, regions, width]; the regions are mouth, brow and whole picture."""
    frame_ms: np.ndarray
    """When each picture was shown."""
    frame_count: np.ndarray
    """How many pictures had been shown by then."""
    captions: list[Caption]
    states: list[tuple[float, str]]
    sent_ms: list[float]
    """When each typed text was sent."""
    room: list[dict[str, float]]
    """What the server told of itself, about once a second."""
    inbound: dict[str, dict[str, Any]]
    """The browser's own figures of the received streams, by kind."""
    problems: list[str]
    server_log: str

    def finals(self, who: str) -> list[Caption]:
        """Return the captions of one side that were not changed any more, in order."""
        return [caption for caption in self.captions if caption.who == who and caption.final]

    def answers(self) -> list["Answer"]:
        """Return the avatar's answers in order, each from the silence after the text it answers."""
        begins = [self.sound.silent_from_ms(sent, for_ms=120) for sent in self.sent_ms]
        stretches = itertools.pairwise([self.sound.begin_ms, *begins, self.sound.end_ms])
        finals = self.finals("avatar")
        return [Answer(final.text, *stretch) for final, stretch in zip(finals, stretches, strict=True)]


@dataclass(frozen=True)
class Answer:
    """What the last caption of an answer says, and the stretch of time in which nothing else was heard."""

    text: str
    begin_ms: float
    end_ms: float


def meet(chromium: str, folder: Path) -> Evidence:
    """Hold the conversation; `folder` is for the avatar, the microphone's sound and the server's log."""
    return asyncio.run(_meet(chromium, folder))


def screenshots() -> Path:
    """Return the folder for pictures of the page: `$VISAVIS_SCREENSHOTS`, or `out/`, which git ignores."""
    folder = Path(os.environ.get("VISAVIS_SCREENSHOTS") or ROOT / "out")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def _meet(chromium: str, folder: Path) -> Evidence:
    question = folder / "question.wav"
    async with serving(folder) as link:
        await write_question(question)
        async with Chromium(chromium, microphone_wav=question) as browser:
            page = await enter(browser, link, folder)
            await converse(page, screenshots() / "conversation.png")
            collected = await page.evaluate("tap.collect()")
            await page.click("#leave")
            await page.wait_for("visavis.phase === 'lobby'")
    return _evidence(collected, page.problems, (folder / "server.log").read_text())


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[str]:
    """Run `visavis serve` on a free port with a home of its own; give the link it prints."""
    environment = {**os.environ, "VISAVIS_HOME": str(folder / "home"), "COLUMNS": "200"}
    with (folder / "server.log").open("wb") as log:
        server = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("visavis"), "serve", "--mind", "echo", "--port", "0",
            stdout=asyncio.subprocess.PIPE, stderr=log, env=environment,
        )  # fmt: skip
        try:
            async with asyncio.timeout(2 * PATIENCE_S):
                yield await _link(server)
        finally:
            if server.returncode is None:
                server.terminate()
            await server.wait()


async def _link(server: asyncio.subprocess.Process) -> str:
    assert server.stdout is not None
    async for line in server.stdout:
        if found := re.search(r"http://\S+", line.decode()):
            return found[0]
    raise RuntimeError(f"the server ended with {await server.wait()} before it printed a link")


async def write_question(path: Path) -> None:
    """Let Piper ask, after a silence in which the page connects."""
    voice = PiperVoice(PiperConfig())
    pieces = [piece async for piece in voice.speak(QUESTION)]
    await voice.aclose()
    spoken = np.concatenate([piece.pcm for piece in pieces]).astype(np.float32) / 32768
    spoken = soxr.resample(spoken, pieces[0].sample_rate_hz, MICROPHONE_HZ)
    quiet = np.zeros(round(QUIET_BEFORE_S * MICROPHONE_HZ), np.float32)
    soundfile.write(path, np.concatenate([quiet, spoken, quiet]), MICROPHONE_HZ, "PCM_16")


async def enter(browser: Chromium, link: str, folder: Path) -> Page:
    """Open the page, join with the microphone, and begin to watch."""
    avatar = load_avatar(folder / "home" / "avatars" / "eileen")
    regions = [
        *(region_around(avatar.marks[list(marks)] / avatar.side) for marks in (MARKS, BROW)),
        [0, 0, 1, 1],
    ]
    page = await browser.open(link)
    await page.evaluate(TAP.read_text())
    await page.wait_for("document.body.dataset.ready")
    await page.click("#join")
    await page.wait_for("visavis.phase === 'live' && visavis.frames > 3", PATIENCE_S)
    await page.evaluate(f"tap.start({json.dumps(regions)})")
    return page


async def converse(page: Page, screenshot: Path) -> None:
    """Say everything, each after the answer before it, but the last, which interrupts."""
    await _answered(page, 1)
    await say(page, TYPED)
    await _answered(page, 2)
    await say(page, LONG)
    await page.wait_for("tap.soundingMs() > 800", PATIENCE_S)
    await say(page, INTERRUPTION)
    await page.wait_for(
        f"tap.captions.at(-1).who === 'avatar' && tap.captions.at(-1).text.includes({INTERRUPTION!r})"
    )
    # A screenshot stops the page for a moment: not while it is measured how lips and sound begin.
    await asyncio.sleep(REST_S + 0.2)
    await page.screenshot(screenshot)
    await _answered(page, 4)


async def say(page: Page, text: str) -> None:
    """Type a message and send it."""
    await page.click("#text")
    await page.type(text)
    await page.press("Enter")


async def _answered(page: Page, count: int) -> None:
    await page.wait_for(
        f"tap.captions.filter((c) => c.who === 'avatar' && c.final).length >= {count}", PATIENCE_S
    )
    await asyncio.sleep(REST_S)


def _evidence(collected: dict[str, Any], problems: list[str], server_log: str) -> Evidence:
    height, width = collected["patchShape"]
    frames = collected["frames"]
    return Evidence(
        sound=_sound(collected),
        patches=np.frombuffer(base64.b64decode(collected["patches"]), np.uint8).reshape(
            len(frames), height, 3, width
        ),
        frame_ms=np.array([frame["ms"] for frame in frames]),
        frame_count=np.array([frame["count"] for frame in frames]),
        captions=[Caption(**caption) for caption in collected["captions"]],
        states=[(state["ms"], state["state"]) for state in collected["states"]],
        sent_ms=collected["sentMs"],
        room=collected["room"],
        inbound={report["kind"]: report for report in collected["inbound"]},
        problems=problems,
        server_log=server_log,
    )


def _sound(collected: dict[str, Any]) -> Sound:
    """Join the pieces by their own timestamps; the one that came soonest ties these to the page's clock."""
    pieces = collected["pieces"]
    page_ms = min(piece["ms"] - piece["stampUs"] / 1000 for piece in pieces)
    begin_ms = pieces[0]["stampUs"] / 1000 + page_ms
    pcm = np.frombuffer(base64.b64decode(collected["sound"]), "<i2").astype(np.float32) / 32768
    return Sound(begin_ms, pieces[0]["rateHz"], pcm)
