"""The snippets of docs/integrate.md, run as they are against a room; only the address is another."""

import asyncio
import socket
from contextlib import aclosing

import pytest
import uvicorn

from agent.mind import EchoMind, Message
from agent.openai_mind import OpenAIMind, OpenAIMindConfig
from models.motion.cue import Gesture
from tests.agent.realtime import realtime_room
from tests.house.repository import ROOT
from tests.house.test_documents import blocks
from tests.streaming.players import playing, write_speech
from tests.streaming.rooms import until

PAGE = ROOT / "docs/integrate.md"
ADDRESS = "http://127.0.0.1:8080"


def snippet(name: str, room=None) -> dict:
    """Return what a snippet defines; `room` is where it will look for one."""
    (body,) = [body for body in blocks(PAGE, "python") if body.startswith(f"# {name}")]
    assert room is None or ADDRESS in body
    if room is not None:
        body = body.replace(ADDRESS, str(room.http.base_url).rstrip("/"))
    defined = {"__name__": name}
    exec(compile(body, f"{PAGE.name}:{name}", "exec"), defined)
    return defined


@pytest.fixture
async def room():
    async with realtime_room(EchoMind(), token="TOKEN") as (room, host):
        room.http.headers["Authorization"] = "Bearer TOKEN"
        room.host = host
        yield room


async def test_bot():
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(snippet("bot.py")["app"], log_level="critical"))
    serving = asyncio.create_task(server.serve([listener]))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    async with aclosing(OpenAIMind(OpenAIMindConfig(base_url=url, model="bot"))) as mind:
        answer = [delta async for delta in mind.answer([Message("user", "hello")])]
    server.should_exit = True
    await serving
    assert "".join(answer) == "[smile] You said hello "


async def test_realtime(room):
    assert await snippet("realtime.py", room)["main"]() == "You said: Good morning!"


async def test_speak(room):
    async with playing(room.http):
        answer = await asyncio.to_thread(snippet("speak.py", room)["main"])
    assert answer["state"] == "done"
    assert answer["played_s"] > 1
    assert not answer["interrupted"]


async def test_visit(room):
    captions = await snippet("visit.py", room)["main"]()
    assert captions == ["visitor: Good morning!", "avatar: You said: Good morning!"]


async def test_play(room):
    assert await snippet("play.py", room)["main"](seconds=1) == 25
    assert room.host.performers[0].closed


async def test_publish(room, tmp_path):
    speech = write_speech(tmp_path / "speech.wav", silence_s=0.1, sound_s=3.0)
    async with playing(room.http) as player:
        publishing = asyncio.create_task(snippet("publish.py", room)["main"](str(speech), 2.5))
        await player.until_mouth_opens()
        assert await publishing == 200
        await player.stop()
    await until(lambda: room.host.performers[0].closed)


@pytest.mark.parametrize("page", [PAGE, ROOT / "configs/openai.yaml"])
def test_every_gesture_is_told(page):
    text = page.read_text()
    assert not [gesture for gesture in Gesture if f"[{gesture}]" not in text]


def test_every_snippet_is_run():
    names = {body.splitlines()[0].split()[1].rstrip(":") for body in blocks(PAGE, "python")}
    tested = {f"{name.removeprefix('test_')}.py" for name in globals() if name.startswith("test_")}
    assert names <= tested
