import asyncio
import json
from contextlib import aclosing

import numpy as np
import pytest

from agent.asr import ScriptedAsr
from agent.config import load_config
from agent.faculties import Faculties, load_faculties
from agent.host import ConversationHost
from agent.mind import EchoMind
from agent.realtime.route import RealtimeRoute
from agent.voice import SilentVoice, ToneVoice
from models.avatar import CARD, AvatarNotFoundError
from models.home import avatars_root
from models.picture import BoxPicture
from models.speech.scorer import LoudnessScorer
from streaming.contract import AvatarRejectedError, Caption, Guest, Notice, RoomFullError
from tests.agent.realtime import calling
from tests.streaming.company_contract import check_company
from tests.streaming.host_contract import check_host
from tests.streaming.rooms import open_room


def box(folder, size):
    if not (folder / CARD).is_file():
        raise AvatarNotFoundError(f"There is no avatar '{folder.name}'.")
    return BoxPicture(size)


@pytest.fixture(autouse=True)
def avatars(tmp_path, monkeypatch):
    monkeypatch.setenv("VISAVIS_HOME", str(tmp_path))
    for name in ("ada", "eileen", "zoe"):
        folder = avatars_root() / name
        folder.mkdir(parents=True)
        (folder / CARD).write_text(json.dumps({"title": name.title()}))


def make(lacks=(), **admission) -> ConversationHost:
    settings = load_config("echo", {})
    admission = settings.admission.model_copy(update={"max_sessions": 1, **admission})
    config = settings.model_copy(update={"admission": admission, "picture_size": 64})
    faculties = Faculties(LoudnessScorer(), ScriptedAsr(), EchoMind(), ToneVoice(), lacks)
    return ConversationHost(config, faculties, box)


async def test_the_default_avatar_comes_first():
    async with aclosing(make()) as host:
        assert [(card.name, card.title) for card in host.avatars()] == [
            ("eileen", "Eileen"), ("ada", "Ada"), ("zoe", "Zoe"),
        ]  # fmt: skip


async def test_a_visit_begins_at_once_and_answers():
    async with aclosing(make()) as host:
        visit = await host.welcome("ada")
        async with asyncio.timeout(20):
            assert (await anext(aiter(visit.packets()))).picture.shape == (64, 64, 3)
            visit.push_text("hi")
            drain = asyncio.create_task(_drain(visit))
            said = [e async for e in _until_final(visit)]
        assert said[-1].text == "You said: hi"
        await visit.aclose()
        await drain


async def _drain(visit):
    async for _ in visit.packets():
        pass


async def _until_final(visit):
    async for event in visit.events():
        if isinstance(event, Caption):
            yield event
            if event.who == "avatar" and event.final:
                return


async def test_the_machine_is_full_until_somebody_leaves():
    async with aclosing(make()) as host:
        first = await host.welcome("eileen")
        with pytest.raises(RoomFullError, match="one conversation"):
            await host.welcome("eileen")
        await first.aclose()
        await host.welcome("eileen")
        assert host.stats()["sessions"] == 1


async def test_a_show_takes_a_place_like_a_visit():
    async with aclosing(make()) as host:
        performer = await host.perform("ada")
        with pytest.raises(RoomFullError):
            await host.welcome("ada")
        await performer.aclose()
        assert host.stats()["sessions"] == 0
        await host.perform("ada")


async def test_the_real_host_keeps_the_contract():
    await check_host(make())


async def test_the_real_company_keeps_the_contract():
    async with aclosing(make(assumed_frame_cost_ms=1.0)) as host:
        await check_company(host)


async def test_guests_beyond_the_first_need_power():
    async with aclosing(make(assumed_frame_cost_ms=1.0, assumed_guest_cost_ms=20_000.0)) as host:
        company = await host.gather("ada")
        for name in ("Ann", "Ben"):
            company.admit(Guest(name))
        with pytest.raises(RoomFullError, match="one more guest"):
            company.admit(Guest("Cid"))


async def test_the_mind_knows_that_there_are_several():
    async with aclosing(make()) as host:
        company = await host.gather("ada")
        assert "Several people" in company._minutes.messages()[0].content
        assert company.session is not None


async def test_a_realtime_client_talks_with_the_hosts_own_faculties():
    host = make()
    async with (
        open_room(host, extend=lambda shows: RealtimeRoute(shows, host.mindset).routes()) as room,
        calling(room, show="ada") as caller,
    ):
        await caller.ask("hello")
        done = await caller.until("response.done")
        assert host.stats()["sessions"] == 1
    assert done.response.output[0].content[0].transcript == "You said: hello"


async def test_an_unknown_avatar_takes_no_place():
    async with aclosing(make()) as host:
        with pytest.raises(KeyError, match="nobody"):
            await host.welcome("nobody")
        assert host.stats()["sessions"] == 0


async def test_visitors_learn_what_lacks():
    async with aclosing(make(lacks=("I have no voice.",))) as host:
        visit = await host.welcome("eileen")
        assert await anext(visit.events()) == Notice("warning", "I have no voice.")


async def test_closing_ends_every_visit():
    before = asyncio.all_tasks()
    host = make(max_sessions=None)
    visits = [await host.welcome("eileen")]
    await host.aclose()
    await host.aclose()
    assert [packet async for packet in visits[0].packets()] == []
    assert asyncio.all_tasks() == before


async def test_a_photo_without_a_face_is_refused_with_a_reason():
    async with aclosing(make()) as host:
        steps = host.create_avatar("nobody", b"this is no picture")
        assert (await anext(steps)).fraction == 0
        with pytest.raises(AvatarRejectedError, match="picture"):
            await anext(steps)
        assert "nobody" not in [card.name for card in host.avatars()]


async def test_without_voice_and_recogniser_it_answers_in_writing():
    settings = load_config("echo", {})
    asr = settings.asr.model_copy(update={"model": "missing"})
    voice = settings.voice.model_copy(update={"model": "missing.onnx"})
    faculties = await load_faculties(settings.model_copy(update={"asr": asr, "voice": voice}))
    assert len(faculties.lacks) == 2
    assert isinstance(faculties.voice, SilentVoice)
    pieces = [piece async for piece in faculties.voice.speak("Hello there")]
    assert not np.any(pieces[0].pcm)
    await faculties.aclose()
