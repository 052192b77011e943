"""Encoders for aiortc's senders, with settings for a talking head.

aiortc's own VP8 encoder runs libvpx's strongest denoiser and starts at 500 kbit/s; its own H.264 encoder runs
x264's medium preset; its own Opus encoder codes stereo. On a clean synthetic picture the first costs time and
detail, the second a third of a core, the third bits. These take their place through `install_encoder`.
"""

from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final, Literal

import numpy as np
from aiortc import RTCRtpSender
from aiortc.codecs.base import Encoder
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpsender import RTCEncodedFrame
from aiortc.rtp import compute_audio_level_dbov
from av import AudioFrame, CodecContext, VideoFrame
from av.audio.codeccontext import AudioCodecContext
from av.frame import Frame
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from engine.packets import MEDIA_RATE_HZ
from models.motion.frame import FPS
from streaming.bitrate import BitrateGovernor
from streaming.clock import OPUS_RATE_HZ
from streaming.config import VideoBitrate

_FRAME_TIME_BASE: Final = Fraction(1, FPS)
_KEY_FRAME_GAP: Final = 3000
"""Key frames come when a receiver asks; two minutes is only the longest gap without one."""
PIECE_MS: Final = 20
"""Sound comes in pieces of this length."""


def _vp8_options(bps: int) -> dict[str, str]:
    """Constant bitrate in real time; libvpx's `cpu-used` -6 as aiortc, but no denoiser."""
    return {
        "deadline": "realtime",
        "cpu-used": "-6",
        "lag-in-frames": "0",
        "minrate": str(bps),
        "maxrate": str(bps),
        "bufsize": str(bps),
        "undershoot-pct": "100",
        "overshoot-pct": "15",
        "noise-sensitivity": "0",
        "static-thresh": "1",
        "error-resilient": "default",
    }


def _h264_options(bps: int) -> dict[str, str]:
    """Baseline without look-ahead; the half-second buffer keeps key frames from bursting."""
    return {
        "preset": "superfast",
        "tune": "zerolatency",
        "level": "31",
        "maxrate": str(bps),
        "bufsize": str(bps // 2),
    }


class PictureEncoder(Encoder):
    """VP8 or H.264 at 25 fps that follows the receiver's estimate within limits."""

    def __init__(self, codec: Literal["VP8", "H264"], limits: VideoBitrate) -> None:
        self._name = codec
        self._packer: Encoder = Vp8Encoder() if codec == "VP8" else H264Encoder()
        self._governor = BitrateGovernor(limits)
        self._codec: VideoCodecContext | None = None
        self._sizes: deque[int] = deque(maxlen=2 * FPS)
        self._now_s = 0.0
        self.rebuilds = 0
        """Encoders made so far; each begins with a key frame."""
        self.made_key = False
        """Whether the last picture became a key frame."""

    @property
    def target_bitrate(self) -> int:
        """Target in bit/s. aiortc's sender assigns each estimate it receives."""
        return self._governor.target_bps

    @target_bitrate.setter
    def target_bitrate(self, estimate_bps: int) -> None:
        sent_bps = 8.0 * FPS * sum(self._sizes) / max(1, len(self._sizes))
        self._governor.update(estimate_bps, sent_bps, self._now_s)

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """Encode one RGB or YUV picture; return RTP payloads and the 90 kHz timestamp."""
        if not isinstance(frame, VideoFrame) or frame.pts is None or frame.time_base is None:
            msg = "a picture with a timestamp is needed"
            raise TypeError(msg)
        self._now_s = float(frame.pts * frame.time_base)
        yuv = frame.reformat(format="yuv420p")
        yuv.pts, yuv.time_base = frame.pts, frame.time_base
        yuv.pict_type = PictureType.I if force_keyframe else PictureType.NONE
        payloads: list[bytes] = []
        size = 0
        for packet in self._context(yuv.width, yuv.height).encode(yuv):
            packet.pts, packet.time_base = frame.pts, frame.time_base
            size += packet.size
            self.made_key = packet.is_keyframe
            payloads += self._packer.pack(packet)[0]
        self._sizes.append(size)
        return payloads, frame.pts

    def pack(self, packet: Packet) -> tuple[list[bytes], int]:  # type: ignore[type-arg]
        """Split a packet that is already encoded."""
        return self._packer.pack(packet)

    def _context(self, width: int, height: int) -> VideoCodecContext:
        bps = self._governor.target_bps
        old = self._codec
        if old is None or (old.width, old.height, old.bit_rate) != (width, height, bps):
            self._codec = old = self._build(width, height, bps)
            self.rebuilds += 1
        return old

    def _build(self, width: int, height: int, bps: int) -> VideoCodecContext:
        vp8 = self._name == "VP8"
        codec: Any = CodecContext.create("libvpx" if vp8 else "libx264", "w")
        codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
        codec.framerate, codec.time_base = Fraction(FPS), _FRAME_TIME_BASE
        codec.bit_rate, codec.gop_size, codec.thread_count = bps, _KEY_FRAME_GAP, 1
        if vp8:
            codec.qmin, codec.qmax = 2, 56
        else:
            codec.profile = "Baseline"
        codec.options = _vp8_options(bps) if vp8 else _h264_options(bps)
        return codec  # type: ignore[no-any-return]


class VoiceEncoder(Encoder):
    """Opus for one voice: mono, in-band error correction, straight from 24 kHz.

    Opus codes 24 kHz input as it is while its RTP clock always runs at 48 kHz (RFC 7587 section 4.1), so no
    resampler stands between the session and the wire.

    Args:
        kbps: what it may take without headers.
        packet_ms: length of a packet, whole pieces of 20 ms: longer ones pay for fewer headers.
    """

    def __init__(self, kbps: int, packet_ms: int = PIECE_MS) -> None:
        codec: AudioCodecContext = CodecContext.create("libopus", "w")  # type: ignore[assignment]
        codec.bit_rate = 1000 * kbps
        codec.format = "s16"  # type: ignore[assignment]
        codec.layout = "mono"  # type: ignore[assignment]
        codec.sample_rate = MEDIA_RATE_HZ
        options = {"application": "voip", "fec": "1", "packet_loss": "5"}
        codec.options = {**options, "frame_duration": str(packet_ms)}
        self._codec = codec
        self._pieces = packet_ms // PIECE_MS
        self._gathered: list[AudioFrame] = []
        """Pieces of the packet that is being filled."""

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """Take 20 ms; return an RTP payload, when it is full, and the 48 kHz timestamp of its beginning."""
        if not isinstance(frame, AudioFrame) or frame.pts is None:
            msg = "sound with a timestamp is needed"
            raise TypeError(msg)
        gathered = self._gathered
        if gathered and frame.pts != (gathered[-1].pts or 0) + gathered[-1].samples:
            gathered.clear()  # a packet has no gaps
        gathered.append(frame)
        timestamp = (gathered[0].pts or 0) * OPUS_RATE_HZ // MEDIA_RATE_HZ
        if len(gathered) < self._pieces:
            return [], timestamp
        whole, self._gathered = _joined(gathered), []
        return [bytes(packet) for packet in self._codec.encode(whole)], timestamp

    def pack(self, packet: Packet) -> tuple[list[bytes], int]:  # type: ignore[type-arg]
        """Pass a packet that is already encoded; its timestamp counts at 48 kHz."""
        return [bytes(packet)], packet.pts or 0


def install_encoder(sender: RTCRtpSender, encoder: Encoder) -> None:
    """Make `sender` use `encoder`; call it before the first frame.

    aiortc 1.16 picks its encoder by codec name and has no seam for another one. Its sender keeps an encoder
    that it already has, so setting the attribute is enough, and it still delivers key-frame requests and
    bandwidth estimates. `tests/streaming/test_encoders.py` notices when that changes.
    """
    sender._RTCRtpSender__encoder = encoder  # type: ignore[attr-defined]


def installed(sender: RTCRtpSender) -> Encoder:
    """Return the encoder that `install_encoder` gave a sender."""
    encoder: Encoder = sender._RTCRtpSender__encoder  # type: ignore[attr-defined]
    return encoder


def _joined(frames: list[AudioFrame]) -> AudioFrame:
    """Return frames that follow one another as one."""
    if len(frames) == 1:
        return frames[0]
    pcm = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
    joined = AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
    joined.sample_rate, joined.pts, joined.time_base = MEDIA_RATE_HZ, frames[0].pts, frames[0].time_base
    return joined


def install_voice(sender: RTCRtpSender, kbps: int, packet_ms: int = PIECE_MS) -> None:
    """Make `sender` encode voice, in the event loop: 20 ms of it take 0.4 ms. Call it before the first frame.

    aiortc hands every frame to a thread, and on a busy machine sound waits there for its turn, and once more
    for the loop's: up to 60 ms each time, one frame after the other. `tests/streaming/test_encoders.py`
    notices when aiortc asks for its frames in another way.
    """
    install_encoder(sender, VoiceEncoder(kbps, packet_ms))

    async def next_encoded(codec: RTCRtpCodecParameters) -> RTCEncodedFrame | None:
        frame: Any = await sender.track.recv()
        if not sender._enabled:
            return None
        payloads, timestamp = sender._RTCRtpSender__encoder.encode(frame)  # type: ignore[attr-defined]
        return RTCEncodedFrame(payloads, timestamp, compute_audio_level_dbov(frame)) if payloads else None

    sender._next_encoded_frame = next_encoded  # type: ignore[method-assign]


def on_key_request(sender: RTCRtpSender, callback: Callable[[], None]) -> None:
    """Let `callback` know when the receiver asks for a key frame; for encoders that are given no frames.

    aiortc tells an encoder of it only together with a frame. Its RTCP handler calls this method of a sender.
    """
    sender._send_keyframe = callback  # type: ignore[method-assign]
