import asyncio
from contextlib import aclosing

import pytest

from agent.mind import (
    EchoMind,
    Message,
    MindBrokenError,
    MindError,
    MindRefusedError,
    MindUnreachableError,
    ScriptedMind,
)
from agent.openai_mind import OpenAIMind, OpenAIMindConfig
from agent.tools import Tool, Toolbox, ToolCall
from tests.agent.endpoint import endpoint

HELLO = [Message("system", "Be kind."), Message("user", "hello")]


def client(url: str, model: str = "answers", **settings) -> OpenAIMind:
    settings = {"retry_delay_s": 0.01, "token_timeout_s": 5.0, **settings}
    return OpenAIMind(OpenAIMindConfig(base_url=url, model=model, **settings))


async def collect(mind, messages=HELLO) -> str:
    async with aclosing(mind.answer(messages)) as deltas:
        return "".join([delta async for delta in deltas])


@pytest.fixture(params=["echo", "scripted", "openai"])
async def mind(request):
    if request.param == "openai":
        async with endpoint() as place, aclosing(client(place.url)) as mind:
            yield mind
    else:
        yield EchoMind() if request.param == "echo" else ScriptedMind([["You ", "said ", "hello"]])


class TestMindContract:
    async def test_answers_in_pieces(self, mind):
        async with aclosing(mind.answer(HELLO)) as deltas:
            pieces = [delta async for delta in deltas]
        assert len(pieces) > 1
        assert "hello" in "".join(pieces)

    async def test_may_be_stopped_early_and_asked_again(self, mind):
        async with aclosing(mind.answer(HELLO)) as deltas:
            assert await anext(deltas)
        assert "hello" in await collect(mind)

    async def test_closes_twice(self, mind):
        await mind.aclose()
        await mind.aclose()


async def test_sends_messages_model_and_key():
    async with endpoint() as place:
        async with aclosing(client(place.url, api_key="secret", extra_body={"seed": 7})) as mind:
            await collect(mind)
        asked = place.asked[0]
        assert asked["messages"] == [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "hello"},
        ]
        assert (asked["model"], asked["stream"], asked["seed"]) == ("answers", True, 7)
        assert place.keys == ["Bearer secret"]


async def test_tries_again_before_the_first_word():
    async with endpoint() as place, aclosing(client(place.url, "recovers")) as mind:
        assert await collect(mind) == "You said hello"
        assert len(place.asked) == 3


async def test_does_not_try_again_after_the_first_word():
    async with endpoint() as place, aclosing(client(place.url, "breaks")) as mind:
        deltas = mind.answer(HELLO)
        heard = [await anext(deltas), await anext(deltas)]
        with pytest.raises(MindBrokenError, match="broke off"):
            await anext(deltas)
        assert heard == ["You ", "said "]
        assert len(place.asked) == 1


@pytest.mark.parametrize(
    ("model", "error", "says"),
    [
        ("refuses", MindRefusedError, "401.*no such key.*api_key"),
        ("stalls", MindBrokenError, "nothing for 0.2 s"),
        ("babbles", MindBrokenError, "no chat event"),
    ],
)
async def test_failures_say_what_happened(model, error, says):
    async with (
        endpoint() as place,
        aclosing(client(place.url, model, token_timeout_s=0.2, retries=0)) as mind,
    ):
        with pytest.raises(error, match=says):
            await collect(mind)


async def test_nobody_there():
    async with endpoint() as place:
        url = place.url
    async with aclosing(client(url, retries=1)) as mind:
        with pytest.raises(MindUnreachableError, match="no language model answers"):
            await collect(mind)


def test_an_address_is_needed():
    with pytest.raises(MindError, match="VISAVIS_LLM_BASE_URL"):
        OpenAIMind(OpenAIMindConfig())


def test_the_key_stays_hidden():
    assert "secret" not in repr(OpenAIMindConfig(api_key="secret"))


@pytest.mark.virtual_time
async def test_a_scripted_mind_keeps_its_times():
    mind = ScriptedMind([[1.5, "late"], ["then"]])
    begin_s = asyncio.get_running_loop().time()
    assert await collect(mind) == "late"
    assert asyncio.get_running_loop().time() - begin_s == pytest.approx(1.5)
    assert [await collect(mind) for _ in range(2)] == ["then", "then"]
    assert mind.asked[0] == tuple(HELLO)


async def test_calls_come_whole_after_the_text_and_their_results_go_back():
    weather = Tool("weather", "Tells the weather.", {"type": "object"})
    async with endpoint() as place, aclosing(client(place.url, "calls")) as mind:
        parts = [part async for part in mind.answer_with(HELLO, Toolbox((weather,), "weather"))]
        calls = tuple(part for part in parts if not isinstance(part, str))
        results = [Message("assistant", "Wait.", calls), Message("tool", "rain", call_id="call_1")]
        text = "".join([part async for part in mind.answer_with([*HELLO, *results], Toolbox((weather,)))])
    assert parts == [
        "Wait. ",
        ToolCall("call_1", "weather", '{"city": "Oslo"}'),
        ToolCall("call_2", "clock", "{}"),
    ]
    assert text == "You said rain"
    first, second = place.asked
    function = {"name": "weather", "description": "Tells the weather.", "parameters": {"type": "object"}}
    assert first["tools"] == [{"type": "function", "function": function}]
    assert first["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert second["tool_choice"] == "auto"
    assert second["messages"][-2]["tool_calls"][0]["function"]["arguments"] == '{"city": "Oslo"}'
    assert second["messages"][-1] == {"role": "tool", "content": "rain", "tool_call_id": "call_1"}


async def test_without_tools_nothing_is_said_of_them():
    async with endpoint() as place, aclosing(client(place.url)) as mind:
        await collect(mind)
    assert not {"tools", "tool_choice"} & set(place.asked[0])
