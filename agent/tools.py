"""Functions that a mind may ask its caller to run: described on the way in, called on the way out.

The words are those of OpenAI's chat completions (https://platform.openai.com/docs/guides/function-calling).
Nothing is run here: calls go to whoever offered the tools, and the results come back as messages.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that is offered."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """JSON schema of its arguments."""

    def chat_form(self) -> dict[str, Any]:
        """Return it as chat completions take it."""
        function = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": {key: value for key, value in function.items() if value}}


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that is to be run."""

    call_id: str
    name: str
    arguments: str
    """JSON text, as the model wrote it."""

    def chat_form(self) -> dict[str, Any]:
        """Return it as it stands in the messages of chat completions."""
        function = {"name": self.name, "arguments": self.arguments}
        return {"id": self.call_id, "type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The tools of one question; none by default."""

    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    """`auto`, `none`, `required`, or the name of a tool that must be called."""

    def chat_form(self) -> dict[str, Any]:
        """Return the fields of a request; none where no tools are offered."""
        if not self.tools:
            return {}
        named = self.choice not in ("auto", "none", "required")
        choice = {"type": "function", "function": {"name": self.choice}} if named else self.choice
        return {"tools": [tool.chat_form() for tool in self.tools], "tool_choice": choice}


@dataclass(slots=True)
class CallParts:
    """A call of which pieces have come."""

    call_id: str = ""
    name: str = ""
    arguments: str = ""

    def add(self, delta: Mapping[str, Any]) -> None:
        """Append a piece of a streamed answer's `tool_calls`."""
        function = delta.get("function") or {}
        self.call_id = delta.get("id") or self.call_id
        self.name += function.get("name") or ""
        self.arguments += function.get("arguments") or ""

    def whole(self) -> ToolCall:
        """Return the call."""
        return ToolCall(self.call_id, self.name, self.arguments)
