import pytest
import yaml
from pydantic import BaseModel

from agent.config import Config, ConfigError, load_config, presets
from agent.words import Words
from models.picture import Tier
from tests.house.repository import ROOT


def test_presets():
    assert presets() == ("default", "echo", "german", "openai")
    assert [load_config(name, {}).mind.kind for name in presets()] == ["local", "echo", "local", "openai"]


def test_another_language_is_a_preset():
    english, german = load_config("default", {}), load_config("german", {})
    assert german.asr.language == "de"
    for part in ("asr", "voice", "fillers", "persona", "words"):
        assert getattr(german, part) != getattr(english, part), part
    words, english_words = Words(german.words), Words(english.words)
    assert words.is_unfinished("Ich hätte gern einen Kaffee und")
    assert not english_words.is_unfinished("Ich hätte gern einen Kaffee und")
    assert words.is_backchannel("Ach so, ja genau.")
    assert german.turn_end == english.turn_end


def stated(model: BaseModel, settings: dict, place: str = "") -> list[str]:
    """Places where the preset does not say what the code does by default."""
    wrong = []
    for name in type(model).model_fields:
        value = getattr(model, name)
        if name not in settings:
            wrong.append(f"{place}{name} is missing")
        elif isinstance(value, BaseModel):
            wrong += stated(value, settings[name], f"{place}{name}.")
        elif name not in ("prompt", "examples") and list_of(value) != list_of(settings[name]):
            wrong.append(f"{place}{name} is {settings[name]!r}, by default {value!r}")
    return wrong


def list_of(value):
    if hasattr(value, "get_secret_value"):
        return value.get_secret_value()
    return list(value) if isinstance(value, tuple) else value


def test_the_default_preset_states_every_setting():
    text = (ROOT / "configs/default.yaml").read_text()
    assert stated(Config(), yaml.safe_load(text)) == []


def test_every_line_of_a_preset_explains_itself():
    for name in presets():
        lines = (ROOT / f"configs/{name}.yaml").read_text().partition("persona:")[0].splitlines()
        bare = [line for line in lines if line.strip() and not line.endswith(":") and "#" not in line]
        assert bare == []


def test_the_environment_wins():
    config = load_config(
        "default",
        {
            "VISAVIS_PORT": "9000",
            "VISAVIS_TOKEN": "let-me-in",
            "VISAVIS_LLM_MODEL": "big",
            "VISAVIS_HOST": "",
            "VISAVIS_ICE_SERVER": "turn:192.0.2.1:3478",
            "VISAVIS_ICE_USERNAME": "visavis",
            "VISAVIS_ICE_CREDENTIAL": "pw",
        },
    )
    assert (config.room.port, config.room.host, config.mind.openai.model) == (9000, "127.0.0.1", "big")
    assert config.room.bearer_token.get_secret_value() == "let-me-in"
    assert config.room.ice_servers[0].username == "visavis"


def test_a_file_says_only_what_it_changes(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("mind: {kind: echo}\nvad: {min_silence_ms: 700}\nsession: {tier: 1}\n")
    config = load_config(file, {})
    assert (config.mind.kind, config.vad.min_silence_ms, config.vad.pause_ms) == ("echo", 700, 200)
    assert config.session.tier == Tier.WARP
    assert len(config.persona.examples) > 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("vadd: {}", "vadd: no such setting; there are avatar, picture_size, mark_pictures"),
        ("vad: {treshold: 1}", "vad.treshold: no such setting; there are threshold, release_threshold"),
        ("mind: {kind: telepathy}", "mind.kind: .*'local', 'echo' or 'openai'.*'telepathy'"),
        ("room: {port: 99999}", "room.port: .*99999"),
        ("turn_end: {unsure_ms: 2000}", "unsure_ms 2000 is above incomplete_ms 1400"),
        ("turn_end: {kind: magic}", "turn_end.kind: .*'words' or 'silence'.*'magic'"),
        ("words: {backchannels: ['...']}", "words.backchannels: .*every entry must hold a word"),
        ("fillers: {texts: ['']}", "fillers.texts: .*a few words"),
        ("echo: {agreement: 2}", "echo.agreement: .*less than 1"),
        ("asr: {language: de}", "asr: .*whisper_tiny_en understands English alone, and language is de"),
        ("asr: {language: German}", "asr.language: .*pattern"),
        ("vad: {pause_ms: 900}", "pause_ms 900 is above min_silence_ms 480"),
        ("- a list", "key: value"),
        ("a: [", "not YAML"),
    ],
)
def test_errors_name_the_place_and_the_choices(tmp_path, text, says):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=says):
        load_config(file, {})


def test_no_such_preset():
    with pytest.raises(ConfigError, match="presets are default, echo, german, openai"):
        load_config("nowhere", {})


def test_minds_by_name_and_address():
    config = load_config("default", {})
    assert config.with_mind("echo").mind.kind == "echo"
    chosen = config.with_mind("http://127.0.0.1:11434/v1").mind
    assert (chosen.kind, chosen.openai.base_url) == ("openai", "http://127.0.0.1:11434/v1")
    with pytest.raises(ConfigError, match="local, echo, openai"):
        config.with_mind("oracle")
