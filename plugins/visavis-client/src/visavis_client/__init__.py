"""Speech in, pictures and sound out: a client of visavis' avatar socket."""

from visavis_client.avatar import Avatar
from visavis_client.errors import AvatarError, AvatarGoneError, AvatarRefusedError
from visavis_client.wire import Frame, SegmentFinished, SegmentStarted

__all__ = [
    "Avatar",
    "AvatarError",
    "AvatarGoneError",
    "AvatarRefusedError",
    "Frame",
    "SegmentFinished",
    "SegmentStarted",
]
