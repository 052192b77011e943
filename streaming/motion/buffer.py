"""What a receiver has of a person's motion, by tick: frames, echoes for those that are missing, and holds."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float32

from streaming.motion.packet import SEQUENCES, TICKS, MotionPacket

AHEAD_MAX: Final = 250
"""Ticks a packet may lie from what is shown: ten seconds. Farther ones are of another call, or broken."""
HELD_MAX: Final = 50
"""Ticks a pose is believed to stay after it was said so."""
MARGINS: Final = 50
"""Packets whose lateness is remembered: eight seconds of four frames each."""

Row = Float32[np.ndarray, "98"]


@dataclass(frozen=True, slots=True)
class Known:
    """One moment of motion."""

    row: Row
    is_echo: bool = False
    holds: bool = False


@dataclass(frozen=True, slots=True)
class MotionBuffer:
    """Never changed in place. Bounded: moments before the one last shown are let go, and few lie ahead."""

    moments: tuple[tuple[int, Known], ...] = ()
    """By tick, ticks unwrapped; in order of time."""
    shown: int = -1
    """The tick last shown."""
    sequence: int = -1
    """Of the latest packet, or -1."""
    received: int = 0
    lost: int = 0
    """Packets missing between sequence numbers."""
    late: int = 0
    """Packets that came after all their frames should have been shown."""
    strange: int = 0
    """Packets too far away in time."""
    margins: tuple[int, ...] = ()
    """Ticks from what was shown to a packet's last frame when it came, of the latest packets."""

    @property
    def margin_ticks(self) -> int:
        """Least ticks a packet came before its last frame was due, lately; negative where one came late."""
        return min(self.margins, default=0)

    @property
    def depth_ticks(self) -> int:
        """Ticks known ahead of the one last shown."""
        return max(0, self.moments[-1][0] - self.shown) if self.moments else 0


def add(buffer: MotionBuffer, packet: MotionPacket) -> MotionBuffer:
    """Return the buffer with a packet in it, whichever order packets come in."""
    first = unwrap(packet.header.tick, max(buffer.shown, 0))
    if abs(first - buffer.shown) > AHEAD_MAX:
        return replace(buffer, strange=buffer.strange + 1)
    moments = dict(buffer.moments)
    last = first + (packet.header.frames - 1) * packet.header.stride
    # What is older than the moment shown last tells nothing; what came late, but after it, still does.
    oldest = max((tick for tick in moments if tick <= buffer.shown), default=first - AHEAD_MAX)
    for after, row in packet.timed():
        tick, is_echo = first + after, after < 0
        if tick >= oldest and not (is_echo and tick in moments):
            moments[tick] = Known(row, is_echo, packet.header.holds and tick == last)
    ahead = (packet.header.sequence - buffer.sequence) % SEQUENCES if buffer.sequence >= 0 else 1
    is_newer = 0 < ahead < SEQUENCES // 2
    return replace(
        buffer,
        moments=tuple(sorted(moments.items(), key=lambda moment: moment[0])),
        sequence=packet.header.sequence if is_newer else buffer.sequence,
        received=buffer.received + 1,
        lost=max(0, buffer.lost + (ahead - 1 if is_newer else -1)),
        late=buffer.late + int(last <= buffer.shown),
        margins=(*buffer.margins, last - max(buffer.shown, 0))[-MARGINS:],
    )


def look(buffer: MotionBuffer, tick: int) -> tuple[Row | None, MotionBuffer]:
    """Return the motion of a tick, and the buffer with `tick` as the one shown.

    Returns:
        The row, between neighbours where it must be; None where nothing later is known and no pose holds.
        The buffer without what is past.
    """
    past = [moment for moment in buffer.moments if moment[0] <= tick]
    ahead = [moment for moment in buffer.moments if moment[0] > tick]
    buffer = replace(buffer, moments=(*past[-1:], *ahead), shown=max(tick, buffer.shown))
    if not past:
        return None, buffer
    at, known = past[-1]
    if at == tick or (known.holds and (ahead or tick - at <= HELD_MAX)):
        return known.row, buffer
    if ahead:
        to, later = ahead[0]
        share = np.float32((tick - at) / (to - at))
        return known.row + share * (later.row - known.row), buffer
    return None, buffer


def unwrap(tick: int, near: int) -> int:
    """Return the tick, counted modulo 65536, that lies nearest to `near`."""
    return near + (tick - near + TICKS // 2) % TICKS - TICKS // 2
