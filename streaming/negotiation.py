"""Offer and answer over HTTP, for every connection of the room: what is asked of aiortc in one round trip.

Candidates of the room are in its answer, all of them. Those of the other side may come later (`trickle`):
aioice takes candidates while it connects. It cannot restart ICE.
"""

import re
from typing import Final

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.exceptions import OperationError
from aiortc.rtcconfiguration import RTCBundlePolicy, RTCIceTransportPolicy
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.sdp import candidate_from_sdp

from streaming.config import IceServer, RoomConfig

LOOPBACK: Final = "127.0.0.1"
_MEDIA: Final = re.compile(r"^m=(\w+)", re.MULTILINE)
_OPUS: Final = re.compile(r"^a=rtpmap:(\d+) opus/48000/2", re.MULTILINE)
_UFRAG: Final = re.compile(r"^a=ice-ufrag:(\S+)", re.MULTILINE)


class OfferError(ValueError):
    """The offer cannot be answered; the message says why."""


class UnacceptableOfferError(OfferError):
    """The offer is well-formed and asks for what this room does not do; the message says what it lacks."""


class FragmentError(ValueError):
    """The text is no fragment of candidates (RFC 8840 section 9); the message says why."""


def open_connection(config: RoomConfig) -> RTCPeerConnection:
    """Return a peer connection with the room's ICE servers."""
    return RTCPeerConnection(
        RTCConfiguration(
            iceServers=[_rtc_ice_server(server) for server in config.ice_servers],
            bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
            iceTransportPolicy=RTCIceTransportPolicy.RELAY
            if config.relay_only
            else RTCIceTransportPolicy.ALL,
        )
    )


async def accept(pc: RTCPeerConnection, offer_sdp: str) -> None:
    """Take the other side's offer.

    Raises:
        UnacceptableOfferError: when it shares no codec with the room.
        OfferError: when it is no offer.
    """
    try:
        sdp = strip_hidden_candidates(offer_sdp)
        await pc.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="offer"))
    except OperationError as error:  # aiortc raises it where no codec is shared, and for nothing else
        raise UnacceptableOfferError("the offer shares no codec with this room") from error
    except Exception as error:  # aiortc's parser raises whatever a malformed line provokes
        msg = f"the offer is no SDP this room can answer ({type(error).__name__})"
        raise OfferError(msg) from error


async def gather(pc: RTCPeerConnection, *, relay_only: bool) -> None:
    """Gather candidates; on a machine without any network, take the loopback, which aioice leaves out."""
    gatherer = pc.getTransceivers()[0].sender.transport.transport.iceGatherer
    await gatherer.gather()
    connection = gatherer._connection
    if not connection.local_candidates and not relay_only:
        loopback = await connection.get_component_candidates(component=1, addresses=[LOOPBACK])
        connection._local_candidates += loopback


async def describe(pc: RTCPeerConnection, *, answers: bool) -> str:
    """Set the local description, an answer or an offer, and return it. Raises `OfferError`."""
    await pc.setLocalDescription(await (pc.createAnswer() if answers else pc.createOffer()))
    sdp = str(pc.localDescription.sdp)
    if "a=candidate:" not in sdp:
        msg = "this machine has no network address to meet at; connect it to a network or configure TURN"
        raise OfferError(msg)
    return sdp


async def trickle(pc: RTCPeerConnection, fragment: str) -> bool:
    """Add the candidates of an SDP fragment.

    Returns:
        False, with nothing done, when the fragment asks for an ICE restart.

    Raises:
        FragmentError: when it has no ice-ufrag, or a candidate that cannot be read.
    """
    given = set(_UFRAG.findall(fragment))
    if not given:
        raise FragmentError("the fragment names no ice-ufrag")
    if not given <= set(_UFRAG.findall(pc.remoteDescription.sdp)):
        return False
    try:
        candidates = [
            candidate_from_sdp(line.removeprefix("a=candidate:").strip())
            for line in strip_hidden_candidates(fragment).splitlines()
            if line.startswith("a=candidate:")
        ]
    except (AssertionError, ValueError, IndexError) as error:
        raise FragmentError("the fragment holds a candidate that cannot be read") from error
    for candidate in candidates:
        # Everything is bundled, so there is one transport, whichever media the fragment names.
        candidate.sdpMLineIndex = 0
        await pc.addIceCandidate(candidate)
    if "a=end-of-candidates" in fragment:
        await pc.addIceCandidate(None)
    return True


def ask_thrifty_voice(sdp: str, kbps: int, packet_ms: int) -> str:
    """Return an SDP in which the other side is asked to send little sound.

    Browsers obey both wishes (RFC 7587 section 6.1, RFC 8866 section 6.4); fewer headers save most.
    """
    found = _OPUS.search(sdp)
    if found is None:
        return sdp
    wish = f"maxaveragebitrate={1000 * kbps};useinbandfec=1;stereo=0"
    line = f"a=fmtp:{found[1]} "
    if line in sdp:
        sdp = sdp.replace(line, f"{line}{wish};", 1)
    else:
        sdp = sdp.replace(found[0], f"{found[0]}\r\n{line}{wish}", 1)
    return sdp.replace(found[0], f"{found[0]}\r\na=ptime:{packet_ms}", 1)


def offered_kinds(sdp: str) -> list[str]:
    """Return what an offer's media are, in its order: `audio`, `video`, `application`."""
    return _MEDIA.findall(sdp)


def strip_hidden_candidates(sdp: str) -> str:
    """Leave out `.local` candidates: browsers hide addresses behind names only their own network resolves.

    aioice would wait up to a second for each name before the answer could go out. Nothing is lost: the
    browser's checks reach the room's own candidates, and the room learns the address from them (a peer
    reflexive candidate, RFC 8445 section 7.3.1.3).
    """
    lines = sdp.splitlines(keepends=True)
    return "".join(x for x in lines if not (x.startswith("a=candidate:") and ".local " in x))


def preferred_codecs(kind: str, video_codec: str) -> list[RTCRtpCodecCapability]:
    """Opus alone for sound; for pictures the preferred codec, then the other, then retransmission."""
    codecs = RTCRtpSender.getCapabilities(kind).codecs
    if kind == "audio":
        return [c for c in codecs if c.name.lower() == "opus"]
    order = {video_codec.lower(): 0, "rtx": 2}
    return sorted(codecs, key=lambda c: order.get(c.name.lower(), 1))


def _rtc_ice_server(server: IceServer) -> RTCIceServer:
    secret = server.credential.get_secret_value() if server.credential else None
    return RTCIceServer(urls=list(server.urls), username=server.username, credential=secret)
