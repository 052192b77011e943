"""Settings: what is refused, and that secrets stay secret."""

import pytest
from pydantic import ValidationError

from streaming.config import IceServer, RoomConfig, VideoBitrate


@pytest.mark.parametrize(
    "url", ["stun:stun.example.org", "turn:host:3478?transport=udp", "turns:host:443?transport=tcp"]
)
def test_ice_urls_are_taken(url):
    assert IceServer(urls=(url,)).urls == (url,)


@pytest.mark.parametrize(
    "url", ["", "http://host", "turn:", "turn:host?transport=carrier-pigeon", "stun:a b"]
)
def test_other_urls_are_refused(url):
    with pytest.raises(ValidationError):
        IceServer(urls=(url,))


def test_bitrates_must_be_in_order():
    with pytest.raises(ValidationError, match="min_kbps <= start_kbps <= max_kbps"):
        VideoBitrate(min_kbps=900, start_kbps=800)


def test_unknown_settings_are_refused():
    with pytest.raises(ValidationError, match="video_codek"):
        RoomConfig.model_validate({"video_codek": "VP8"})


def test_secrets_are_not_shown():
    config = RoomConfig(
        bearer_token="hidden", ice_servers=(IceServer(urls=("turn:host",), credential="hidden"),)
    )
    assert "hidden" not in repr(config)
    assert "hidden" not in config.model_dump_json()
