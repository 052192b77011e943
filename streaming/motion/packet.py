"""One packet of the motion stream: some frames that can be read without any other packet.

The layout is specified in docs/motion-stream.md.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, Int32

from models.motion.frame import MOTION_SIZE
from streaming.motion.channels import HIGHEST, LOWEST, QUALITIES, from_units, step_sizes
from streaming.motion.coder import BitWriter
from streaming.motion.errors import MotionStreamError, MotionVersionError
from streaming.motion.reading import read_residuals
from streaming.motion.residuals import Rows, code_residuals
from streaming.motion.tables import chances_of

VERSION: Final = 1
HEADER_BYTES: Final = 6
TICKS: Final = 1 << 16
"""Ticks of 40 ms are counted modulo this: 43 minutes."""
SEQUENCES: Final = 1 << 8
FRAMES_MAX: Final = 16
STRIDE_MAX: Final = 5
ECHOES_MAX: Final = 7
ECHO_SPACING: Final = 2
"""An echo lies so many frames before the one before it."""
ECHO_COARSER: Final = 3
"""Echoes are kept by so many qualities coarser than frames."""
PACKET_MAX_BYTES: Final = 4096
"""No packet is longer: 23 rows of 98 channels at their largest are shorter."""
_HOLDS, _MADE = 1, 2
_LOWEST, _HIGHEST = np.array(LOWEST, np.int32), np.array(HIGHEST, np.int32)


@dataclass(frozen=True, slots=True)
class Header:
    """What is said of a packet before its frames."""

    sequence: int
    """Counts packets, modulo 256."""
    tick: int
    """Time of the first frame in ticks of 40 ms, modulo 65536."""
    frames: int
    stride: int
    """Ticks from one frame to the next."""
    quality: int
    """0 finest … 15 coarsest."""
    echoes: int
    holds: bool
    """The last frame stays until the next packet's: the person is still, and the sender falls silent."""
    table: int = 0
    """Index into `TABLES` of the chances the packet starts from: the sender takes what is shorter."""

    def pack(self) -> bytes:
        """Return the header's six bytes."""
        return bytes(
            (
                VERSION << 4 | (_MADE if self.table else 0) | (_HOLDS if self.holds else 0),
                self.sequence,
                self.tick >> 8,
                self.tick & 255,
                self.frames - 1 << 4 | self.stride - 1,
                self.quality << 4 | self.echoes,
            )
        )

    @classmethod
    def unpack(cls, data: bytes) -> "Header":
        """Read the header. Raises `MotionStreamError`."""
        if not data:
            raise MotionStreamError("an empty packet")
        if data[0] >> 4 != VERSION:
            raise MotionVersionError(
                f"a motion stream of version {data[0] >> 4}; this end speaks version {VERSION}"
            )
        if not HEADER_BYTES <= len(data) <= PACKET_MAX_BYTES:
            raise MotionStreamError(
                f"a packet of {len(data)} bytes; it has {HEADER_BYTES} to {PACKET_MAX_BYTES}"
            )
        flags, stride, echoes = data[0] & 15, (data[4] & 15) + 1, data[5] & 15
        if flags & ~(_HOLDS | _MADE) or stride > STRIDE_MAX or echoes > ECHOES_MAX:
            raise MotionStreamError("the packet's header has values that version 1 does not know")
        tick, frames, quality = data[2] << 8 | data[3], (data[4] >> 4) + 1, data[5] >> 4
        holds, table = bool(flags & _HOLDS), int(bool(flags & _MADE))
        return cls(data[1], tick, frames, stride, quality, echoes, holds, table)


@dataclass(frozen=True, slots=True)
class MotionPacket:
    """A packet as it was read."""

    header: Header
    frames: Float32[np.ndarray, "frames 98"]
    echoes: Float32[np.ndarray, "echoes 98"]
    """Coarse frames of the past, the latest first; for a receiver that lost the packets they were in."""

    def timed(self) -> list[tuple[int, Float32[np.ndarray, "98"]]]:
        """Return echoes and frames in the order of time, each with its ticks after the first frame."""
        stride = self.header.stride
        past = [(-ECHO_SPACING * stride * (i + 1), row) for i, row in enumerate(self.echoes)]
        return [*reversed(past), *((stride * i, row) for i, row in enumerate(self.frames))]


def write_packet(header: Header, spans: tuple[Rows, Rows, Rows]) -> bytes:
    """Return the packet of these residuals."""
    writer = BitWriter()
    code_residuals(writer, chances_of(header.table, header.quality), spans)
    return header.pack() + writer.finish()


def read_packet(data: bytes) -> MotionPacket:
    """Read any bytes in bounded time and memory.

    Raises:
        MotionVersionError: Another version of the stream.
        MotionStreamError: No packet at all.
    """
    header = Header.unpack(data)
    ends = np.cumsum([1, header.frames - 1, header.echoes])
    rows = np.zeros((ends[-1], MOTION_SIZE), np.int32)
    chances = np.array(chances_of(header.table, header.quality), np.int64)
    read_residuals(np.frombuffer(data, np.uint8, offset=HEADER_BYTES), chances, rows, ends)
    frames = rebuild(np.zeros(MOTION_SIZE, np.int32), rows[: header.frames], header.quality)
    echoes = rebuild(frames[0], rows[header.frames :], echo_quality(header.quality))
    return MotionPacket(header, from_units(frames), from_units(echoes))


def rebuild(
    before: Int32[np.ndarray, "98"], rows: Int32[np.ndarray, "rows 98"], quality: int
) -> Int32[np.ndarray, "rows 98"]:
    """Add residuals up, each row to the one before, and keep the channels in their ranges."""
    steps, rebuilt = np.array(step_sizes(quality), np.int32), np.empty_like(rows)
    for i, row in enumerate(rows):
        before = rebuilt[i] = np.clip(before + row * steps, _LOWEST, _HIGHEST)
    return rebuilt


def echo_quality(quality: int) -> int:
    """Return the quality echoes are kept with."""
    return min(quality + ECHO_COARSER, QUALITIES - 1)
