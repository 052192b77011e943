"""An OpenAI-compatible endpoint to test against: the model's name says how it behaves."""

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route


@dataclass
class Endpoint:
    """Where it is, and what it was asked."""

    url: str = ""
    asked: list[dict] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


@asynccontextmanager
async def endpoint():
    """Run the endpoint on a free port of the loopback."""
    seen = Endpoint()

    async def chat(request):
        body = await request.json()
        seen.asked.append(body)
        seen.keys.append(request.headers.get("authorization", ""))
        model = body["model"]
        if model == "refuses":
            return PlainTextResponse("no such key", 401)
        if model == "recovers" and len(seen.asked) < 3:
            return PlainTextResponse("busy", 503)
        if model == "calls" and body["messages"][-1]["role"] != "tool":
            return StreamingResponse(_call_events(), media_type="text/event-stream")
        events = _events(model, body["messages"][-1]["content"])
        return StreamingResponse(events, media_type="text/event-stream")

    begun = asyncio.Event()

    @asynccontextmanager
    async def lifespan(_):
        begun.set()
        yield

    app = Starlette(lifespan=lifespan, routes=[Route("/v1/chat/completions", chat, methods=["POST"])])
    listener = socket.create_server(("127.0.0.1", 0))
    seen.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve([listener]))
    await begun.wait()
    try:
        yield seen
    finally:
        server.should_exit = True
        await task


async def _events(model: str, said: str):
    if model == "stalls":
        await asyncio.sleep(0.6)
    if model == "babbles":
        yield "data: {not json\n\n"
    yield ": a comment, as some endpoints send\n\n"
    yield _event({"role": "assistant", "content": None})
    for word in ("You ", "said ", said):
        yield _event({"content": word})
        if model == "breaks" and word == "said ":
            return
    yield _event({}, "stop")
    yield "data: [DONE]\n\n"


async def _call_events():
    """Say a word, then ask for two functions, in pieces as OpenAI sends them."""
    yield _event({"role": "assistant", "content": "Wait. "})
    yield _event({"tool_calls": [_piece(0, "weather", id="call_1"), _piece(1, "clock", id="call_2")]})
    for part in ('{"city": ', '"Oslo"}'):
        yield _event({"tool_calls": [_piece(0, None, part)]})
    yield _event({"tool_calls": [_piece(1, None, "{}")]})
    yield _event({}, "tool_calls")
    yield "data: [DONE]\n\n"


def _piece(index: int, name: str | None, arguments: str = "", **more: str) -> dict:
    return {"index": index, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def _event(delta: dict, reason: str | None = None) -> str:
    return f"data: {json.dumps({'choices': [{'delta': delta, 'finish_reason': reason}]})}\n\n"
