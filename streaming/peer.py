"""One WebRTC connection, set up in one round trip: the page's offer in, the room's answer out."""

import logging
from collections.abc import Callable
from typing import Literal

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcconfiguration import RTCBundlePolicy, RTCIceTransportPolicy
from aiortc.rtcrtpparameters import RTCRtpCodecCapability

from streaming.channel import EventChannel
from streaming.config import IceServer, RoomConfig
from streaming.encoders import PictureEncoder, VoiceEncoder, install_encoder
from streaming.tracks import PictureTrack, SoundTrack

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"


class OfferError(ValueError):
    """The offer cannot be answered; the message says why."""


class Peer:
    """A peer connection with one picture, one sound and one event channel."""

    def __init__(
        self,
        config: RoomConfig,
        pictures: PictureTrack,
        sounds: SoundTrack,
        channel: EventChannel,
        on_microphone: Callable[[MediaStreamTrack], None],
        on_state: Callable[[str], None],
    ) -> None:
        self._config = config
        self._pc = RTCPeerConnection(_rtc_configuration(config))
        self.encoder: PictureEncoder | None = None
        """Known once the codec is negotiated."""
        self._senders = {track.kind: self._pc.addTrack(track) for track in (sounds, pictures)}
        for transceiver in self._pc.getTransceivers():
            transceiver.setCodecPreferences(_preferred_codecs(transceiver.kind, config.video_codec))

        def on_track(track: MediaStreamTrack) -> None:
            if track.kind == "audio":
                on_microphone(track)

        def on_channel(data_channel: RTCDataChannel) -> None:
            channel.attach(data_channel)

        self._pc.on("track", on_track)
        self._pc.on("datachannel", on_channel)
        self._pc.on("connectionstatechange", lambda: on_state(self._pc.connectionState))

    @property
    def state(self) -> str:
        """`new`, `connecting`, `connected`, `failed` or `closed`."""
        return str(self._pc.connectionState)

    async def answer(self, offer_sdp: str) -> str:
        """Return the SDP answer with every candidate in it.

        Raises:
            OfferError: the text is no SDP, lacks sound or picture, or shares no codec with the room.
        """
        await self._accept(strip_hidden_candidates(offer_sdp))
        await self._gather()
        answer = await self._pc.createAnswer()
        await self._pc.setLocalDescription(answer)
        self._install_encoders()
        sdp = str(self._pc.localDescription.sdp)
        if "a=candidate:" not in sdp:
            msg = "this machine has no network address to meet at; connect it to a network or configure TURN"
            raise OfferError(msg)
        return sdp

    async def aclose(self) -> None:
        """Close the connection and everything aiortc runs for it. Safe to call twice."""
        await self._pc.close()

    async def _accept(self, offer_sdp: str) -> None:
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(sdp=offer_sdp, type="offer"))
        except Exception as error:  # aiortc's parser raises whatever a malformed line provokes
            msg = f"the offer is no SDP this room can answer ({type(error).__name__})"
            raise OfferError(msg) from error
        missing = [t.kind for t in self._pc.getTransceivers() if t.mid is None]
        if missing:
            msg = f"the offer must have audio and video; it lacks {' and '.join(missing)}"
            raise OfferError(msg)

    async def _gather(self) -> None:
        """Gather candidates; on a machine without any network, take the loopback, which aioice leaves out."""
        gatherer = self._pc.getTransceivers()[0].sender.transport.transport.iceGatherer
        await gatherer.gather()
        connection = gatherer._connection
        if not connection.local_candidates and not self._config.relay_only:
            loopback = await connection.get_component_candidates(component=1, addresses=[LOOPBACK])
            connection._local_candidates += loopback

    def _install_encoders(self) -> None:
        for transceiver in self._pc.getTransceivers():
            if transceiver.kind == "audio":
                install_encoder(transceiver.sender, VoiceEncoder(self._config.audio_kbps))
                continue
            name: Literal["VP8", "H264"] = "H264" if transceiver._codecs[0].name == "H264" else "VP8"
            self.encoder = PictureEncoder(name, self._config.video_bitrate)
            install_encoder(transceiver.sender, self.encoder)


def strip_hidden_candidates(sdp: str) -> str:
    """Leave out `.local` candidates: browsers hide addresses behind names only their own network resolves.

    aioice would wait up to a second for each name before the answer could go out. Nothing is lost: the
    browser's checks reach the room's own candidates, and the room learns the address from them (a peer
    reflexive candidate, RFC 8445 section 7.3.1.3).
    """
    lines = sdp.splitlines(keepends=True)
    return "".join(x for x in lines if not (x.startswith("a=candidate:") and ".local " in x))


def _rtc_configuration(config: RoomConfig) -> RTCConfiguration:
    return RTCConfiguration(
        iceServers=[_rtc_ice_server(server) for server in config.ice_servers],
        bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
        iceTransportPolicy=RTCIceTransportPolicy.RELAY if config.relay_only else RTCIceTransportPolicy.ALL,
    )


def _rtc_ice_server(server: IceServer) -> RTCIceServer:
    secret = server.credential.get_secret_value() if server.credential else None
    return RTCIceServer(urls=list(server.urls), username=server.username, credential=secret)


def _preferred_codecs(kind: str, video_codec: str) -> list[RTCRtpCodecCapability]:
    """Opus alone for sound; for pictures the preferred codec, then the other, then retransmission."""
    codecs = RTCRtpSender.getCapabilities(kind).codecs
    if kind == "audio":
        return [c for c in codecs if c.name.lower() == "opus"]
    order = {video_codec.lower(): 0, "rtx": 2}
    return sorted(codecs, key=lambda c: order.get(c.name.lower(), 1))
