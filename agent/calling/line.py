"""From `--via` to an end of a call: a room's link, or a broker's."""

import os
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import SecretStr, ValidationError

from agent.config import ConfigError
from streaming.calls.broker_end import BrokerEnd
from streaming.calls.end import CallEnd
from streaming.calls.room_end import RoomEnd
from streaming.motion.mqtt import MqttCarrier
from streaming.motion.mqtt_config import MqttConfig
from streaming.problems import first_problem

SECRET_VARIABLE: Final = "VISAVIS_CALL_SECRET"
"""Environment variable with the secret that both ends of a call over a broker know."""
FORMS: Final = "http://HOST:PORT/?call=NAME, or mqtts://BROKER/CALL?peer=NAME"


async def open_end(via: str, *, name: str, avatar: str | None = None, key: str = "") -> CallEnd:
    """Join a call.

    Raises:
        ConfigError: `via` is no link to a call.
        CallRefusedError, CarrierClosedError: room or broker say no, or are not there.
    """
    parts = urlsplit(via)
    if parts.scheme in ("http", "https"):
        return await RoomEnd.join(via, avatar=avatar, key=key, name=name)
    if parts.scheme in ("mqtt", "mqtts"):
        return BrokerEnd(await MqttCarrier.join(broker_of(parts, name)))
    raise ConfigError(f"a call is reached by {FORMS}, not {via!r}")


def broker_of(parts: SplitResult, name: str) -> MqttConfig:
    """Return a broker's settings from its link. Raises `ConfigError`."""
    peer = parse_qs(parts.query).get("peer", [""])[0]
    password, secret = parts.password, os.environ.get(SECRET_VARIABLE)
    try:
        return MqttConfig(
            host=parts.hostname or "",
            port=parts.port or (8883 if parts.scheme == "mqtts" else 1883),
            tls=parts.scheme == "mqtts",
            username=unquote(parts.username) if parts.username else None,
            password=SecretStr(unquote(password)) if password else None,
            call=parts.path.strip("/"),
            name=name,
            peer=peer,
            secret=SecretStr(secret) if secret else None,
        )
    except ValidationError as error:
        raise ConfigError(f"{parts.scheme} links look like {FORMS}: {first_problem(error)}") from error
