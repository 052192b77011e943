"""The settings of one realtime conversation, and how a client changes them."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from agent.realtime.events import RATE_HZ, FunctionTool, NamedChoice, ResponseForm, ServerVad, SessionPatch
from agent.tools import Tool, Toolbox

Modality = Literal["audio", "text"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds until it is changed."""

    instructions: str | None = None
    """Instead of the persona's prompt and examples; None keeps those."""
    modality: Modality = "audio"
    """Text is not spoken, and the avatar does not move its lips to it."""
    turns: ServerVad | None = ServerVad(type="server_vad")  # noqa: RUF009  (frozen)
    """None where the client says when a turn is over."""
    toolbox: Toolbox = Toolbox()  # noqa: RUF009  (frozen)

    def patched(self, patch: SessionPatch) -> "Settings":
        """Return the settings after a `session.update`."""
        changed = self.for_response(
            ResponseForm(
                instructions=patch.instructions,
                output_modalities=patch.output_modalities,
                tools=patch.tools,
                tool_choice=patch.tool_choice,
            )
        )
        given = patch.audio.input if patch.audio else None
        if given is not None and "turn_detection" in given.model_fields_set:
            changed = replace(changed, turns=given.turn_detection)
        return changed

    def for_response(self, form: ResponseForm) -> "Settings":
        """Return the settings for one response."""
        toolbox = self.toolbox
        if form.tools is not None:
            toolbox = replace(toolbox, tools=tuple(_tool(tool) for tool in form.tools))
        if form.tool_choice is not None:
            given = form.tool_choice
            toolbox = replace(toolbox, choice=given.name if isinstance(given, NamedChoice) else given)
        return replace(
            self,
            instructions=self.instructions if form.instructions is None else form.instructions,
            modality=form.output_modalities[0] if form.output_modalities else self.modality,
            toolbox=toolbox,
        )

    def described(self, model: str) -> dict[str, Any]:
        """Return the settings as `session.created` and `session.updated` tell them."""
        pcm = {"type": "audio/pcm", "rate": RATE_HZ}
        box = self.toolbox
        named = box.choice not in ("auto", "none", "required")
        return {
            "type": "realtime",
            "object": "realtime.session",
            "model": model,
            "instructions": self.instructions or "",
            "output_modalities": [self.modality],
            "audio": {
                "input": {
                    "format": pcm,
                    "turn_detection": self.turns.model_dump(exclude_none=True) if self.turns else None,
                },
                "output": {"format": pcm},
            },
            "tools": [
                {"type": "function", "name": t.name, "description": t.description, "parameters": t.parameters}
                for t in box.tools
            ],
            "tool_choice": {"type": "function", "name": box.choice} if named else box.choice,
        }


def _tool(form: FunctionTool) -> Tool:
    return Tool(form.name, form.description, form.parameters)
