"""One WebRTC connection that sends picture and sound, set up in one round trip."""

from collections.abc import Callable, Iterable
from typing import Final

from aiortc import RTCDataChannel, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

from streaming.channel import EventChannel
from streaming.clock import OPUS_RATE_HZ, PICTURE_RATE_HZ
from streaming.config import RoomConfig
from streaming.encoders import install_voice
from streaming.live_voice import NoJitterBuffer, pass_on_at_once
from streaming.media import Codec, Pictures
from streaming.motion.data_channel import LABEL, MotionChannel
from streaming.negotiation import (
    OfferError,
    UnacceptableOfferError,
    accept,
    ask_thrifty_voice,
    describe,
    gather,
    offered_kinds,
    open_connection,
    preferred_codecs,
    trickle,
)
from streaming.report_times import MediaEpoch, report_media_time
from streaming.tracks import SoundTrack

__all__ = ["OfferError", "Peer"]

CALL_VOICE_KBPS: Final = 12
CALL_PACKET_MS: Final = 40
"""What a caller is asked to send: with headers 21 kbit/s (docs/calls.md)."""

DEAD_ZONE_S: Final = 0.03
"""Chromium lets picture and sound lie so far apart. A call's pictures say that they are older by it, and come
0 to 60 ms before their sound, not 30 before to 30 after: they do not wait for sound that was late once."""


class Peer:
    """A peer connection with one picture and one sound; in a visit, an event channel and a microphone too."""

    def __init__(
        self,
        config: RoomConfig,
        pictures: Pictures,
        sounds: SoundTrack,
        on_state: Callable[[str], None],
        *,
        channel: EventChannel | None = None,
        motion: MotionChannel | None = None,
        voice_carries_motion: bool = False,
        on_microphone: Callable[[MediaStreamTrack], None] | None = None,
    ) -> None:
        self._config = config
        self._pc = open_connection(config)
        self._pictures = pictures
        self._tracks: tuple[MediaStreamTrack, ...] = (sounds, pictures.track)
        self._listens = on_microphone is not None
        self._is_call = motion is not None
        self.arriving: NoJitterBuffer | None = None
        """The voice of a call, packet by packet."""
        self._carried = motion.take if motion is not None and voice_carries_motion else None

        def on_track(track: MediaStreamTrack) -> None:
            if track.kind == "audio" and on_microphone is not None:
                on_microphone(track)

        def on_channel(data_channel: RTCDataChannel) -> None:
            if data_channel.label == LABEL:
                if motion is not None:
                    motion.attach(data_channel)
            elif channel is not None:
                channel.attach(data_channel)

        self._pc.on("track", on_track)
        self._pc.on("datachannel", on_channel)
        self._pc.on("connectionstatechange", lambda: on_state(self._pc.connectionState))

    @property
    def state(self) -> str:
        """`new`, `connecting`, `connected`, `failed` or `closed`."""
        return str(self._pc.connectionState)

    async def received_packets(self) -> int:
        """Return how many packets the other side has sent so far, of media and of reports on it."""
        reports = [entry for sender in self._pc.getSenders() for entry in (await sender.getStats()).values()]
        transports = {entry.id: entry.packetsReceived for entry in reports if entry.type == "transport"}
        return sum(transports.values())

    async def answer(self, offer_sdp: str) -> str:
        """Return the SDP answer with every candidate in it.

        Raises:
            OfferError: the text is no SDP.
            UnacceptableOfferError: it lacks sound or picture, or shares no codec with the room.
        """
        # aiortc bundles everything on the transport of the track that was added first, and closes that one
        # when the offer bundles on another: so they are added in the offer's order.
        kinds = [*offered_kinds(offer_sdp), "audio", "video"]
        self._add(sorted(self._tracks, key=lambda track: kinds.index(track.kind)))
        await accept(self._pc, offer_sdp)
        if self._is_call:
            for transceiver in self._pc.getTransceivers():
                if transceiver.kind == "audio":
                    self.arriving = pass_on_at_once(transceiver.receiver, self._carried)
        missing = [t.kind for t in self._pc.getTransceivers() if t.mid is None]
        if missing:
            msg = f"the offer must have audio and video; it lacks {' and '.join(missing)}"
            raise UnacceptableOfferError(msg)
        if any("send" not in str(t._offerDirection) for t in self._pc.getTransceivers()):
            raise UnacceptableOfferError("the offer must receive both audio and video")
        await gather(self._pc, relay_only=self._config.relay_only)
        sdp = await describe(self._pc, answers=True)
        self._install_encoders()
        return ask_thrifty_voice(sdp, CALL_VOICE_KBPS, CALL_PACKET_MS) if self._is_call else sdp

    async def offer(self) -> str:
        """Return an SDP offer with every candidate in it; `connect` takes the answer. Raises `OfferError`."""
        self._add(self._tracks)
        await gather(self._pc, relay_only=self._config.relay_only)
        return await describe(self._pc, answers=False)

    async def connect(self, answer_sdp: str) -> None:
        """Take the answer to `offer`. Raises `OfferError` when it is none."""
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(sdp=answer_sdp, type="answer"))
        except Exception as error:  # aiortc's parser raises whatever a malformed line provokes
            raise OfferError(
                f"the answer is no SDP this room understands ({type(error).__name__})"
            ) from error
        self._install_encoders()

    async def trickle(self, fragment: str) -> bool:
        """Add candidates; False for an ICE restart. Raises `FragmentError`."""
        return await trickle(self._pc, fragment)

    async def aclose(self) -> None:
        """Close the connection and everything aiortc runs for it. Safe to call twice."""
        self._pictures.close()
        await self._pc.close()

    def _add(self, tracks: Iterable[MediaStreamTrack]) -> None:
        for track in tracks:
            self._pc.addTrack(track)
        for transceiver in self._pc.getTransceivers():
            transceiver.direction = "sendrecv" if self._listens else "sendonly"
            transceiver.setCodecPreferences(preferred_codecs(transceiver.kind, self._config.video_codec))

    def _install_encoders(self) -> None:
        epoch = MediaEpoch()
        for transceiver in self._pc.getTransceivers():
            if transceiver.kind == "audio":
                install_voice(transceiver.sender, self._config.audio_kbps)
                report_media_time(transceiver.sender, OPUS_RATE_HZ, epoch)
                continue
            codec: Codec = "H264" if transceiver._codecs[0].name == "H264" else "VP8"
            self._pictures.install(transceiver.sender, codec)
            older_s = DEAD_ZONE_S if self._is_call else 0.0
            report_media_time(transceiver.sender, PICTURE_RATE_HZ, epoch, older_s)
