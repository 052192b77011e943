"""The command line: quick help, errors without tracebacks, and one JSON line where asked for."""

import json
import subprocess
import sys

import pytest

from agent.cli import main


@pytest.fixture(autouse=True)
def fresh_home(tmp_path, monkeypatch):
    monkeypatch.setenv("VISAVIS_HOME", str(tmp_path / "home"))


def test_help_imports_nothing_heavy():
    program = """
import sys
from agent.cli import main
try:
    main(["--help"])
except SystemExit:
    heavy = {"torch", "numpy", "numba", "mediapipe", "scipy", "faster_whisper", "aiortc", "av", "pydantic"}
    sys.exit(", ".join(sorted(heavy & set(sys.modules))) or None)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "serve" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["avatar", "show", "nobody"], "nobody"),
        (["serve", "--config", "nonsense"], "presets are default"),
        (["serve", "--mind", "nonsense"], "local, echo, openai"),
        (["serve", "--mind", "echo", "--avatar", "nobody"], "nobody"),
        (["serve", "--mind", "echo", "--push", "nonsense"], "begins with http"),
        (["serve", "--livekit-url", "ws://127.0.0.1:9"], "--livekit-room"),
        (["serve", "--mind", "echo", "--livekit-room", "lobby"], "LIVEKIT_API_KEY"),
        (["avatar-worker", "--livekit-url", "ws://127.0.0.1:9"], "LIVEKIT_API_SECRET"),
        (["render"], "--text"),
        (["render", "--text", "Hello.", "--avatar", "nobody"], "nobody"),
        (["avatar", "create", __file__, "--name", "someone"], "picture"),
        (["avatar", "create", "absent.jpg", "--name", "someone"], "absent.jpg"),
        (["bench", "nonsense"], "picture"),
        (["doctor", "--only", "weather"], "machine, libraries"),
        (["call", "send", "--via", "http://127.0.0.1:9/?call=x", "--avatar", "eileen"], "--camera"),
        (["call", "join", "--via", "http://127.0.0.1:9/?call=x"], "--out"),
        (["call", "join", "--via", "ftp://127.0.0.1/x", "--out", "x.mp4"], "mqtts://"),
        (["call", "join", "--via", "mqtt://127.0.0.1/x", "--out", "x.mp4"], "peer"),
        (["call", "join", "--via", "http://127.0.0.1:9/", "--out", "x.mp4"], "?call=NAME"),
        (["avatar", "key", "nobody"], "nobody"),
        (["tracker", "--package", __file__], "tasks-vision"),
        (["nonsense"], "nonsense"),
    ],
)
def test_impossible_wishes_are_explained(run, arguments, told):
    status, _, errors = run(*arguments)
    assert status == 2
    assert told in " ".join(errors.split())
    assert "Traceback" not in errors


def test_the_unexpected_is_told_without_traceback(run, monkeypatch):
    monkeypatch.setattr("agent.doctor.examine", lambda *_: 1 / 0)
    status, _, errors = run("doctor")
    assert status == 1
    assert "ZeroDivisionError" in errors
    assert "--debug" in errors
    assert "Traceback" not in errors


def test_debug_shows_where_it_comes_from():
    with pytest.raises(ValueError, match="no preset"):
        main(["--debug", "serve", "--config", "nonsense"])


def test_no_avatars_yet_says_how_to_make_one(run):
    status, output, _ = run("avatar", "list")
    assert status == 0
    assert "visavis avatar create" in output


def test_doctor_prints_one_json_line(run):
    _, output, _ = run("doctor", "--only", "libraries", "--json")
    assert len(output.splitlines()) == 1
    assert {"area", "name", "status", "detail", "remedy"} == set(json.loads(output)[0])


def test_doctor_fails_when_something_essential_lacks(run, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("VISAVIS_HOME", str(tmp_path / "file" / "home"))
    assert run("doctor", "--only", "machine")[0] == 1


def test_version_is_the_installed_one(run):
    from importlib.metadata import version

    assert run("--version")[1].strip() == version("visavis")
