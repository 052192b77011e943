"""A `Mind` behind any OpenAI-compatible endpoint, streamed as server-sent events.

Wire format: https://platform.openai.com/docs/api-reference/chat-streaming.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Final

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from agent.mind import Message, MindBrokenError, MindError, MindRefusedError, MindUnreachableError
from agent.tools import CallParts, Toolbox, ToolCall

_log = logging.getLogger(__name__)

_RETRIED: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that may be gone at the next try."""


class OpenAIMindConfig(BaseModel):
    """Where the language model is, and how it answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = ""
    """Address with the version, e.g. http://127.0.0.1:11434/v1."""
    model: str = ""
    """Name of the model there."""
    api_key: SecretStr = SecretStr("")
    """Sent as a bearer token when not empty."""
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_tokens: int = Field(default=200, ge=1)
    """Longest answer, in tokens."""
    connect_timeout_s: float = Field(default=5.0, gt=0)
    token_timeout_s: float = Field(default=30.0, gt=0)
    """Longest wait for the first token, and between two."""
    retries: int = Field(default=2, ge=0)
    """Further tries, only while no token has come."""
    retry_delay_s: float = Field(default=0.5, ge=0)
    """Wait before the first further try; doubles each time."""
    extra_body: dict[str, Any] = Field(default_factory=dict)
    """Further fields of the request, for what one endpoint knows and others do not."""


class OpenAIMind:
    """Streams answers from `POST {base_url}/chat/completions`.

    Args:
        config: where and how.
        transport: httpx' seam, for a server in the same process.
    """

    def __init__(self, config: OpenAIMindConfig, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Raise `MindError` when the address is missing or malformed."""
        if not config.base_url.startswith(("http://", "https://")):
            raise MindError(
                f"the mind's base_url is {config.base_url!r}; set VISAVIS_LLM_BASE_URL or mind.base_url "
                "to an address such as http://127.0.0.1:11434/v1"
            )
        self._config = config
        key = config.api_key.get_secret_value()
        self._client = httpx.AsyncClient(
            base_url=config.base_url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(config.token_timeout_s, connect=config.connect_timeout_s),
            transport=transport,
        )

    async def answer(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """Yield text as it comes; see `Mind`."""
        async with aclosing(self.answer_with(messages, Toolbox())) as parts:
            async for part in parts:
                if isinstance(part, str):
                    yield part

    async def answer_with(
        self, messages: Sequence[Message], toolbox: Toolbox
    ) -> AsyncGenerator[str | ToolCall, None]:
        """Yield text as it comes, then the calls; see `ToolMind`."""
        for attempt in range(self._config.retries + 1):
            begun = False
            try:
                async with aclosing(self._stream(messages, toolbox)) as parts:
                    async for part in parts:
                        begun = True
                        yield part
                return
            except MindRefusedError:
                raise
            except MindError as error:
                if begun or attempt == self._config.retries:
                    raise
                _log.warning("the mind failed before its first word, trying again: %s", error)
            await asyncio.sleep(self._config.retry_delay_s * 2**attempt)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _stream(
        self, messages: Sequence[Message], toolbox: Toolbox
    ) -> AsyncGenerator[str | ToolCall, None]:
        """Yield the parts of one answer."""
        body = self._body(messages) | toolbox.chat_form()
        try:
            async with self._client.stream("POST", "chat/completions", json=body) as reply:
                await self._check(reply)
                async with aclosing(_parts(reply)) as parts:
                    async for part in parts:
                        yield part
        except httpx.ConnectError as error:
            raise MindUnreachableError(f"no language model answers at {self._client.base_url}") from error
        except httpx.TimeoutException as error:
            waited = f"{self._config.token_timeout_s:g} s"
            raise MindBrokenError(f"the language model sent nothing for {waited}") from error
        except httpx.HTTPError as error:
            raise MindBrokenError(f"the connection to the language model broke: {error}") from error

    def _body(self, messages: Sequence[Message]) -> dict[str, Any]:
        return {
            "model": self._config.model,
            "messages": [_chat_form(message) for message in messages],
            "stream": True,
            "temperature": self._config.temperature,
            "max_tokens": self._config.max_tokens,
            **self._config.extra_body,
        }

    async def _check(self, reply: httpx.Response) -> None:
        if reply.is_success:
            return
        text = (await reply.aread()).decode("utf-8", "replace")[:300]
        message = f"the language model's endpoint answered {reply.status_code}: {text}"
        if reply.status_code in _RETRIED:
            raise MindBrokenError(message)
        raise MindRefusedError(f"{message} (check base_url, model {self._config.model!r} and api_key)")


def _chat_form(message: Message) -> dict[str, Any]:
    """Return a message as chat completions take it."""
    form: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.calls:
        form["tool_calls"] = [call.chat_form() for call in message.calls]
    if message.call_id:
        form["tool_call_id"] = message.call_id
    return form


async def _parts(reply: httpx.Response) -> AsyncGenerator[str | ToolCall, None]:
    """Yield text and calls in a reply's server-sent events. Raises `MindBrokenError` at an early end."""
    ended = False
    calls: dict[int, CallParts] = {}
    async for line in reply.aiter_lines():
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            ended = True
            break
        text, finished = _parse(data, calls)
        ended = ended or finished
        if text:
            yield text
    if not ended:
        raise MindBrokenError("the language model's answer broke off")
    for index in sorted(calls):
        yield calls[index].whole()


def _parse(data: str, calls: dict[int, CallParts]) -> tuple[str, bool]:
    """Return the text of one event, and whether it was the last with text; pieces of calls go to `calls`."""
    try:
        event = json.loads(data)
        if "error" in event:
            raise MindBrokenError(f"the language model failed: {event['error']}")
        choice = event["choices"][0] if event["choices"] else {}
        delta = choice.get("delta") or {}
        for piece in delta.get("tool_calls") or ():
            calls.setdefault(int(piece.get("index", 0)), CallParts()).add(piece)
        return delta.get("content") or "", choice.get("finish_reason") is not None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MindBrokenError(f"the language model's endpoint sent no chat event: {data[:200]}") from error
