"""What the avatar answers: messages in, a stream of text out. The seam and its fakes.

Errors:

    MindError (RuntimeError)
    ├── MindUnreachableError   nobody answers at the address
    ├── MindRefusedError       the endpoint said no: key, model name, malformed request
    └── MindBrokenError        the stream ended or stalled before the answer was complete
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from agent.tools import Toolbox, ToolCall


class MindError(RuntimeError):
    """No answer, or no whole answer; the message says why and what to check."""


class MindUnreachableError(MindError):
    """Nobody answers at the address."""


class MindRefusedError(MindError):
    """The endpoint said no."""


class MindBrokenError(MindError):
    """The stream ended or stalled before the answer was complete."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn as a language model reads it."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    calls: tuple[ToolCall, ...] = ()
    """Functions the assistant asked for."""
    call_id: str = ""
    """The call that a tool's message answers."""


class Mind(Protocol):
    """Answers."""

    def answer(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """Yield the answer to the last message in pieces as they come. Raises `MindError`.

        An async generator: close it (`contextlib.aclosing`) to stop the model early.
        """
        ...

    async def aclose(self) -> None:
        """End connections and processes. Safe to call twice."""
        ...


@runtime_checkable
class ToolMind(Mind, Protocol):
    """A mind that may also ask for functions to be run."""

    def answer_with(
        self, messages: Sequence[Message], toolbox: Toolbox
    ) -> AsyncGenerator[str | ToolCall, None]:
        """Yield text as it comes, and then the calls, each whole. Otherwise as `Mind.answer`."""
        ...


class EchoMind:
    """A `Mind` without a model: gives back what was said, word by word, after `delay_s` for each."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self._delay_s = delay_s

    async def answer(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """Yield "You said: …" for the last message of the user."""
        said = next((m.content for m in reversed(messages) if m.role == "user"), "nothing")
        for index, word in enumerate(f"You said: {said}".split()):
            await asyncio.sleep(self._delay_s)
            yield word if index == 0 else f" {word}"

    async def aclose(self) -> None:
        """Nothing to end."""


class ScriptedMind:
    """Fake `ToolMind`: plays one line of the script for each question; the last for ever.

    Args:
        script: answers, each a sequence of tokens (`str`), calls, pauses (`float`, seconds), errors to raise.
    """

    def __init__(self, script: Iterable[Sequence[str | float | ToolCall | MindError]]) -> None:
        self._script = list(script)
        self.asked: list[tuple[Message, ...]] = []
        """The messages of each question so far."""
        self.offered: list[Toolbox] = []
        """The tools of each question so far."""

    async def answer(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """Play the text of the next line."""
        async with aclosing(self.answer_with(messages, Toolbox())) as steps:
            async for step in steps:
                if isinstance(step, str):
                    yield step

    async def answer_with(
        self, messages: Sequence[Message], toolbox: Toolbox
    ) -> AsyncGenerator[str | ToolCall, None]:
        """Play the next line."""
        line = self._script[min(len(self.asked), len(self._script) - 1)]
        self.asked.append(tuple(messages))
        self.offered.append(toolbox)
        for step in line:
            if isinstance(step, MindError):
                raise step
            if isinstance(step, float | int):
                await asyncio.sleep(step)
            else:
                await asyncio.sleep(0)
                yield step

    async def aclose(self) -> None:
        """Nothing to end."""
