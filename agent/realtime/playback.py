"""What the avatar really says of the responses: told to the client, and kept as what was heard."""

from collections import deque
from collections.abc import Callable

from agent.realtime.items import Item
from agent.realtime.response import Response
from engine.packets import SegmentStarted
from engine.speech import SegmentEvent


class Playback:
    """Follows the session's utterances, which come in the order of their responses.

    Args:
        tell: sends an event: its type, and its fields.
    """

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell
        self._playing: deque[Response] = deque()

    def expect(self, response: Response) -> None:
        """Note that a response may sound, after those before it."""
        self._playing.append(response)

    def made(self, response: Response) -> None:
        """Note that a response is made: when it has no sound by now, none will come."""
        if not response.sounded and response in self._playing:
            self._playing.remove(response)

    def holds(self, item: Item) -> bool:
        """Tell whether an item may still sound."""
        return any(response.item is item for response in self._playing)

    def on_segment(self, event: SegmentEvent) -> None:
        """Take what the session says; an answer that was cut keeps the words that sounded."""
        if not self._playing:
            return
        if isinstance(event, SegmentStarted):
            self._tell("output_audio_buffer.started", response_id=self._playing[0].id)
            return
        response = self._playing.popleft()
        if not event.interrupted:
            self._tell("output_audio_buffer.stopped", response_id=response.id)
            return
        self._tell("output_audio_buffer.cleared", response_id=response.id)
        if response.item is not None:
            self.truncate(response.item, round(1000 * event.played_s))

    def truncate(self, item: Item, audio_end_ms: int) -> None:
        """Keep of an item what was heard, and tell so."""
        item.truncate(audio_end_ms / 1000)
        self._tell("conversation.item.truncated", item_id=item.id, content_index=0, audio_end_ms=audio_end_ms)
