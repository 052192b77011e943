"""Speech of an agent whose avatar speaks in the agent's own connection."""

from livekit.agents.voice.avatar import QueueAudioOutput
from livekit.plugins.visavis.receiver import SegmentReceiver


class LocalAudioOutput(QueueAudioOutput, SegmentReceiver):
    """`QueueAudioOutput` that knows how many ends it owes, and clears only where one is owed."""

    @property
    def owed(self) -> int:
        """Segments that the agent began and was not told the end of."""
        return self._pending_playback_count

    def clear_buffer(self) -> None:
        """Silence what is said and what waits."""
        if self.owed:
            super().clear_buffer()
