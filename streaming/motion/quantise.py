"""From frames in units to residuals in steps, in a closed loop: predicted is from what a reader has."""

from dataclasses import replace
from typing import Final

from models.motion.frame import MOTION_SIZE
from streaming.motion.channels import HIGHEST, LOWEST, step_sizes
from streaming.motion.packet import Header, echo_quality, write_packet
from streaming.motion.residuals import Rows
from streaming.motion.tables import TABLES

ROUND_FIRST: Final = 13
ROUND_LATER: Final = 11
"""What is added before a difference is cut to steps, in 1/32 of a step: 16 is nearest, less is cheaper."""

Units = tuple[int, ...]
"""One frame: 98 values in units."""


def quantise(rows: list[Units], before: list[int], quality: int, rounding: int) -> tuple[Rows, Rows]:
    """Return the residuals of `rows`, each against the one before as it is read back, and those rows.

    `rounding` is used for the first row, `ROUND_LATER` for the others.
    """
    steps, residuals, rebuilt = step_sizes(quality), [], []
    for row in rows:
        residual, after = [], []
        for value, base, step, low, high in zip(row, before, steps, LOWEST, HIGHEST, strict=True):
            count = (abs(value - base) + (rounding * step >> 5)) // step
            residual.append(count if value >= base else -count)
            after.append(min(max(base + residual[-1] * step, low), high))
        residuals.append(residual)
        rebuilt.append(after)
        before, rounding = after, ROUND_LATER
    return residuals, rebuilt


def code_frames(header: Header, frames: list[Units], echoes: list[Units]) -> bytes:
    """Return a packet, written with the table that makes it shorter."""
    residuals, rebuilt = quantise(frames, [0] * MOTION_SIZE, header.quality, ROUND_FIRST)
    past, _ = quantise(echoes, rebuilt[0], echo_quality(header.quality), ROUND_LATER)
    spans = (residuals[:1], residuals[1:], past)
    packets = [write_packet(replace(header, table=table), spans) for table in range(len(TABLES))]
    return min(packets, key=len)
