"""Rooms of a LiveKit server that is not there: byte streams, calls and tracks between participants.

Everything else is real: sources, tracks and streams of `livekit.rtc`, and the classes of `livekit.agents`.
"""

import asyncio
import itertools
from dataclasses import dataclass, field
from types import SimpleNamespace

from livekit import rtc

CHUNK_BYTES = 15_000
DELAY_S = 0.002
"""From one participant to another."""
AGENT = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
PERSON = rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD


class FakeReader:
    """A byte stream as it arrives."""

    def __init__(self, attributes):
        self.info = SimpleNamespace(attributes=attributes, stream_id="stream")
        self._chunks = asyncio.Queue()
        self.closed = False

    def feed(self, chunk):
        self._chunks.put_nowait(chunk)

    def __aiter__(self):
        return self

    async def __anext__(self):
        chunk = await self._chunks.get()
        if isinstance(chunk, Exception):
            raise chunk
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    def close(self):
        self.closed = True

    async def aclose(self):
        self.close()


class FakeWriter:
    """A byte stream as it is sent, in chunks as the SDK cuts them."""

    def __init__(self, readers):
        self._readers = readers

    async def write(self, data):
        for start in range(0, len(data), CHUNK_BYTES):
            self._feed(data[start : start + CHUNK_BYTES])
        await asyncio.sleep(0)

    async def aclose(self):
        self._feed(None)

    def abort(self):
        self._feed(rtc.StreamError("the sender gave up"))

    def _feed(self, chunk):
        for reader in self._readers:
            asyncio.get_running_loop().call_later(DELAY_S, reader.feed, chunk)


@dataclass
class Publication:
    """A track and how it was published."""

    track: rtc.Track
    options: rtc.TrackPublishOptions
    sid: str
    subscribed: asyncio.Event

    @property
    def kind(self):
        return self.track.kind

    async def wait_for_subscription(self):
        await self.subscribed.wait()


class FakeParticipant:
    """One participant, as itself and as the others see it."""

    def __init__(self, room, identity, kind, attributes):
        self._room = room
        self.identity, self.name, self.kind, self.attributes = identity, identity, kind, attributes
        self.state = rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE
        self.track_publications = {}
        self._rpc_handlers = {}
        self.calls = []
        self.texts = []
        """Topic, text and attributes of what was written."""

    def register_rpc_method(self, method_name, handler):
        self._rpc_handlers[method_name] = handler

    def unregister_rpc_method(self, method):
        self._rpc_handlers.pop(method, None)

    async def perform_rpc(self, *, destination_identity, method, payload, response_timeout=None):
        self.calls.append((asyncio.get_running_loop().time(), method, payload))
        await asyncio.sleep(DELAY_S)
        handler = self._room.other(destination_identity).local_participant._rpc_handlers.get(method)
        if handler is None:
            raise rtc.RpcError(rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD, "unsupported")
        answer = handler(rtc.RpcInvocationData("request", self.identity, payload, 10.0))
        await asyncio.sleep(DELAY_S)
        return answer

    async def stream_bytes(self, name, *, topic, destination_identities, attributes):
        readers = []
        for identity in destination_identities:
            room = self._room.other(identity)
            readers.append(reader := FakeReader(attributes))
            asyncio.get_running_loop().call_later(DELAY_S, room.deliver, topic, reader, self.identity)
        await asyncio.sleep(0)
        return FakeWriter(readers)

    async def publish_track(self, track, options):
        sid = f"TR_{next(self._room.server.numbers)}"
        publication = Publication(track, options, sid, asyncio.Event())
        if self._room.server.subscribes:
            publication.subscribed.set()
        self.track_publications[sid] = publication
        self._room.emit("local_track_published", publication, track)
        for room in self._room.others():
            room.emit("track_published", publication, self)
            room.emit("track_subscribed", track, publication, self)
        return publication

    async def unpublish_track(self, track_sid):
        publication = self.track_publications.pop(track_sid)
        for room in self._room.others():
            room.emit("track_unsubscribed", publication.track, publication, self)

    async def set_attributes(self, attributes):
        self.attributes.update(attributes)

    async def send_text(self, text, *, topic, attributes=None):
        self.texts.append((topic, text, attributes))
        for room in self._room.others():
            room.read(topic, text, self.identity)


class FakeRoom(rtc.EventEmitter):
    """A room as one participant sees it."""

    def __init__(self, server, identity, kind, attributes):
        super().__init__()
        self.server, self.name = server, "room"
        self.local_participant = FakeParticipant(self, identity, kind, attributes)
        self._handlers = {}

    def isconnected(self):
        return True

    @property
    def remote_participants(self):
        return {room.local_participant.identity: room.local_participant for room in self.others()}

    def others(self):
        return [room for room in self.server.rooms if room is not self]

    def other(self, identity):
        return next(room for room in self.server.rooms if room.local_participant.identity == identity)

    def register_byte_stream_handler(self, topic, handler):
        if topic in self._handlers:
            raise ValueError("there is a handler already")
        self._handlers[topic] = handler

    def unregister_byte_stream_handler(self, topic):
        self._handlers.pop(topic, None)

    def register_text_stream_handler(self, topic, handler):
        self.register_byte_stream_handler(topic, handler)

    def unregister_text_stream_handler(self, topic):
        self.unregister_byte_stream_handler(topic)

    def read(self, topic, text, identity):
        async def read_all():
            return text

        self.deliver(topic, SimpleNamespace(read_all=read_all), identity)

    def leave(self):
        self.server.rooms.remove(self)
        for room in self.server.rooms:
            room.emit("participant_disconnected", self.local_participant)
        self.emit("disconnected", "left")

    def deliver(self, topic, reader, identity):
        if topic in self._handlers:
            self._handlers[topic](reader, identity)


@dataclass
class FakeServer:
    """One room and who is in it."""

    subscribes: bool = True
    """Whether somebody takes every track at once."""
    rooms: list[FakeRoom] = field(default_factory=list)
    numbers: itertools.count = field(default_factory=itertools.count)

    def join(self, identity, kind=AGENT, **attributes):
        room = FakeRoom(self, identity, kind, attributes)
        for other in self.rooms:
            other.emit("participant_connected", room.local_participant)
            other.emit("participant_active", room.local_participant)
        self.rooms.append(room)
        return room
