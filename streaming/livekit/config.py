"""How visavis takes part in LiveKit rooms."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class LiveKitVideo(BaseModel):
    """How pictures and sound are published."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_kbps: int = Field(default=1500, ge=50, le=20_000)
    """Picture, kbit/s."""
    audio_kbps: int = Field(default=48, ge=16, le=256)
    """Opus, mono, kbit/s."""
    codec: Literal["vp8", "h264", "vp9", "av1", "h265"] = "vp8"
    encoder: Literal["auto", "software", "hardware", "nvenc", "vaapi", "videotoolbox"] = "auto"
    """Where it is encoded; `auto` lets the SDK choose."""
    degradation: Literal["balanced", "maintain_framerate", "maintain_resolution"] = "maintain_framerate"
    """What gives when the network does."""
    simulcast: bool = False
    """Several sizes at once; each costs an encoder."""
    subscription_timeout_s: float = Field(default=10.0, gt=0)
    """How long the picture waits for somebody to take the sound."""


class LiveKitConfig(BaseModel):
    """Settings of `visavis avatar-worker` and of `visavis serve --livekit-url`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = ""
    """Address of the LiveKit server, e.g. `wss://example.livekit.cloud`."""
    api_key: str = ""
    api_secret: SecretStr = SecretStr("")
    """Key and secret of the project; better kept in LIVEKIT_API_KEY and LIVEKIT_API_SECRET."""
    room: str = ""
    """Room that `serve` joins."""
    identity: str = "visavis"
    """Identity under which `serve` joins."""
    worker_name: str = "visavis-avatar"
    """Agent name under which avatar workers register; agents dispatch to it."""
    idle_processes: int = Field(default=1, ge=0)
    """Processes that wait, warmed up, for the next agent."""
    encode_cost_ms: float = Field(default=8.0, ge=0)
    """Milliseconds of one core to encode a frame, on top of making it: reckoned with in the load."""
    health_port: int = Field(default=0, ge=0, le=65_535)
    """TCP port of the worker's health check, on this machine alone; 0 takes any free one."""
    video: LiveKitVideo = LiveKitVideo()
