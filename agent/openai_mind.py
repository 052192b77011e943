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
        for attempt in range(self._config.retries + 1):
            begun = False
            try:
                async with aclosing(self._stream(messages)) as deltas:
                    async for delta in deltas:
                        begun = True
                        yield delta
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

    async def _stream(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """Yield the deltas of one request."""
        try:
            async with self._client.stream("POST", "chat/completions", json=self._body(messages)) as reply:
                await self._check(reply)
                async with aclosing(_deltas(reply)) as deltas:
                    async for delta in deltas:
                        yield delta
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
            "messages": [{"role": m.role, "content": m.content} for m in messages],
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


async def _deltas(reply: httpx.Response) -> AsyncGenerator[str, None]:
    """Yield the text in a reply's server-sent events. Raises `MindBrokenError` when it ends too early."""
    ended = False
    async for line in reply.aiter_lines():
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return
        text, finished = _parse(data)
        ended = ended or finished
        if text:
            yield text
    if not ended:
        raise MindBrokenError("the language model's answer broke off")


def _parse(data: str) -> tuple[str, bool]:
    """Return the text of one event, and whether it was the last with text."""
    try:
        event = json.loads(data)
        if "error" in event:
            raise MindBrokenError(f"the language model failed: {event['error']}")
        choice = event["choices"][0] if event["choices"] else {}
        text = choice.get("delta", {}).get("content") or ""
        return text, choice.get("finish_reason") is not None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MindBrokenError(f"the language model's endpoint sent no chat event: {data[:200]}") from error
