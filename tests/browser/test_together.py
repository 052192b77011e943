"""A room with several people, in a real Chromium beside a guest made of aiortc, against the fake host."""

import contextlib
import json

import pytest

from benchmarks.browser.chromium import Chromium
from streaming.config import RoomConfig
from streaming.fakes import FakeHost
from tests.browser.meeting import screenshots
from tests.browser.test_page import _LOST_JS, _join, _say
from tests.streaming.rooms import Voice, open_room
from tests.streaming.test_gathering import guest

pytestmark = pytest.mark.browser

NAMES_JS = "[...document.querySelectorAll('.guest-name')].map((name) => name.textContent)"


@contextlib.asynccontextmanager
async def _lobby(chromium, room, path="/?room=tea", name="Ann"):
    async with Chromium(chromium) as browser:
        page = await browser.open(f"{room.http.base_url}".rstrip("/") + path)
        await page.wait_for("document.body.dataset.ready")
        await page.evaluate(f"document.querySelector('#visitor-name').value = {json.dumps(name)}")
        yield page


async def test_names_voices_and_words_of_others_are_shown(chromium):
    host = FakeHost(size=256)
    async with open_room(host) as room, _lobby(chromium, room) as page:
        assert (
            await page.evaluate("document.querySelector('#room-line').textContent")
            == "You are the first here"
        )
        await _join(page)
        await page.wait_for(f"{NAMES_JS}.join() === 'You'")
        async with guest(room, "Ben", Voice(loud_s=4.0)) as ben:
            await page.wait_for(f"{NAMES_JS}.join() === 'Ben,You'")
            await page.wait_for("document.querySelector('.guest[data-talking=true]')?.dataset.name === 'Ben'")
            await page.wait_for("document.querySelector('.guest[data-floor=true]')?.dataset.name === 'Ben'")
            await page.screenshot(screenshots() / "together.png")
            await page.wait_for("!document.querySelector('.guest[data-talking=true]')")
            await ben.send(type="say", text="Good evening, both of you.")
            await page.wait_for("document.querySelector('.message.other:last-of-type')")
            await _say(page, "Good evening, Ben.")
            await page.wait_for("document.querySelector('.message.visitor')")
            await page.wait_for("[...document.querySelectorAll('.message.avatar')].length === 3")
            await page.screenshot(screenshots() / "together-words.png")
            texts = await page.evaluate(_WORDS_JS)
        await page.wait_for("document.querySelector('.message.note:last-of-type')")
        await page.wait_for(f"{NAMES_JS}.join() === 'You'")
        await page.click("#leave")
        await page.wait_for("visavis.phase === 'lobby'")
        assert page.problems == []
    assert ["other", "BenGood evening, both of you."] in texts
    assert ["visitor", "Good evening, Ben."] in texts
    assert texts[0] == ["note", "Ben joined"]


async def test_the_lobby_tells_who_is_here_and_keeps_the_name(chromium):
    async with (
        open_room(FakeHost(size=64)) as room,
        guest(room, "Ben") as ben,
        guest(room, "Cid"),
        _lobby(chromium, room) as page,
    ):
        await ben.take("video", 1)
        line = await page.evaluate("document.querySelector('#room-line').textContent")
        assert line in ("Ben and Cid are here", "Cid and Ben are here")
        await _join(page)
        await page.goto(await page.evaluate("location.href"))
        await page.wait_for("document.body.dataset.ready")
        assert await page.evaluate("document.querySelector('#visitor-name').value") == "Ann"


async def test_a_room_is_made_and_its_link_copied(chromium):
    config = RoomConfig(bearer_token="open sesame")
    async with open_room(FakeHost(size=64), config) as room, Chromium(chromium) as browser:
        page = await browser.open(f"{room.http.base_url}#token=open%20sesame")
        await page.wait_for("document.body.dataset.ready")
        await page.click("#meet-together")
        await page.wait_for("location.search.startsWith('?room=') && document.body?.dataset.ready")
        await _join(page)
        await page.evaluate(
            "navigator.clipboard.writeText = async (text) => { window.copied = text; }; undefined"
        )
        await page.click("#invite")
        link = await page.evaluate("window.copied")
        await page.wait_for("document.querySelector('.toast')")
        other = await browser.open(link)
        await other.wait_for("document.body.dataset.ready")
        await _join(other)
        await page.wait_for(f"{NAMES_JS}.length === 2")
        assert sorted(await page.evaluate(NAMES_JS)) == ["Guest 2", "You"]
        assert page.problems == other.problems == []


async def test_alone_nothing_of_it_shows(chromium):
    async with open_room(FakeHost(size=64)) as room, _lobby(chromium, room, "/") as page:
        assert await page.evaluate("document.querySelector('#name-field').hidden")
        await _join(page)
        assert await page.evaluate("document.querySelector('#guests').hidden")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844), (844, 390), (320, 568)])
async def test_nothing_is_cut_off(chromium, width, height, dark):
    async with (
        open_room(FakeHost(size=256)) as room,
        guest(room, "Benedict Longname"),
        guest(room, "Cid"),
        _lobby(chromium, room) as page,
    ):
        await page.look(width, height, dark=dark, mobile=width < 600)
        for phase in ("lobby", "live"):
            if phase == "live":
                await _join(page)
                await page.wait_for(f"{NAMES_JS}.length === 3")
            shade = "dark" if dark else "light"
            await page.screenshot(screenshots() / f"together-{phase}-{width}x{height}-{shade}.png")
            lost = await page.evaluate(_LOST_JS)
            assert lost == [], f"outside the window in the {phase}"


_WORDS_JS = """[...document.querySelectorAll(".message")].map(
  (message) => [message.className.split(" ")[1], message.textContent])"""
