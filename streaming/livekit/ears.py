"""What a partner hears and reads in a LiveKit room: one person's microphone at a time, and the chat."""

import asyncio
import logging
from typing import Any, Final

import numpy as np
from livekit import rtc

from streaming.contract import Partner

logger = logging.getLogger(__name__)

CHAT_TOPIC: Final = "lk.chat"
RATE_HZ: Final = 16_000
"""Asked of the SDK, which resamples; speech is analysed at this rate anyway."""
PEOPLE: Final = (
    rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
    rtc.ParticipantKind.PARTICIPANT_KIND_SIP,
    rtc.ParticipantKind.PARTICIPANT_KIND_CONNECTOR,
)


def is_person(participant: Any) -> bool:
    """Whether a participant is somebody to talk with, and not a machine of the room."""
    return participant.kind in PEOPLE


class Ears:
    """Brings microphones and chat to a partner, from `open` to `aclose`.

    The microphone that came first is heard; when it goes, the one that came next. Voices are not mixed,
    because a recogniser makes nothing of two at once.
    """

    def __init__(self, room: rtc.Room, partner: Partner, text_max_chars: int) -> None:
        self._room, self._partner, self._text_max_chars = room, partner, text_max_chars
        self._microphones: dict[str, rtc.Track] = {}
        self._heard: str | None = None
        self._listening: asyncio.Task[None] | None = None
        self._reading: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Begin to listen and to read."""
        self._room.on("track_subscribed", self._on_track)
        self._room.on("track_unsubscribed", self._on_track_gone)
        self._room.register_text_stream_handler(CHAT_TOPIC, self._on_chat)
        for participant in self._room.remote_participants.values():
            for publication in participant.track_publications.values():
                if publication.track is not None:
                    self._on_track(publication.track, publication, participant)

    async def aclose(self) -> None:
        """Hear and read no more."""
        self._room.off("track_subscribed", self._on_track)
        self._room.off("track_unsubscribed", self._on_track_gone)
        self._room.unregister_text_stream_handler(CHAT_TOPIC)
        self._microphones.clear()
        tasks = [task for task in (self._listening, *self._reading) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _on_track(self, track: Any, publication: Any, participant: Any) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO and is_person(participant):
            self._microphones[publication.sid] = track
            self._choose()

    def _on_track_gone(self, track: Any, publication: Any, participant: Any) -> None:
        self._microphones.pop(publication.sid, None)
        self._choose()

    def _choose(self) -> None:
        """Listen to the microphone that has been there longest."""
        first = next(iter(self._microphones), None)
        if first == self._heard:
            return
        self._heard = first
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None
        if first is not None:
            self._listening = asyncio.create_task(self._listen(self._microphones[first]), name="ears")

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream.from_track(track=track, sample_rate=RATE_HZ, num_channels=1)
        try:
            async for event in stream:
                self._partner.push_audio(np.frombuffer(event.frame.data, np.int16).copy(), RATE_HZ)
        finally:
            await stream.aclose()

    def _on_chat(self, reader: Any, identity: str) -> None:
        task = asyncio.create_task(self._read(reader, identity), name="chat")
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, reader: Any, identity: str) -> None:
        text = await reader.read_all()
        if len(text) > self._text_max_chars:
            logger.warning("a text of %d characters by %s is not read", len(text), identity)
            return
        self._partner.push_text(text)
