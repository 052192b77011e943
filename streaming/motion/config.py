"""How motion is sent: how often, how finely, how much of it."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from streaming.motion.channels import QUALITIES
from streaming.motion.packet import ECHOES_MAX, FRAMES_MAX

Part = Literal["face", "body", "hands"]


class MotionConfig(BaseModel):
    """Settings of a sender. The defaults stay below 8 kbit/s on a data channel, headers counted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    packet_ticks: int = Field(default=4, ge=1, le=FRAMES_MAX)
    """Ticks of 40 ms in a packet. The first of n frames waits (n - 1) · 40 ms; every packet costs headers."""
    echoes: int = Field(default=4, ge=0, le=ECHOES_MAX)
    """Past frames repeated in each packet, two apart; 4 stand for two lost packets of 4 frames."""
    finest: int = Field(default=6, ge=0, lt=QUALITIES)
    """Quality used while the line allows it; 0 is finest."""
    coarsest: int = Field(default=10, ge=0, lt=QUALITIES)
    """Beyond this the frame rate is lowered instead."""
    target_bps: int = Field(default=8000, ge=500, le=1_000_000)
    """Bits a second on the wire that are not to be exceeded, `overhead_bytes` included."""
    overhead_bytes: int = Field(default=93, ge=0, le=500)
    """Headers around each packet (`streaming.motion.wire`); a data channel's by default."""
    still_ticks: int = Field(default=12, ge=1, le=250)
    """Stillness of so many ticks ends sending."""
    keepalive_ticks: int = Field(default=25, ge=1, le=250)
    """While still, the pose is repeated so often."""
    parts: tuple[Part, ...] = ("face", "body", "hands")
    """What is sent; the rest stays at rest."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.finest > self.coarsest:
            raise ValueError("motion needs finest <= coarsest; 0 is the finest quality, 15 the coarsest")
        return self
