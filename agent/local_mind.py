"""A `Mind` without network or key: SmolLM2 in a child process, by llama.cpp's OpenAI-compatible server.

The child gives way to everything else (`nice`) and computes on one thread, so that the picture keeps moving
while it thinks.
"""

import asyncio
import contextlib
import importlib.util
import logging
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field

from agent.mind import Message, MindError
from agent.openai_mind import OpenAIMind, OpenAIMindConfig
from models.assets import ASSETS, asset_path

_log = logging.getLogger(__name__)

_STOP_AFTER_S: Final = 3.0
"""A child that has not ended by then is killed."""


class LocalMindConfig(BaseModel):
    """Which model runs here, how, and how it answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = "smollm2"
    """Bundled model's name, or path of a GGUF file."""
    threads: int = Field(default=1, ge=1)
    """Threads that compute. They spin while they wait for each other: keep below the number of idle cores."""
    context_tokens: int = Field(default=2048, ge=512)
    """Prompt and answer together."""
    nice: int = Field(default=5, ge=0, le=19)
    """How much it gives way to other processes."""
    start_timeout_s: float = Field(default=60.0, gt=0)
    temperature: float = Field(default=0.4, ge=0, le=2)
    repeat_penalty: float = Field(default=1.07, ge=1, le=2)
    """Makes words that were just said less likely; small models run in circles without."""
    max_tokens: int = Field(default=70, ge=1)
    """Longest answer, in tokens."""


class LocalMind:
    """Owns the child process and talks to it. Begin with `await LocalMind.start(config)`."""

    def __init__(self, config: LocalMindConfig, model: Path) -> None:
        self._config = config
        self._model = model
        self._child: asyncio.subprocess.Process | None = None
        self._client: OpenAIMind | None = None
        self._starting = asyncio.Lock()

    @classmethod
    async def start(cls, config: LocalMindConfig) -> Self:
        """Return a mind that is ready to answer. Raises `MindError` when the model or its runtime lacks."""
        mind = cls(config, _find(config.model))
        try:
            await mind._running()
        except BaseException:
            await mind.aclose()
            raise
        return mind

    @property
    def process_id(self) -> int | None:
        """The child's process, while there is one."""
        return None if self._child is None else self._child.pid

    async def ended(self) -> None:
        """Wait until the child has ended, for whatever reason."""
        if self._child is not None:
            await self._child.wait()

    async def answer(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """Yield text as it comes; a child that died is started again first. See `Mind`."""
        client = await self._running()
        async with aclosing(client.answer(messages)) as deltas:
            async for delta in deltas:
                yield delta

    async def aclose(self) -> None:
        """End the child and wait for it."""
        client, self._client = self._client, None
        child, self._child = self._child, None
        if client is not None:
            await client.aclose()
        if child is not None and child.returncode is None:
            child.terminate()
            try:
                await asyncio.wait_for(child.wait(), _STOP_AFTER_S)
            except TimeoutError:
                child.kill()
                await child.wait()

    async def _running(self) -> OpenAIMind:
        """Return the client of a child that lives."""
        async with self._starting:
            if self._client is None or self._child is None or self._child.returncode is not None:
                await self.aclose()
                self._client = await self._launch()
            return self._client

    async def _launch(self) -> OpenAIMind:
        config = self._config
        self._child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agent.llama_server", str(self._model),
            "--threads", str(config.threads), "--context", str(config.context_tokens),
            "--nice", str(config.nice),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        address = await self._read_address(self._child)
        _log.info("the language model listens at %s", address)
        return OpenAIMind(
            OpenAIMindConfig(
                base_url=f"{address}/v1",
                model=self._model.stem,
                temperature=config.temperature,
                max_tokens=config.max_tokens,
                extra_body={"repeat_penalty": config.repeat_penalty, "cache_prompt": True},
            )
        )

    async def _read_address(self, child: asyncio.subprocess.Process) -> str:
        """Return the address the child says; it may log other lines before."""
        if child.stdout is None:
            raise MindError("the language model's process has no output to read")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.start_timeout_s):
                while line := (await child.stdout.readline()).decode():
                    if line.startswith("http://"):
                        return line.strip()
        raise MindError(
            f"the language model did not start within {self._config.start_timeout_s:g} s; "
            f"try it alone: python -m agent.llama_server {self._model}"
        )


def _find(model: str) -> Path:
    if importlib.util.find_spec("xllamacpp") is None:
        raise MindError("the local mind needs xllamacpp: pip install 'visavis[mind]', or take --mind echo")
    path = asset_path(model) if model in ASSETS else Path(model)
    if not path.is_file():
        raise MindError(f"no language model at {path}; take smollm2 or the path of a GGUF file")
    return path
