"""How a room is set up: addresses, ICE servers, codecs, limits."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

IceUrl = Annotated[str, StringConstraints(pattern=r"^(stun:|turn:|turns:)[^?\s]+(\?transport=(udp|tcp))?$")]
"""`stun:host[:port]`, `turn:host[:port][?transport=udp|tcp]` or `turns:host[:port][?transport=tcp]`."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IceServer(_Strict):
    """A STUN or TURN server, as handed to browsers too: give it short-lived credentials."""

    urls: tuple[IceUrl, ...] = Field(min_length=1)
    username: str | None = None
    credential: SecretStr | None = None


class VideoBitrate(_Strict):
    """Range the encoder follows the receiver's estimate in, kbit/s."""

    min_kbps: int = Field(default=500, ge=50)
    start_kbps: int = Field(default=1200, ge=50)
    max_kbps: int = Field(default=1500, le=20_000)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.min_kbps <= self.start_kbps <= self.max_kbps:
            msg = "video bitrate needs min_kbps <= start_kbps <= max_kbps"
            raise ValueError(msg)
        return self


class PushConfig(_Strict):
    """A WHIP endpoint that a show is pushed to."""

    url: str = Field(default="", pattern=r"^(https?://\S+)?$")
    """Address; nothing is pushed when empty."""
    token: SecretStr | None = None
    """Sent as a bearer token."""
    show: str = Field(default="stage", min_length=1)
    avatar: str | None = None
    """Whom the show shows; the default avatar when left out."""
    silence_s: float = Field(default=10.0, gt=0)
    """An endpoint that reports nothing for so long is taken for gone. Reports on arriving media are due every
    7.5 s at the latest (RFC 3550, section 6.2) and mostly come every second."""


class RoomConfig(_Strict):
    """Settings of the room server. The defaults suit one machine and its own browser."""

    host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` lets the network in (microphones then need HTTPS)."""
    port: int = Field(default=8080, ge=0, le=65_535)
    """TCP port of the page; 0 takes any free one."""
    ice_servers: tuple[IceServer, ...] = ()
    """None by default: on one machine or network nothing is gained, and each dead server costs seconds."""
    relay_only: bool = False
    """Let media pass through TURN alone."""
    video_codec: Literal["VP8", "H264"] = "VP8"
    """Codec offered first; the other stays possible for browsers that lack it."""
    video_bitrate: VideoBitrate = VideoBitrate()
    audio_kbps: int = Field(default=48, ge=16, le=256)
    """Opus, mono; 48 kbit/s is transparent for speech."""
    audio_buffer_ms: int = Field(default=500, ge=40, le=2000)
    """Sound that may wait for the network before the oldest is dropped. After a pause of the machine a
    session hands out up to `SessionConfig.catch_up_ms` at once; less than that here would cut words out."""
    jitter_target_ms: int = Field(default=0, ge=0, le=4000)
    """Least playout delay asked of the browser; 0 leaves it to the browser's own estimate."""
    connect_timeout_s: float = Field(default=15.0, gt=0)
    """How long a visitor may take from the answer to a media connection."""
    stats_interval_s: float = Field(default=1.0, gt=0)
    upload_max_mb: float = Field(default=16.0, gt=0)
    """Largest photo taken for a new avatar, in megabytes."""
    text_max_chars: int = Field(default=2000, ge=1)
    """Longest typed turn."""
    recordings: str = ""
    """Folder of recordings; `recordings` beside the avatars when empty."""
    record: bool = False
    """Record every show, from its first frame to its last."""
    push: PushConfig = PushConfig()
    bearer_token: SecretStr | None = None
    """When set, every call of the API must carry it; the page reads it from `#token=…` of its link."""
    allowed_origins: tuple[str, ...] = ()
    """Other pages' origins that may call the API, e.g. `https://example.org`; the room's own always may."""
