"""Where speech comes from: `SegmentReceiver`, and the one that reads an agent's byte streams.

`livekit.agents.voice.avatar.DataStreamAudioReceiver` loses count when it is cleared: the ends of segments
that wait in its channel are dropped with their sound, streams that have arrived and are not read yet are
played after the clear, and a stream that breaks ends it for good. It also cuts sound into frames of 100 ms,
which wait to be full. This one counts, and passes on what comes.
"""

import asyncio
import json
from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import Final

from livekit import rtc
from livekit.agents import utils
from livekit.agents.voice.avatar import AudioReceiver, AudioSegmentEnd
from livekit.plugins.visavis.log import logger

AUDIO_STREAM_TOPIC: Final = "lk.audio_stream"
RPC_CLEAR_BUFFER: Final = "lk.clear_buffer"
RPC_PLAYBACK_STARTED: Final = "lk.playback_started"
RPC_PLAYBACK_FINISHED: Final = "lk.playback_finished"
STREAM_IDLE_TIMEOUT_S: Final = 10.0
"""A stream without a byte for this long has lost its end; the sender's own limit."""
RPC_TRIES: Final = 3
RPC_PAUSE_S: Final = 0.1

Item = rtc.AudioFrame | AudioSegmentEnd


class SegmentReceiver(AudioReceiver):
    """An `AudioReceiver` that knows how many ends it owes."""

    @property
    @abstractmethod
    def owed(self) -> int:
        """Segments that the sender began and was not told the end of."""


class StreamReceiver(SegmentReceiver):
    """Takes speech from an agent in the same room, and tells it what was played, by RPC.

    Args:
        room: where both are; connected before `start`.
        sender_identity: the agent. Nobody else is heard.
    """

    def __init__(self, room: rtc.Room, sender_identity: str) -> None:
        super().__init__()
        self._room, self._sender = room, sender_identity
        # Both hold an entry or two for each segment that the agent begins, and it begins one at a time.
        self._streams: asyncio.Queue[rtc.ByteStreamReader] = asyncio.Queue()
        self._calls: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._cut = asyncio.Event()
        self._clears = 0
        self._owed = 0
        self._untold = 0
        self._started_known = True
        self._caller: asyncio.Task[None] | None = None

    @property
    def owed(self) -> int:
        """Segments that the sender began and was not told the end of."""
        return self._owed

    async def start(self) -> None:
        """Wait for the agent, and begin to listen."""
        self._room.local_participant.register_rpc_method(RPC_CLEAR_BUFFER, self._on_clear)
        self._room.register_byte_stream_handler(AUDIO_STREAM_TOPIC, self._on_stream)
        await utils.wait_for_participant(room=self._room, identity=self._sender)
        self._caller = asyncio.create_task(self._call(), name="playback calls")

    def notify_playback_started(self) -> None:
        """Tell the agent that a segment is heard now."""
        self._calls.put_nowait((RPC_PLAYBACK_STARTED, ""))

    def notify_playback_finished(self, playback_position: float, interrupted: bool) -> None:
        """Tell the agent that a segment is over.

        Args:
            playback_position: seconds of it that were heard.
            interrupted: whether a clear ended it.
        """
        self._owed = max(0, self._owed - 1)
        self._untold += 1
        end = {"playback_position": playback_position, "interrupted": interrupted}
        self._calls.put_nowait((RPC_PLAYBACK_FINISHED, json.dumps(end)))

    async def __aiter__(self) -> AsyncIterator[Item]:
        """Yield speech as it comes, and an `AudioSegmentEnd` after each segment."""
        while True:
            reader = await self._streams.get()
            self._cut.clear()
            if not self._streams.empty():
                self._cut.set()
            try:
                async for frame in self._frames(reader):
                    yield frame
            except (KeyError, ValueError) as error:
                logger.warning("a stream that is no speech: %s", error)
            except Exception as error:  # livekit's StreamError, of a sender that gave up
                logger.warning("a stream of speech broke: %s", error)
            finally:
                await reader.aclose()
            yield AudioSegmentEnd()

    async def aclose(self) -> None:
        """Stop listening. Ends that wait to be told are told first, if that works at once."""
        self._room.unregister_byte_stream_handler(AUDIO_STREAM_TOPIC)
        self._room.local_participant.unregister_rpc_method(RPC_CLEAR_BUFFER)
        if self._caller is not None:
            self._caller.cancel()
            await asyncio.wait([self._caller])

    async def _frames(self, reader: rtc.ByteStreamReader) -> AsyncIterator[rtc.AudioFrame]:
        """Yield one stream's speech until its end, a clear, or a newer stream: they never overlap."""
        attributes = reader.info.attributes or {}
        rate_hz, channels = int(attributes["sample_rate"]), int(attributes["num_channels"])
        clears, rest, empty = self._clears, b"", True
        while (data := await self._next(reader)) is not None:
            if clears != self._clears:
                return
            empty = False
            data = rest + data
            whole = len(data) // (2 * channels)
            rest = data[2 * channels * whole :]
            if whole:
                yield rtc.AudioFrame(data[: 2 * channels * whole], rate_hz, channels, whole)
        if empty and clears == self._clears:
            # The agent counts a segment with its first sound.
            self._owed = max(0, self._owed - 1)

    async def _next(self, reader: rtc.ByteStreamReader) -> bytes | None:
        """Return the next bytes; None at the end, and where no end will come."""
        coming = asyncio.ensure_future(_read(reader))
        cut = asyncio.ensure_future(self._cut.wait())
        try:
            done, _ = await asyncio.wait(
                {coming, cut}, timeout=STREAM_IDLE_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
            )
            if coming in done:
                return coming.result()
            if not done:
                logger.warning(
                    "a stream of speech was silent for %g s; taken for ended", STREAM_IDLE_TIMEOUT_S
                )
            return None
        finally:
            coming.cancel()
            cut.cancel()

    def _on_stream(self, reader: rtc.ByteStreamReader, identity: str) -> None:
        if identity != self._sender:
            logger.warning("speech from %s, which is not the agent, is not heard", identity)
            reader.close()
            return
        self._owed += 1
        self._cut.set()
        self._streams.put_nowait(reader)

    def _on_clear(self, data: rtc.RpcInvocationData) -> str:
        if data.caller_identity != self._sender:
            logger.warning("a clear by %s, which is not the agent, is refused", data.caller_identity)
            return "reject"
        self._clears += 1
        while not self._streams.empty():
            self._streams.get_nowait().close()
        if self._owed == 0 and self._untold == 0:
            # The agent clears only while it waits for an end, so a segment was cut before its stream began.
            # An end that it has not acknowledged crossed the clear on its way, and is what it waits for.
            self._owed = 1
        self._cut.set()
        self.emit("clear_buffer")
        return "ok"

    async def _call(self) -> None:
        """Make the calls one after another, in order; one that fails is told and does not end the others."""
        while True:
            method, payload = await self._calls.get()
            if method == RPC_PLAYBACK_STARTED and not self._started_known:
                continue
            for tried in range(1, RPC_TRIES + 1):
                try:
                    await self._room.local_participant.perform_rpc(
                        destination_identity=self._sender, method=method, payload=payload
                    )
                    break
                except rtc.RpcError as error:
                    if error.code == rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD and "started" in method:
                        # The agent did not ask for it (`wait_playback_start=False`).
                        self._started_known = False
                        break
                    logger.warning("%s failed, try %d of %d: %s", method, tried, RPC_TRIES, error)
                    await asyncio.sleep(RPC_PAUSE_S)
            self._untold -= method == RPC_PLAYBACK_FINISHED


async def _read(reader: rtc.ByteStreamReader) -> bytes | None:
    return await anext(aiter(reader), None)
