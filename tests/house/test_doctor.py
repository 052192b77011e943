"""The doctor finds what is there and what lacks, and says how to get it."""

import socket

import pytest

from agent.config import load_config
from agent.doctor import AREAS, Status, examine

HERE = load_config("echo", environment={})


@pytest.fixture(autouse=True)
def fresh_home(tmp_path, monkeypatch):
    monkeypatch.setenv("VISAVIS_HOME", str(tmp_path / "home"))


def found(area, config=HERE):
    return {finding.name: finding for _, finding in examine(config, area)}


def test_every_area_is_looked_at():
    assert tuple(dict.fromkeys(area for area, _ in examine(HERE))) == AREAS


def test_what_is_not_well_has_a_remedy():
    for _, finding in examine(HERE):
        assert bool(finding.remedy) == (finding.status != Status.OK), finding


def test_unknown_area_is_told_the_choices():
    with pytest.raises(ValueError, match="machine, libraries, models"):
        list(examine(HERE, "weather"))


def test_a_taken_port_is_essential():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = load_config("echo", environment={"VISAVIS_PORT": str(taken.getsockname()[1])})
        port = found("room", config)["port"]
    assert port.status == Status.MISSING
    assert "--port" in port.remedy


def test_a_turn_server_settles_ice():
    assert found("room")["ice"].status == Status.NOTE
    config = load_config("echo", environment={"VISAVIS_ICE_SERVER": "turn:192.0.2.1:3478"})
    assert found("room", config)["ice"].status == Status.OK


def test_a_chosen_endpoint_must_be_set():
    assert found("mind", HERE.with_mind("openai"))["remote mind"].status == Status.MISSING
    assert found("mind", HERE.with_mind("http://127.0.0.1:1/v1"))["remote mind"].status == Status.OK


def test_a_home_that_cannot_be_written_to_is_essential(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("VISAVIS_HOME", str(tmp_path / "file" / "home"))
    assert found("machine")["home"].status == Status.MISSING
