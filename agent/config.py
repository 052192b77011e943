"""All settings of visavis in one strict tree, read from a preset or a YAML file, then from the environment.

Errors: `ConfigError` (ValueError): no such preset or file, or a setting that is not possible. The message
names the place and the choices.
"""

import json
import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.asr import AsrConfig
from agent.assembly_config import AssemblyConfig
from agent.echo import EchoConfig
from agent.fillers import FillersConfig
from agent.hearing import HearingConfig
from agent.local_mind import LocalMindConfig
from agent.motion import MotionConfig
from agent.openai_mind import OpenAIMindConfig
from agent.persona import PersonaConfig
from agent.picture import PictureConfig
from agent.piper_voice import PiperConfig
from agent.turn_end import TurnEndConfig
from agent.turns import ConversationConfig
from agent.vad import VadConfig
from agent.words import WordsConfig
from engine.admission import AdmissionConfig
from engine.config import SessionConfig
from streaming.config import RoomConfig
from streaming.devices.config import DevicesConfig
from streaming.livekit.config import LiveKitConfig

MindKind = Literal["local", "echo", "openai"]
SettingsT = TypeVar("SettingsT", bound=BaseModel)

ENVIRONMENT: Final = {
    "VISAVIS_HOST": ("room", "host"),
    "VISAVIS_PORT": ("room", "port"),
    "VISAVIS_TOKEN": ("room", "bearer_token"),
    "VISAVIS_PUSH_TOKEN": ("room", "push", "token"),
    "VISAVIS_LLM_BASE_URL": ("mind", "openai", "base_url"),
    "VISAVIS_LLM_MODEL": ("mind", "openai", "model"),
    "VISAVIS_LLM_API_KEY": ("mind", "openai", "api_key"),
    "VISAVIS_MQTT_HOST": ("devices", "host"),
    "VISAVIS_MQTT_USERNAME": ("devices", "username"),
    "VISAVIS_MQTT_PASSWORD": ("devices", "password"),
    "LIVEKIT_URL": ("livekit", "url"),
    "LIVEKIT_API_KEY": ("livekit", "api_key"),
    "LIVEKIT_API_SECRET": ("livekit", "api_secret"),
}
"""Environment variables, and the setting each replaces when it is set and not empty."""
ICE_ENVIRONMENT: Final = {
    "urls": "VISAVIS_ICE_SERVER",
    "username": "VISAVIS_ICE_USERNAME",
    "credential": "VISAVIS_ICE_CREDENTIAL",
}
"""The three variables that together describe one STUN or TURN server."""


class ConfigError(ValueError):
    """A setting is not possible; the message names it and the choices."""


class MindConfig(BaseModel):
    """Who thinks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: MindKind = "local"
    """local: a small model in a child process; echo: repeats the visitor; openai: any compatible endpoint."""
    local: LocalMindConfig = LocalMindConfig()
    openai: OpenAIMindConfig = OpenAIMindConfig()


class Config(BaseModel):
    """Everything that can be set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    avatar: str = "eileen"
    """Name of the avatar that is met first; `eileen` is made at the first start."""
    picture_size: int = Field(default=512, ge=64, le=1024)
    """Side of the picture in pixels."""
    mark_pictures: bool = False
    """Lay the mark "AI" over a corner of every picture; those of calls always have it."""
    room: RoomConfig = RoomConfig()
    session: SessionConfig = SessionConfig()
    motion: MotionConfig = MotionConfig()
    picture: PictureConfig = PictureConfig()
    admission: AdmissionConfig = AdmissionConfig()
    vad: VadConfig = VadConfig()
    hearing: HearingConfig = HearingConfig()
    echo: EchoConfig = EchoConfig()
    asr: AsrConfig = AsrConfig()
    mind: MindConfig = MindConfig()
    voice: PiperConfig = PiperConfig()
    turn_end: TurnEndConfig = TurnEndConfig()
    words: WordsConfig = WordsConfig()
    fillers: FillersConfig = FillersConfig()
    conversation: ConversationConfig = ConversationConfig()
    assembly: AssemblyConfig = AssemblyConfig()
    persona: PersonaConfig = PersonaConfig()
    livekit: LiveKitConfig = LiveKitConfig()
    devices: DevicesConfig = DevicesConfig()

    def with_mind(self, choice: str) -> "Config":
        """Return a copy that thinks with `choice`: local, echo, openai, or the address of an endpoint.

        Raises:
            ConfigError: when it is none of these.
        """
        change: dict[str, Any] = {"kind": choice}
        if choice.startswith(("http://", "https://")):
            change = {"kind": "openai", "openai": self.mind.openai.model_copy(update={"base_url": choice})}
        elif choice not in ("local", "echo", "openai"):
            raise ConfigError(
                f"no mind {choice!r}; take local, echo, openai, or an address that begins with http"
            )
        return self.model_copy(update={"mind": self.mind.model_copy(update=change)})

    def with_room(
        self,
        *,
        host: str | None = None,
        port: int | None = None,
        record: bool | None = None,
        push: str | None = None,
    ) -> "Config":
        """Return a copy with other settings of the room; None keeps what is set.

        Raises:
            ConfigError: when `push` is no address.
        """
        change: dict[str, Any] = {"host": host, "port": port, "record": record}
        if push is not None:
            if not push.startswith(("http://", "https://")):
                raise ConfigError(f"the avatar is pushed to an address that begins with http, not {push!r}")
            change["push"] = self.room.push.model_copy(update={"url": push})
        return self.model_copy(update={"room": _changed(self.room, change)})

    def with_livekit(self, **change: str | None) -> "Config":
        """Return a copy with other settings of LiveKit; None keeps what is set."""
        return self.model_copy(update={"livekit": _changed(self.livekit, change)})


def _changed(settings: SettingsT, change: Mapping[str, Any]) -> SettingsT:
    """Return `settings` with what is given of `change`."""
    return settings.model_copy(update={key: value for key, value in change.items() if value is not None})


def presets() -> tuple[str, ...]:
    """Return the names of the presets that come with visavis."""
    names = (Path(str(entry)).stem for entry in files("configs").iterdir() if entry.name.endswith(".yaml"))
    return tuple(sorted(names))


def load_config(
    path_or_preset: str | Path = "default", environment: Mapping[str, str] = os.environ
) -> Config:
    """Read a preset or a YAML file over the preset `default`, then the environment.

    Args:
        path_or_preset: name of a preset, or path of a YAML file.
        environment: variables that replace settings; see `ENVIRONMENT` and `ICE_ENVIRONMENT`.

    Raises:
        ConfigError: when there is no such file, or it holds what is not possible.
    """
    settings = _merge(_read("default"), _read(path_or_preset))
    for variable, keys in ENVIRONMENT.items():
        if environment.get(variable):
            _put(settings, keys, environment[variable])
    ice = {key: environment[name] for key, name in ICE_ENVIRONMENT.items() if environment.get(name)}
    if "urls" in ice:
        _put(settings, ("room", "ice_servers"), [{**ice, "urls": [ice["urls"]]}])
    try:
        # As JSON, because strict models take names and numbers for enumerations and tuples only from there.
        return Config.model_validate_json(json.dumps(settings))
    except ValidationError as error:
        raise ConfigError(_explain(error, path_or_preset)) from error


def _read(path_or_preset: str | Path) -> dict[str, Any]:
    """Return the settings of a preset or file as nested dictionaries."""
    preset = files("configs").joinpath(f"{path_or_preset}.yaml")
    if str(path_or_preset) in presets():
        text = preset.read_text(encoding="utf-8")
    else:
        path = Path(path_or_preset)
        if not path.is_file():
            raise ConfigError(f"no preset or file {str(path)!r}; presets are {', '.join(presets())}")
        text = path.read_text(encoding="utf-8")
    try:
        settings = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"{path_or_preset} is not YAML: {error}") from error
    if not isinstance(settings, dict):
        raise ConfigError(
            f"{path_or_preset} must hold settings as `key: value`, not a {type(settings).__name__}"
        )
    return settings


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return `below` with what `above` says, setting by setting."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict) and key != "extra_body"
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _put(settings: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    for key in keys[:-1]:
        settings = settings.setdefault(key, {})
    settings[keys[-1]] = value


def _explain(error: ValidationError, source: str | Path) -> str:
    """Say in one line each what is wrong, where, and what would be right."""
    lines = [f"{source} has settings that are not possible:"]
    for problem in error.errors(include_url=False):
        place = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            choices = _choices(Config, problem["loc"][:-1])
            lines.append(f"{place}: no such setting; there are {', '.join(choices)}")
        else:
            lines.append(f"{place}: {problem['msg']}, not {problem['input']!r}")
    return "\n".join(lines)


def _choices(model: type[BaseModel], place: tuple[int | str, ...]) -> tuple[str, ...]:
    """Return the names of the settings at `place`."""
    for key in place:
        field = model.model_fields.get(str(key))
        inner = field.annotation if field is not None else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return ()
        model = inner
    return tuple(model.model_fields)
