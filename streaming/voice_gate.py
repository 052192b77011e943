"""A publisher's endless sound → utterances: what is loud is said, long silence lets the avatar idle.

Nothing audible is cut: before the first loud block come `PRE_ROLL_S` of what was there before, which also
bridge the network's unevenness, and after the last one `HANG_S`.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Int16

LOUD_DBFS: Final = -50.0
"""Root mean square from which a block is loud; a quiet room's microphone lies below, speech 20 dB above."""
PRE_ROLL_S: Final = 0.1
HANG_S: Final = 0.8
"""Silence that ends an utterance; a pause between sentences is shorter."""

_LOUD_RMS: Final = 32768.0 * 10.0 ** (LOUD_DBFS / 20.0)


@dataclass(frozen=True, slots=True)
class GateState:
    """What is known of the sound so far."""

    open: bool = False
    """Whether an utterance is being said."""
    quiet_s: float = 0.0
    """Silence since the last loud block."""
    kept: tuple[Int16[np.ndarray, "samples"], ...] = ()
    """Blocks of the pre-roll, while closed."""


class VoiceGate:
    """Decides block by block; see `GateState`."""

    def init_state(self) -> GateState:
        """Return the state before the first block."""
        return GateState()

    def step(
        self, pcm: Int16[np.ndarray, "samples"], rate_hz: int, state: GateState
    ) -> tuple[Int16[np.ndarray, "said"], GateState]:
        """Return what is to be said now, and the state after it; the utterance ends when it is not `open`."""
        loud, length_s = is_loud(pcm), len(pcm) / rate_hz
        if state.open:
            quiet_s = 0.0 if loud else state.quiet_s + length_s
            if quiet_s < HANG_S:
                return pcm, replace(state, quiet_s=quiet_s)
            return pcm, GateState()
        kept = (*state.kept, pcm)
        if loud:
            return np.concatenate(kept), GateState(open=True)
        while sum(map(len, kept[1:])) >= PRE_ROLL_S * rate_hz:
            kept = kept[1:]
        return pcm[:0], replace(state, kept=kept)


def is_loud(pcm: Int16[np.ndarray, "samples"]) -> bool:
    """Tell whether a block is more than background."""
    return bool(len(pcm)) and float(np.sqrt(np.mean(pcm.astype(np.float32) ** 2))) >= _LOUD_RMS
