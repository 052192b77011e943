"""Which broker a room listens at for devices."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from streaming.motion.mqtt_config import Word


class DevicesConfig(BaseModel):
    """Settings of the room's end at an MQTT 5 broker. Without a host there is none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = ""
    """Broker; nothing is listened to when empty."""
    port: int = Field(default=8883, ge=1, le=65_535)
    tls: bool = True
    """Encrypt the way to the broker; only a broker on the same machine may do without."""
    ca_file: Path | None = None
    """Certificate that signed the broker's; by default what the system trusts."""
    username: str | None = None
    password: SecretStr | None = None
    prefix: Word = "visavis"
    room: Word = "room"
    """Name of this room in topics."""
    keepalive_s: int = Field(default=10, ge=1, le=600)
    """Silence after which the broker says for us that we are gone is one and a half of this."""
    state_every_s: float = Field(default=5.0, gt=0)
    """How often the state is looked at; it is told when it changed."""

    def topic(self, kind: str) -> str:
        """Return a topic of the room."""
        return f"{self.prefix}/rooms/{self.room}/{kind}"
