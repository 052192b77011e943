"""One who publishes into a show: their sound is the avatar's voice. Pictures they send are not asked for."""

import asyncio
import logging
from typing import Final

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame
from jaxtyping import Int16

from streaming.config import RoomConfig
from streaming.microphone import mono
from streaming.negotiation import (
    UnacceptableOfferError,
    accept,
    describe,
    gather,
    open_connection,
    preferred_codecs,
    trickle,
)
from streaming.show import Show
from streaming.voice_gate import VoiceGate, is_loud

logger = logging.getLogger(__name__)

NO_SOUND_S: Final = 0.5
"""A publisher that sends nothing for so long has paused: encoders with discontinuous transmission do."""
BACKLOG_S: Final = 0.25
"""Speech waiting from which silence is left out, because the publisher's clock runs faster than ours."""
BACKLOG_LIMIT_S: Final = 1.0
"""Speech waiting from which everything is left out."""


class Publisher:
    """A WHIP publisher. A `streaming.participants.Participant`.

    Raises `ShowBusyError` at once when somebody else drives the show's voice.
    """

    def __init__(self, show: Show, config: RoomConfig) -> None:
        self._give_back = show.take_floor("a publisher")
        self._show = show
        self._config = config
        self._gate = VoiceGate()
        self._pc = open_connection(config)
        self._sound: MediaStreamTrack | None = None
        self._connected = asyncio.Event()
        self._ended = asyncio.Event()
        self._heard_s = 0.0
        self._dropped_s = 0.0
        self._pc.on("track", self._on_track)
        self._pc.on("connectionstatechange", lambda: self._on_state(self._pc.connectionState))

    async def answer(self, offer_sdp: str) -> str:
        """Return the SDP answer: sound is received, pictures are inactive. Raises `OfferError`."""
        await accept(self._pc, offer_sdp)
        sounds = [t for t in self._pc.getTransceivers() if t.kind == "audio"]
        if not sounds or self._sound is None:
            raise UnacceptableOfferError("the offer must send audio")
        for transceiver in self._pc.getTransceivers():
            transceiver.direction = "recvonly" if transceiver is sounds[0] else "inactive"
        sounds[0].setCodecPreferences(preferred_codecs("audio", self._config.video_codec))
        await gather(self._pc, relay_only=self._config.relay_only)
        return await describe(self._pc, answers=True)

    async def trickle(self, fragment: str) -> bool:
        """Add candidates; False for an ICE restart. Raises `FragmentError`."""
        return await trickle(self._pc, fragment)

    async def run(self) -> None:
        """Let the avatar say what comes, until the publisher leaves."""
        try:
            async with asyncio.timeout(self._config.connect_timeout_s):
                await self._connected.wait()
        except TimeoutError:
            logger.info("no publisher within %g s", self._config.connect_timeout_s)
            return
        pump = asyncio.create_task(self._pump(), name="publisher")
        ended = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait([pump, ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            pump.cancel()
            ended.cancel()
            await asyncio.wait([pump, ended])
        if not pump.cancelled() and (error := pump.exception()) is not None:
            raise error

    def end(self) -> None:
        """Ask `run` to return."""
        self._ended.set()
        self._connected.set()

    def stats(self) -> dict[str, float]:
        """Return how much was heard, and how much was left out."""
        return {"published_s": self._heard_s, "published_dropped_ms": 1000 * self._dropped_s}

    async def aclose(self) -> None:
        """Close the connection and give the floor back. Safe to call twice."""
        self.end()
        try:
            await self._pc.close()
        finally:
            self._give_back()

    async def _pump(self) -> None:
        if self._sound is None:
            return
        state = self._gate.init_state()
        while True:
            try:
                async with asyncio.timeout(NO_SOUND_S):
                    frame = await self._sound.recv()
            except TimeoutError:
                self._show.session.end_segment()
                state = self._gate.init_state()
                continue
            except MediaStreamError:
                self._show.session.end_segment()
                return
            if isinstance(frame, AudioFrame):
                said, state = self._gate.step(mono(frame), frame.sample_rate, state)
                self._say(said, frame.sample_rate)
                if not state.open:
                    self._show.session.end_segment()

    def _say(self, pcm: Int16[np.ndarray, "samples"], rate_hz: int) -> None:
        self._heard_s += len(pcm) / rate_hz
        waiting_s = self._show.session.waiting_s()
        if waiting_s > BACKLOG_LIMIT_S or (waiting_s > BACKLOG_S and not is_loud(pcm)):
            self._dropped_s += len(pcm) / rate_hz
        elif len(pcm):
            self._show.session.push_audio(pcm, rate_hz)

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio" and self._sound is None:
            self._sound = track

    def _on_state(self, state: str) -> None:
        if state == "connected":
            self._connected.set()
        elif state in ("failed", "closed"):
            self.end()
