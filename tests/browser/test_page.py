"""The page in a real Chromium, against the fake host."""

import asyncio
import contextlib
import wave

import httpx
import numpy as np
import pytest

from benchmarks.browser.chromium import Chromium
from streaming.config import RoomConfig
from streaming.fakes import FakeHost
from tests.streaming.rooms import open_room

pytestmark = pytest.mark.browser

PICTURE_JS = """(() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  const context = canvas.getContext("2d");
  context.drawImage(document.querySelector("#video"), 0, 0, 64, 64);
  return [...context.getImageData(0, 0, 64, 64).data];
})()"""


@contextlib.asynccontextmanager
async def _page(chromium, host, config=None, **browser_options):
    async with open_room(host, config) as room, Chromium(chromium, **browser_options) as browser:
        page = await browser.open(f"{room.http.base_url}")
        await page.wait_for("document.body.dataset.ready")
        yield page, room


async def _join(page, button="#join-text"):
    await page.click(button)
    await page.wait_for("visavis.phase === 'live' && visavis.frames > 3")


async def _say(page, text):
    await page.click("#text")
    await page.type(text)
    await page.press("Enter")


async def test_a_typed_conversation(chromium):
    host = FakeHost(size=256)
    async with _page(chromium, host) as (page, _):
        await _join(page)
        before = np.array(await page.evaluate(PICTURE_JS))
        await _say(page, "Good morning")
        await page.wait_for("document.querySelector('.message.avatar[data-final=true]')")
        texts = await page.evaluate("[...document.querySelectorAll('.message')].map(m => m.textContent)")
        after = np.array(await page.evaluate(PICTURE_JS))
        join_ms = await page.evaluate("visavis.joinMs")
        await page.click("#leave")
        await page.wait_for("visavis.phase === 'lobby'")
        await _closed(host)
        assert page.problems == []
    assert texts == ["Good morning", "You said: Good morning"]
    assert np.abs(after - before).max() > 20, "the picture moves"
    assert 0 < join_ms < 60_000


async def test_a_spoken_turn_and_its_sound(chromium, tmp_path):
    wav = tmp_path / "voice.wav"
    _write_wav(wav, quiet_s=2.0, loud_s=1.0)
    async with _page(chromium, FakeHost(size=128), microphone_wav=wav) as (page, _):
        await _join(page, "#join")
        await page.wait_for("document.querySelector('.message.visitor')")
        heard = await page.evaluate("document.querySelector('.message.visitor').textContent")
        await page.wait_for("visavis.state === 'speaking'")
        loudness = await page.evaluate(_LOUDNESS_JS)
        assert page.problems == []
    assert heard.endswith("seconds of speech)")
    assert loudness > 0.01, "the answer is audible"


async def test_push_to_talk_with_the_space_bar(chromium):
    host = FakeHost(size=64)
    async with _page(chromium, host) as (page, _):
        await page.evaluate("localStorage.setItem('visavis-mic-mode', 'talk')")
        await page.goto(await page.evaluate("location.href"))
        await page.wait_for("document.body.dataset.ready")
        await _join(page, "#join")
        await page.wait_for("document.querySelector('#mic').dataset.mic === 'talk'")
        await page.evaluate("document.activeElement.blur()")
        await page.key_down("Space")
        await page.wait_for("visavis.state === 'listening'")
        assert await page.evaluate("document.querySelector('#mic').dataset.mic") == "held"
        await page.key_up("Space")
        await page.wait_for("visavis.state !== 'listening'")
        assert page.problems == []


async def test_without_a_microphone_one_can_still_type(chromium):
    async with _page(chromium, FakeHost(size=64), permissions=False) as (page, _):
        await _join(page, "#join")
        await page.wait_for("document.querySelector('#mic').dataset.mic === 'none'")
        await page.wait_for("document.querySelector('.toast')")
        await _say(page, "no sound from me")
        await page.wait_for("document.querySelector('.message.avatar')")
        assert page.problems == []


async def test_a_full_room_is_explained(chromium):
    host = FakeHost(places=1, size=64)
    await host.welcome("vera")
    async with _page(chromium, host) as (page, _):
        await page.click("#join-text")
        await page.wait_for("!document.querySelector('#cover').hidden")
        assert await page.evaluate("document.querySelector('#cover-text').textContent") == "The room is full"
        await host.partners[0].aclose()
        await page.click("#cover-action")
        await page.wait_for("visavis.phase === 'live'")


async def test_a_lost_connection_comes_back(chromium):
    host = FakeHost(size=64)
    async with _page(chromium, host) as (page, _):
        await _join(page)
        await host.partners[0].aclose()
        await page.wait_for(
            "visavis.phase === 'live' && document.querySelector('#cover').hidden && visavis.frames > 3"
        )
        for _ in range(200):
            if len(host.partners) == 2:
                break
            await asyncio.sleep(0.05)
        assert [partner.closed for partner in host.partners] == [True, False]


async def test_a_photo_becomes_someone_to_meet(chromium, tmp_path):
    host = FakeHost(size=64, step_s=0.05)
    async with _page(chromium, host) as (page, _):
        photo = tmp_path / "photo.png"
        photo.write_bytes(await _preview(page))
        await page.click("#new-avatar")
        await page.set_files("#file", photo)
        await page.wait_for("!document.querySelector('#photo').hidden")
        await page.evaluate("document.querySelector('#create-name').focus()")
        await page.type("Ada Lovelace")
        await page.click("#create-go")
        await page.wait_for("!document.querySelector('#create').open")
        await page.wait_for("document.querySelector('#avatar-title').textContent === 'Ada Lovelace'")
        await _join(page)
        assert page.problems == []


async def test_panels_tell_latencies_and_the_way(chromium):
    async with _page(chromium, FakeHost(size=64)) as (page, _):
        await _join(page)
        await _say(page, "hello")
        await page.wait_for("document.querySelector('.message.avatar')")
        await page.evaluate("document.querySelector('#tab-latency').click()")
        # The stages end at 240 ms; what the sender takes then is real.
        await page.wait_for("/^2[4-9]\\d$/.test(document.querySelector('.total b')?.textContent)")
        await page.evaluate("document.querySelector('#tab-network').click()")
        await page.wait_for("document.querySelectorAll('.check[data-verdict=good]').length >= 3")
        assert page.problems == []


async def test_a_token_in_the_link_opens_a_closed_room(chromium):
    config = RoomConfig(bearer_token="open sesame")
    async with open_room(FakeHost(size=64), config) as room, Chromium(chromium) as browser:
        page = await browser.open(f"{room.http.base_url}#token=open%20sesame")
        await page.wait_for("document.body.dataset.ready")
        assert "token" not in await page.evaluate("location.href")
        await page.wait_for("document.querySelector('#poster').naturalWidth === 64")
        await _join(page)
        assert page.problems == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844), (844, 390), (320, 568)])
async def test_nothing_is_cut_off(chromium, width, height, dark, tmp_path):
    async with _page(chromium, FakeHost(size=64)) as (page, _):
        await page.look(width, height, dark=dark)
        for phase in ("lobby", "live"):
            if phase == "live":
                await _join(page)
            lost = await page.evaluate(_LOST_JS)
            assert lost == [], f"outside the window in the {phase}"


async def _preview(page):
    host = await page.evaluate("location.origin")
    async with httpx.AsyncClient(base_url=host, trust_env=False) as client:
        return (await client.get("/api/avatars/vera/preview")).content


async def _closed(host):
    for _ in range(200):
        if all(partner.closed for partner in host.partners):
            return
        await asyncio.sleep(0.05)
    pytest.fail("the partner is still there after leaving")


def _write_wav(path, quiet_s, loud_s):
    rate = 48_000
    time_s = np.arange(round(rate * loud_s)) / rate
    voice = 9000 * np.sin(2 * np.pi * 180 * time_s) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time_s))
    quiet = np.zeros(round(rate * quiet_s))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(np.concatenate([quiet, voice, quiet, quiet]).astype("<i2").tobytes())


_LOUDNESS_JS = """(async () => {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(document.querySelector("#video").srcObject).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let loudest = 0;
  for (let i = 0; i < 20; i += 1) {
    await new Promise((done) => setTimeout(done, 40));
    analyser.getFloatTimeDomainData(samples);
    loudest = Math.max(loudest, ...samples.map(Math.abs));
  }
  await context.close();
  return loudest;
})()"""

_LOST_JS = """[...document.querySelectorAll("button, input, .badge, video")]
  .filter((e) => !e.closest("dialog, [hidden], .tab-body"))
  .filter((e) => e.checkVisibility({ visibilityProperty: true }))
  .map((e) => [e.id || e.className, e.getBoundingClientRect()])
  .filter(([, b]) => b.left < -1 || b.top < -1 || b.right > innerWidth + 1 || b.bottom > innerHeight + 1)
  .map(([name, b]) => `${name}: ${[b.left, b.top, b.right, b.bottom].map(Math.round)}`)
"""
