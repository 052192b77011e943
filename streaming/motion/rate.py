"""Rate control: coarser steps first, then fewer frames, as long as more is sent than the line is given."""

from dataclasses import dataclass, replace
from typing import Final

from streaming.motion.config import MotionConfig

STRIDES: Final = (1, 2, 4, 5)
"""Ticks between frames: 25, 12.5, 6.25 and 5 frames a second."""
FINER_AGAIN: Final = 4
"""The frame rate rises when quality is so many steps finer than the coarsest."""
TICKS_PER_S: Final = 25


@dataclass(frozen=True, slots=True)
class Rate:
    """Where the control stands."""

    quality: int
    pace: int = 0
    """Index into `STRIDES`."""
    debt_bits: int = 0
    """Bits sent beyond the target."""

    @property
    def stride(self) -> int:
        """Ticks from one frame to the next."""
        return STRIDES[self.pace]


def after_packet(rate: Rate, config: MotionConfig, size_bytes: int, ticks: int) -> Rate:
    """Return where the control stands after a packet for so many ticks."""
    budget = config.target_bps * ticks // TICKS_PER_S
    sent = 8 * (size_bytes + config.overhead_bytes)
    debt = max(-budget, min(rate.debt_bits + sent - budget, 4 * budget))
    if debt > budget // 4 and sent > budget:
        return _coarser(replace(rate, debt_bits=debt), config)
    if debt < -(budget // 4):
        return _finer(replace(rate, debt_bits=debt), config)
    return replace(rate, debt_bits=debt)


def _coarser(rate: Rate, config: MotionConfig) -> Rate:
    if rate.quality < config.coarsest:
        return replace(rate, quality=rate.quality + 1)
    return replace(rate, pace=min(rate.pace + 1, len(STRIDES) - 1))


def _finer(rate: Rate, config: MotionConfig) -> Rate:
    if rate.pace and rate.quality + FINER_AGAIN <= config.coarsest:
        return replace(rate, pace=rate.pace - 1, quality=config.coarsest)
    if rate.quality > config.finest:
        return replace(rate, quality=rate.quality - 1)
    return replace(rate, pace=max(rate.pace - 1, 0))
