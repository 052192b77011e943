"""How several visitors share the floor; the rules are in `agent/assembly.py`."""

from pydantic import BaseModel, ConfigDict, Field


class AssemblyConfig(BaseModel):
    """The numbers of the rules."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    yield_after_s: float = Field(default=2.0, gt=0)
    """Silence after which the floor is free, though nothing was understood."""
    nod_s: float = Field(default=0.6, ge=0)
    """Speech shorter than that, while somebody else is heard, is no turn."""
    wait_limit_s: float = Field(default=28.0, gt=1, le=30)
    """Longest speech that is kept while it waits; recognition reads 30 s at once."""
    seat_yaw_deg: float = Field(default=14.0, ge=0, le=20)
    """How far the avatar turns to look at the outermost seat."""
