"""A call of two real Chromiums through a room; one has a camera, whose face is tracked in the page."""

import contextlib

import numpy as np
import pytest
import skimage.data

from benchmarks.browser.chromium import Chromium
from benchmarks.call_film import write_voice
from models.web_tracker import COMMAND, installed_tracker
from streaming.fakes import FakeHost
from tests.browser.meeting import screenshots
from tests.streaming.rooms import open_room

pytestmark = [
    pytest.mark.browser,
    pytest.mark.usefixtures("unchecked"),
    pytest.mark.skipif(installed_tracker() is None, reason=f"no face tracker; get it with {COMMAND}"),
]

PATIENCE_S = 90
DROP_JS = """(() => {
  const { line } = visavis.call;
  line.whole ??= line.sendMotion.bind(line);
  line.sendMotion = (...given) => (CONDITION) || line.whole(...given);
})()"""


def write_camera(folder):
    """A camera that shows the astronaut, for ever."""
    picture = skimage.data.astronaut().astype(np.float32)
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    halves = [
        (128 + scale * (colour - luma)).reshape(256, 2, 256, 2).mean((1, 3))
        for colour, scale in ((blue, 0.564), (red, 0.713))
    ]
    frame = b"".join(np.clip(plane, 0, 255).astype(np.uint8).tobytes() for plane in (luma, *halves))
    path = folder / "camera.y4m"
    path.write_bytes(b"YUV4MPEG2 W512 H512 F25:1 Ip A1:1 C420jpeg\n" + 25 * (b"FRAME\n" + frame))
    return path


@contextlib.asynccontextmanager
async def two_pages(chromium, room, folder):
    camera, voice = write_camera(folder), write_voice(folder)
    flags = (f"--use-file-for-fake-video-capture={camera}",)
    async with (
        Chromium(chromium, microphone_wav=voice, flags=flags) as one,
        Chromium(chromium, microphone_wav=voice) as other,
    ):
        pages = []
        for browser, name, button in ((one, "Ann", "#join"), (other, "Ben", "#join-text")):
            page = await browser.open(f"{room.http.base_url}".rstrip("/") + "/?call=supper")
            await page.wait_for("document.body.dataset.ready")
            await page.evaluate(f"document.querySelector('#visitor-name').value = {name!r}; undefined")
            await page.screenshot(screenshots() / f"call-lobby-{name.lower()}.png")
            await page.click(button)
            await page.wait_for("visavis.phase === 'live'", PATIENCE_S)
            pages.append(page)
        yield pages


async def test_a_face_is_tracked_here_and_drawn_there_and_its_picture_never_leaves(chromium, tmp_path):
    async with open_room(FakeHost(size=256)) as room, two_pages(chromium, room, tmp_path) as (ann, ben):
        await ann.wait_for("visavis.call.retarget.calibrated === 1", PATIENCE_S)
        await ben.wait_for("document.body.dataset.how === 'tracked' && visavis.frames > 10", PATIENCE_S)
        await ann.wait_for("visavis.call.shown === 'Ben'", PATIENCE_S)
        for page, name in ((ann, "ann"), (ben, "ben")):
            await page.screenshot(screenshots() / f"call-{name}.png")
        kinds = await ann.evaluate("visavis.call.line.pc.getSenders().map((one) => one.track?.kind ?? null)")
        assert "video" not in kinds
        await ann.wait_for("visavis.call.sentKbps?.motion > 0 && visavis.call.sentKbps.voice > 0", PATIENCE_S)
        sent = await ann.evaluate("visavis.call.sentKbps")
        assert 0 < sent["motion"] <= 8
        assert sent["motion"] < sent["motion"] + sent["voice"] <= 30
        assert await ann.evaluate("visavis.call.line.carrier.bytes") > 0, "motion rides on the voice"
        await ann.click("#camera-toggle")
        await ben.wait_for("document.body.dataset.how === 'voice'", PATIENCE_S)
        assert await ann.evaluate("document.querySelector('#self').hidden")
        await ben.screenshot(screenshots() / "call-voice.png")
        await ann.click("#leave")
        await ben.wait_for("visavis.call.shown === ''", PATIENCE_S)


async def test_loss_and_an_outage_are_bridged_and_nothing_stays_broken(chromium, tmp_path):
    async with open_room(FakeHost(size=128)) as room, two_pages(chromium, room, tmp_path) as (ann, ben):
        await ben.wait_for("document.body.dataset.how === 'tracked'", PATIENCE_S)
        await ann.evaluate(DROP_JS.replace("CONDITION", "Math.random() < 0.3"))
        frames = await ben.evaluate("visavis.frames")
        await ben.wait_for(f"visavis.frames > {frames} + 30", PATIENCE_S)
        await ann.evaluate(DROP_JS.replace("CONDITION", "true"))
        await ben.wait_for("document.body.dataset.how === 'voice'", PATIENCE_S)
        await ann.evaluate(DROP_JS.replace("CONDITION", "false"))
        await ben.wait_for("document.body.dataset.how === 'tracked'", PATIENCE_S)


async def test_a_hidden_page_goes_on_sending(chromium, tmp_path):
    async with open_room(FakeHost(size=128)) as room, two_pages(chromium, room, tmp_path) as (ann, ben):
        await ben.wait_for("document.body.dataset.how === 'tracked'", PATIENCE_S)
        await ann.evaluate("window.beside = window.open('about:blank'); undefined")
        await ann.wait_for("document.hidden", PATIENCE_S)
        tick = await ann.evaluate("visavis.call.sender.tick")
        await ann.wait_for(f"visavis.call.sender.tick > {tick} + 50", PATIENCE_S)
        assert await ann.evaluate("document.hidden")
        assert await ben.evaluate("document.body.dataset.how") == "tracked"
        await ann.evaluate("window.beside.close(); undefined")
        await ann.wait_for("!document.hidden", PATIENCE_S)
        tick = await ann.evaluate("visavis.call.sender.tick")
        await ann.wait_for(f"visavis.call.sender.tick > {tick} + 25", PATIENCE_S)


async def test_a_face_with_a_key_asks_for_it(chromium):
    async with open_room(FakeHost(size=64)) as room, Chromium(chromium) as browser:
        photo = {"photo": ("photo.jpg", b"\xff\xd8...", "image/jpeg")}
        await room.http.post("/api/avatars", data={"name": "Zoe"}, files=photo)
        page = await browser.open(f"{room.http.base_url}".rstrip("/") + "/?call=supper&avatar=zoe")
        await page.wait_for("document.body.dataset.ready")
        assert not await page.evaluate("document.querySelector('#key-field').hidden")
        await page.evaluate("document.querySelector('#avatar-key').value = 'wrong'; undefined")
        await page.click("#join-text")
        await page.wait_for("document.querySelector('.toast')?.textContent.includes('has a key')")
        await page.wait_for("visavis.phase === 'lobby'")
        assert not await page.evaluate("document.querySelector('#key-field').hidden")
