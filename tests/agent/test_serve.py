import socket

import pytest
from pydantic import SecretStr

from agent.config import load_config
from agent.serve import link, serve
from streaming.config import RoomConfig


def test_a_taken_port_is_known_before_anything_is_loaded():
    with socket.create_server(("127.0.0.1", 0)) as other:
        config = load_config("echo", {"VISAVIS_PORT": str(other.getsockname()[1])})
        steps = []
        with pytest.raises(OSError, match="choose another with --port"):
            serve(config, ready=steps.append, report=lambda stage, fraction: steps.append(stage))
        assert steps == []


@pytest.mark.parametrize(
    ("room", "address"),
    [
        (RoomConfig(), "http://127.0.0.1:80/"),
        (RoomConfig(host="0.0.0.0"), "http://127.0.0.1:80/"),
        (RoomConfig(host="::1"), "http://[::1]:80/"),
        (RoomConfig(bearer_token=SecretStr("key")), "http://127.0.0.1:80/#token=key"),
    ],
)
def test_the_link_can_be_opened(room, address):
    assert link(room, 80) == address
