"""The items of a realtime conversation: messages, calls and their results, in order, bounded."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from agent.history import INTERRUPTED
from agent.mind import Message
from agent.realtime.events import EventError, ItemForm
from agent.tools import ToolCall
from agent.voice import Word

ITEMS_MAX: Final = 400
"""Items that are kept; of more, the oldest are forgotten, as the mind would not be shown them either."""

Role = Literal["user", "assistant", "system"]


def new_id(kind: str) -> str:
    """Return a fresh name such as `item_1f…`."""
    return f"{kind}_{secrets.token_hex(10)}"


@dataclass(slots=True, eq=False)
class Item:
    """One item; `text` is what was written, said or heard of it."""

    kind: Literal["message", "function_call", "function_call_output"]
    id: str = field(default_factory=lambda: new_id("item"))
    role: Role = "user"
    text: str = ""
    spoken: bool = False
    """Whether it came, or goes, as sound."""
    transcript: "asyncio.Task[str] | None" = None
    """The recognition of spoken words, while it goes on and after."""
    words: list[Word] = field(default_factory=list)
    """Of a spoken answer, in seconds of its sound."""
    truncated: bool = False
    status: Literal["in_progress", "completed", "incomplete"] = "completed"
    call: ToolCall | None = None
    """Of a call, and of a result the call that it answers (its id alone)."""

    @classmethod
    def read(cls, form: ItemForm) -> "Item":
        """Return the item that a client describes. Raises `EventError`."""
        name = form.id or new_id("item")
        if form.type == "message":
            if form.role is None:
                raise EventError("missing_role", "a message has a role: user, assistant or system")
            if any(part.type in ("input_audio", "input_image") for part in form.content):
                raise EventError(
                    "unsupported_content", "messages hold text; sound comes by input_audio_buffer.append"
                )
            text = " ".join(part.text or part.transcript or "" for part in form.content).strip()
            return cls("message", name, form.role, text)
        call = ToolCall(form.call_id or new_id("call"), form.name, form.arguments)
        return cls(form.type, name, "assistant", form.output, call=call)

    def form(self) -> dict[str, Any]:
        """Return the item as the client is told it."""
        base = {"id": self.id, "object": "realtime.item", "type": self.kind, "status": self.status}
        if self.call is not None and self.kind == "function_call":
            return base | {
                "call_id": self.call.call_id, "name": self.call.name, "arguments": self.call.arguments,
            }  # fmt: skip
        if self.call is not None:
            return base | {"call_id": self.call.call_id, "output": self.text}
        return base | {"role": self.role, "content": self._content()}

    def message(self) -> Message | None:
        """Return the item as a mind reads it; None when there is nothing to read."""
        if self.call is not None and self.kind == "function_call":
            return Message("assistant", "", calls=(self.call,))
        if self.call is not None:
            return Message("tool", self.text, call_id=self.call.call_id)
        if not self.text:
            return None
        return Message(self.role, self.text + (INTERRUPTED if self.truncated else ""))

    def truncate(self, audio_end_s: float) -> None:
        """Keep the words that were heard at least by half until `audio_end_s`."""
        heard = [word for word in self.words if (word.start_s + word.end_s) / 2 <= audio_end_s]
        if len(heard) < len(self.text.split()):
            self.words, self.truncated = heard, True
            self.text = " ".join(word.text for word in heard)

    def _content(self) -> list[dict[str, Any]]:
        if self.status == "in_progress":
            return []
        if self.role == "assistant":
            kind, key = ("output_audio", "transcript") if self.spoken else ("output_text", "text")
        else:
            kind, key = ("input_audio", "transcript") if self.spoken else ("input_text", "text")
        pending = self.transcript is not None and not self.transcript.done()
        return [{"type": kind, key: None if pending else self.text}]


class Items:
    """The conversation so far."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    @property
    def last_id(self) -> str | None:
        """Name of the last item."""
        return self._items[-1].id if self._items else None

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Add an item at the end, or after another; returns the name of the one before it.

        Raises:
            EventError: when there is none to stand after, or one of this name already.
        """
        if any(known.id == item.id for known in self._items):
            raise EventError("item_exists", f"there is an item {item.id!r} already")
        at = len(self._items) if after is None else 0 if after == "root" else self._index(after) + 1
        self._items.insert(at, item)
        before = self._items[at - 1].id if at else None
        del self._items[: max(0, len(self._items) - ITEMS_MAX)]
        return before

    def get(self, name: str) -> Item:
        """Return an item. Raises `EventError`."""
        return self._items[self._index(name)]

    def remove(self, name: str) -> None:
        """Take an item out. Raises `EventError`."""
        del self._items[self._index(name)]

    async def settled(self) -> None:
        """Wait until every spoken word is recognised."""
        waiting = [item.transcript for item in self._items if item.transcript is not None]
        if waiting:
            await asyncio.wait(waiting)

    def messages(self) -> Sequence[Message]:
        """Return the conversation as a mind reads it; calls of one answer stand in one message."""
        messages: list[Message] = []
        for item in self._items:
            message = item.message()
            if message is None:
                continue
            last = messages[-1] if messages else None
            if message.calls and last is not None and last.role == "assistant":
                messages[-1] = Message("assistant", last.content, last.calls + message.calls)
            else:
                messages.append(message)
        return messages

    def _index(self, name: str) -> int:
        for index, item in enumerate(self._items):
            if item.id == name:
                return index
        raise EventError("item_not_found", f"there is no item {name!r}")
