"""`RoomEnd`: a `CallEnd` in a room's call, over WebRTC: a voice, and motion at the end of its packets.

Where there is no voice, motion takes a data channel.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
from aiortc import RTCDataChannel, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame
from jaxtyping import Int16

from streaming.calls.end import CallCard, VoicePiece
from streaming.calls.relay import SoundRelay
from streaming.clock import OPUS_RATE_HZ
from streaming.config import RoomConfig
from streaming.encoders import install_encoder, install_voice, installed
from streaming.live_voice import pass_on_at_once
from streaming.microphone import mono
from streaming.motion.data_channel import LABEL, MotionChannel
from streaming.motion.inbox import Waiting
from streaming.motion.voice_carrier import CarryingEncoder, VoiceCarrier
from streaming.negotiation import describe, gather, open_connection
from streaming.report_times import MediaEpoch, ReportedEncoder, report_media_time
from streaming.shows import NAME
from streaming.tracks import SoundTrack

IN_MAX: Final = 64
TIMEOUT_S: Final = 20.0
VOICE_KBPS: Final = 12
PACKET_MS: Final = 40
"""Of voice; motion waits so long for it at most."""
LOSS_EVERY_S: Final = 1.0
"""How often it is looked how much of the voice gets lost."""
TIE_EVERY_S: Final = 2.0
"""How often the room is told how the clocks lie: it may not have heard anything yet, or anew."""


class CallRefusedError(RuntimeError):
    """The room does not let this end in; the message is the room's."""


class RoomEnd:
    """One end of a room's call, drawn by nobody here. Made by `join`."""

    is_tied = False

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._pc = open_connection(RoomConfig())
        self._packets: Waiting[bytes] = Waiting(IN_MAX)
        self._pieces: Waiting[VoicePiece] = Waiting(IN_MAX)
        self._motion = MotionChannel(self._packets.put)
        self._carrier = VoiceCarrier()
        self._sounds = SoundTrack(500)
        self._relay = SoundRelay(self._sounds.push)
        self._people: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []
        self._visit = ""
        self._reported: ReportedEncoder | None = None
        self._told_s = -TIE_EVERY_S
        self._events: RTCDataChannel | None = None
        self._pc.on("track", self._on_track)
        self._pc.on("connectionstatechange", self._on_state)

    @classmethod
    async def join(cls, link: str, *, avatar: str | None, key: str, name: str) -> Self:
        """Take part in the call that a page's link names (`…/?call=NAME`, with `#token=…` where needed).

        Raises:
            CallRefusedError: the room says no, or is not there.
            ValueError: the link names no call.
        """
        parts = urlsplit(link)
        call = parse_qs(parts.query).get("call", [""])[0]
        if not NAME.fullmatch(call):
            raise ValueError(f"a call's link looks like http://HOST:PORT/?call=NAME, not {link!r}")
        token = parse_qs(parts.fragment).get("token", [""])[0]
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        base = f"{parts.scheme}://{parts.netloc}"
        http = httpx.AsyncClient(base_url=base, headers=headers, timeout=TIMEOUT_S, trust_env=False)
        end = cls(http)
        try:
            await end._connect({"call": call, "avatar": avatar, "key": key, "name": name, "draw": False})
        except BaseException:
            await end.aclose()
            raise
        return end

    @property
    def voice_carries(self) -> bool:
        """Whether motion rides on the voice now; see `CallEnd`."""
        return self._carrier.is_going(asyncio.get_running_loop().time())

    def send_motion(self, packet: bytes) -> None:
        """Send a packet of motion; see `CallEnd`."""
        if not self._carrier.ride(packet, asyncio.get_running_loop().time()):
            self._motion.send(packet)
        self._tell_tie()

    def send_voice(self, pcm: Int16[np.ndarray, "samples"], rate_hz: int, at_s: float) -> None:
        """Send sound; see `CallEnd`."""
        self._relay.push(pcm, rate_hz, at_s)

    async def introduce(self, card: CallCard) -> None:
        """Do nothing: the room has this end's card, for it has its avatar."""

    async def meet(self) -> CallCard:
        """Return the other's card, with the picture their avatar begins with; see `CallEnd`."""
        person = await self._people
        answer = await self._http.get(f"/api/avatars/{person['avatar']}/preview")
        return CallCard(person["name"], person["title"], person["made_by"], answer.content)

    def motions(self) -> AsyncIterator[bytes]:
        """Yield the other's motion; see `CallEnd`."""
        return self._packets.read()

    def voices(self) -> AsyncIterator[VoicePiece]:
        """Yield the other's voice; see `CallEnd`."""
        return self._pieces.read()

    def stats(self) -> dict[str, float]:
        """Return what was sent and dropped."""
        return {
            "motion_sent_packets": self._motion.sent + self._carrier.sent,
            "motion_dropped_packets": self._motion.dropped + self._carrier.dropped,
            "sound_dropped_ms": 20 * self._sounds.dropped,
        }

    async def aclose(self) -> None:
        """Leave; see `CallEnd`."""
        if self._visit:
            visit, self._visit = self._visit, ""
            with suppress(httpx.HTTPError):
                await self._http.delete(f"/api/visits/{visit}")
        await self._pc.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._end()
        await self._http.aclose()

    async def _connect(self, body: dict[str, Any]) -> None:
        self._pc.addTrack(self._sounds)
        self._pc.addTransceiver("video", direction="recvonly")
        events = self._events = self._pc.createDataChannel("events")
        events.on("message", self._on_event)
        self._motion.attach(self._pc.createDataChannel(LABEL, ordered=False, maxRetransmits=0))
        await gather(self._pc, relay_only=False)
        sdp = await describe(self._pc, answers=False)
        offer = {"sdp": sdp, "voice_carries_motion": True, **body}
        try:
            answer = await self._http.post("/api/offer", json=offer)
        except httpx.HTTPError as error:
            raise CallRefusedError(f"the room does not answer: {error}") from error
        if answer.status_code != 201:
            raise CallRefusedError(answer.json().get("message", f"the room answered {answer.status_code}"))
        self._visit = answer.json()["visit"]
        await self._pc.setRemoteDescription(RTCSessionDescription(answer.json()["sdp"], "answer"))
        for transceiver in self._pc.getTransceivers():
            if transceiver.kind == "audio":
                self._install(transceiver.sender)
                pass_on_at_once(transceiver.receiver)

    def _install(self, sender: RTCRtpSender) -> None:
        """Let the voice take motion along, and learn how its clock runs and what of it gets lost."""
        loop = asyncio.get_running_loop()
        install_voice(sender, VOICE_KBPS, PACKET_MS)
        install_encoder(sender, CarryingEncoder(installed(sender), self._carrier, loop.time))
        self._reported = report_media_time(sender, OPUS_RATE_HZ, MediaEpoch())
        self._tasks.append(asyncio.create_task(self._watch_loss(sender), name="call losses"))

    async def _watch_loss(self, sender: RTCRtpSender) -> None:
        while True:
            await asyncio.sleep(LOSS_EVERY_S)
            for report in (await sender.getStats()).values():
                if report.type == "remote-inbound-rtp":
                    # aiortc tells it as RTCP does, in 1/256.
                    self._carrier.note_loss(report.fractionLost / 256, asyncio.get_running_loop().time())

    def _tell_tie(self) -> None:
        """Tell the room which RTP time of the voice the motion's beginning is: here, both have one clock."""
        origin = None if self._reported is None else self._reported.origin
        if origin is None or self._events is None or self._events.readyState != "open":
            return
        now_s = asyncio.get_running_loop().time()
        if now_s - self._told_s >= TIE_EVERY_S:
            self._told_s = now_s
            self._events.send(json.dumps({"type": "tie", "ms": 1000 * origin / OPUS_RATE_HZ}))

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio":
            self._tasks.append(asyncio.create_task(self._hear(track), name="call voice"))

    async def _hear(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, AudioFrame) and frame.pts is not None and frame.time_base is not None:
                at_s = float(frame.pts * frame.time_base)
                self._pieces.put(VoicePiece(mono(frame), frame.sample_rate, at_s))

    def _on_event(self, text: str | bytes) -> None:
        event = json.loads(text)
        if event.get("kind") != "people" or self._people.done():
            return
        others = [person for person in event["people"] if person["name"] != event["me"]]
        if others:
            self._people.set_result(others[0])

    def _on_state(self) -> None:
        if self._pc.connectionState in ("failed", "closed"):
            self._end()

    def _end(self) -> None:
        self._packets.end()
        self._pieces.end()
        if not self._people.done():
            self._people.cancel()
