"""`SessionConfig`: every number of a session, with its unit and its reason."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from models.picture import Tier


def _tier_named(value: object) -> object:
    """Let a tier be written by its name, as in a YAML file."""
    if not isinstance(value, str):
        return value
    if value.upper() not in Tier.__members__:
        raise ValueError(f"no tier {value!r}; there are: {', '.join(Tier.__members__)}")
    return Tier[value.upper()]


class SessionConfig(BaseModel):
    """How a session buffers, chunks, paces and degrades."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    pacing: Literal["live", "free"] = "live"
    """`live`: each packet at its time, late pictures are replaced. `free`: as fast as they are consumed,
    every picture is waited for."""

    input_limit_s: Annotated[float, Field(gt=0.0)] = 120.0
    """Seconds of speech that may wait to be said. Voices are faster than real time, so a whole answer
    waits here: two minutes cover the longest, and cost 10 MB."""

    lookahead_ms: Annotated[int, Field(ge=0)] = 200
    """Milliseconds of speech after a chunk that the motion stage may see, where they are known already."""

    chunk_frames: Annotated[int, Field(ge=1, le=8)] = 4
    """Frames of motion made at once while speaking."""

    first_chunk_frames: Annotated[int, Field(ge=1, le=8)] = 1
    """Frames of the first chunk of an utterance: short, so that the lips move soon."""

    idle_chunk_frames: Annotated[int, Field(ge=1, le=8)] = 1
    """Frames of a chunk while nobody speaks: short, because speech that arrives waits for its end."""

    lead_frames: Annotated[int, Field(ge=1, le=8)] = 4
    """Pictures that may be ready ahead of their time while speaking. Each absorbs 40 ms of unevenness."""

    idle_lead_frames: Annotated[int, Field(ge=1, le=8)] = 2
    """The same while nobody speaks; each delays the next utterance by 40 ms."""

    fade_ms: Annotated[float, Field(ge=0.0, le=40.0)] = 8.0
    """Milliseconds over which interrupted sound fades out, so that it does not click."""

    ease_frames: Annotated[int, Field(ge=0, le=8)] = 3
    """Frames over which motion moves from what was shown last to what follows an interruption."""

    catch_up_ms: Annotated[int, Field(ge=40)] = 400
    """How late the consumer may come and still get every packet, one right after the other. Later than
    that, media time skips to the present: receivers hold about this much in their jitter buffers."""

    tier: Annotated[Tier | None, BeforeValidator(_tier_named)] = None
    """Fixed quality, by name; None lets the measured picture time decide (never in `free` pacing)."""
