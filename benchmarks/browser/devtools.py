"""Speak the Chrome DevTools protocol: commands, their answers, and events (one WebSocket, no library)."""

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any, Self

import websockets

MESSAGE_MAX_BYTES = 64_000_000
"""A screenshot of a large page comes as one message."""


class DevToolsError(RuntimeError):
    """The browser refused a command, or a script threw."""


class DevTools:
    """One connection to one page."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listeners: dict[str, list[Callable[[dict[str, Any]], None]]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, url: str) -> Self:
        """Open the WebSocket of a page."""
        return cls(await websockets.connect(url, max_size=MESSAGE_MAX_BYTES))

    def on(self, event: str, listener: Callable[[dict[str, Any]], None]) -> None:
        """Call `listener` with the parameters of each `event`."""
        self._listeners.setdefault(event, []).append(listener)

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result. Raises `DevToolsError`."""
        number = next(self._numbers)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
            answer = await waiting
        finally:
            # An answer may come when nobody waits for it any more.
            del self._waiting[number]
        if "error" in answer:
            msg = f"{method}: {answer['error']['message']}"
            raise DevToolsError(msg)
        return answer["result"]

    async def aclose(self) -> None:
        """Close the connection."""
        await self._socket.close()
        await self._reader

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if "id" in message:
                self._answered(message)
            for listener in self._listeners.get(message.get("method", ""), []):
                listener(message["params"])
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(DevToolsError("the browser is gone"))

    def _answered(self, message: dict[str, Any]) -> None:
        waiting = self._waiting.get(message["id"])
        if waiting is not None and not waiting.done():
            waiting.set_result(message)
