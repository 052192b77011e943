"""Which broker, which call, and whose end of it."""

import base64
import binascii
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from streaming.motion.carrier import MessageKind
from streaming.motion.seal import SECRET_BYTES

Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""A level of a topic: letters, digits, `_` and `-`."""


class MqttConfig(BaseModel):
    """Settings of one end of a call over MQTT 5."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(min_length=1)
    port: int = Field(default=8883, ge=1, le=65_535)
    tls: bool = True
    """Encrypt the way to the broker; only a broker on the same machine may do without."""
    ca_file: Path | None = None
    """Certificate that signed the broker's; by default what the system trusts."""
    username: str | None = None
    password: SecretStr | None = None
    call: Word
    """Name of the call; both ends know it."""
    name: Word
    """This end."""
    peer: Word
    """The other end."""
    prefix: Word = "visavis"
    secret: SecretStr | None = None
    """32 bytes in base64, known to both ends and to no broker: everything but presence is sealed with it."""
    keepalive_s: int = Field(default=10, ge=1, le=600)
    """Silence after which the broker says for us that we are gone is one and a half of this."""
    timeout_s: float = Field(default=10.0, gt=0)
    """How long a connection or an acknowledgement may take."""
    kept_s: int = Field(default=3600, ge=1, le=604_800)
    """How long the broker keeps card and portrait."""

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.name == self.peer:
            raise ValueError("the two ends of a call need different names")
        self.secret_bytes()
        return self

    def secret_bytes(self) -> bytes | None:
        """Return the secret, if there is one. Raises `ValueError` when it is no 32 bytes in base64."""
        if self.secret is None:
            return None
        try:
            secret = base64.b64decode(self.secret.get_secret_value(), validate=True)
        except binascii.Error:
            secret = b""
        if len(secret) != SECRET_BYTES:
            raise ValueError(
                f"the secret is {SECRET_BYTES} bytes in base64; make one with: openssl rand -base64 32"
            )
        return secret

    def topic(self, who: str, kind: MessageKind | str) -> str:
        """Return the topic of what an end says."""
        return f"{self.prefix}/{self.call}/{who}/{kind}"
