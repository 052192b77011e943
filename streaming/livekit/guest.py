"""A partner as a participant of a LiveKit room: it listens, speaks and is seen.

Frontends that know LiveKit's agents know it: its state stands in `lk.agent.state`, and what both sides said
is sent as `lk.transcription`.
"""

import asyncio
import logging
from typing import Final

from livekit import rtc
from livekit.plugins.visavis import Media, MediaOptions

from streaming.contract import Caption, Notice, Partner, StateChange
from streaming.livekit.ears import Ears
from streaming.livekit.faces import shown_of_session

logger = logging.getLogger(__name__)

AGENT_STATE: Final = "lk.agent.state"
TRANSCRIPTION_TOPIC: Final = "lk.transcription"
SEGMENT_ID: Final = "lk.segment_id"
TRANSCRIPTION_FINAL: Final = "lk.transcription_final"


class Guest:
    """One partner in one room, until `run` is cancelled or the partner ends; who made it closes it."""

    def __init__(self, room: rtc.Room, partner: Partner, options: MediaOptions, text_max_chars: int) -> None:
        self._room, self._partner, self._options = room, partner, options
        self._ears = Ears(room, partner, text_max_chars)

    async def run(self) -> None:
        """Publish, listen, and tell what happens."""
        packets = aiter(self._partner.packets())
        height, width = (await anext(packets)).picture.shape[:2]
        media, shown = Media(self._room, width, height, self._options), shown_of_session()
        self._ears.open()
        others = [asyncio.create_task(media.publish()), asyncio.create_task(self._tell())]
        try:
            async for packet in packets:
                frame = shown(packet)
                await media.send(frame.video, frame.pcm)
                for task in others:
                    if task.done():
                        task.result()
        finally:
            for task in others:
                task.cancel()
            await asyncio.wait(others)
            await self._ears.aclose()
            await media.unpublish()
            await media.aclose()

    async def _tell(self) -> None:
        """Say in the room what the partner says of itself."""
        participant = self._room.local_participant
        async for event in self._partner.events():
            match event:
                case StateChange(state=state):
                    await participant.set_attributes({AGENT_STATE: state})
                case Caption(who=who, turn=turn, text=text, final=True):
                    about = {SEGMENT_ID: f"{who}-{turn}", TRANSCRIPTION_FINAL: "true"}
                    await participant.send_text(text, topic=TRANSCRIPTION_TOPIC, attributes=about)
                case Notice(text=text):
                    logger.warning("%s", text)
