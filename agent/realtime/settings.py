"""The settings of one realtime conversation, and how a client changes them."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from agent.realtime.coding import CODINGS, Coding
from agent.realtime.events import AudioInput, FunctionTool, NamedChoice, ResponseForm, ServerVad, SessionPatch
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
    heard: Coding = CODINGS["audio/pcm"]
    """How the client codes its sound."""
    told: Coding = CODINGS["audio/pcm"]
    """How the avatar's is coded."""

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
        if patch.audio and patch.audio.output and patch.audio.output.format:
            changed = replace(changed, told=patch.audio.output.format.coding)
        return changed._hearing(patch.audio.input) if patch.audio and patch.audio.input else changed

    def _hearing(self, given: AudioInput) -> "Settings":
        changed = self
        if given.format is not None:
            changed = replace(changed, heard=given.format.coding)
        if "turn_detection" in given.model_fields_set:
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
                    "format": _form(self.heard),
                    "turn_detection": self.turns.model_dump(exclude_none=True) if self.turns else None,
                },
                "output": {"format": _form(self.told)},
            },
            "tools": [
                {"type": "function", "name": t.name, "description": t.description, "parameters": t.parameters}
                for t in box.tools
            ],
            "tool_choice": {"type": "function", "name": box.choice} if named else box.choice,
        }


def _form(coding: Coding) -> dict[str, Any]:
    """Return a coding as the API writes it: only plain samples name their rate."""
    rate = {"rate": coding.rate_hz} if coding.name == "audio/pcm" else {}
    return {"type": coding.name, **rate}


def _tool(form: FunctionTool) -> Tool:
    return Tool(form.name, form.description, form.parameters)
