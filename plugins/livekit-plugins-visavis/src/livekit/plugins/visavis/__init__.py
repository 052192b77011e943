"""A face for LiveKit agents, from your own visavis."""

from livekit.agents import Plugin
from livekit.plugins.visavis.dispatch import WORKER_NAME, Assignment, AssignmentError
from livekit.plugins.visavis.local import LocalAudioOutput
from livekit.plugins.visavis.log import logger
from livekit.plugins.visavis.media import Media, MediaOptions
from livekit.plugins.visavis.publisher import AvatarPublisher, Face, Shown
from livekit.plugins.visavis.receiver import SegmentReceiver, StreamReceiver
from livekit.plugins.visavis.session import AvatarSession
from livekit.plugins.visavis.version import __version__

__all__ = [
    "WORKER_NAME",
    "Assignment",
    "AssignmentError",
    "AvatarPublisher",
    "AvatarSession",
    "Face",
    "LocalAudioOutput",
    "Media",
    "MediaOptions",
    "SegmentReceiver",
    "Shown",
    "StreamReceiver",
    "__version__",
]


class VisavisPlugin(Plugin):
    """Makes the plugin known to LiveKit's registry."""

    def __init__(self) -> None:
        super().__init__(__name__, __version__, __package__ or __name__, logger)


Plugin.register_plugin(VisavisPlugin())
