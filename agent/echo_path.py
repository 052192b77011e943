"""The way by which echo comes, bin by bin, and what is left of a sound without it.

From what was played a delay ago, `EchoPath` knows how strong its echo must be in each bin. `subtract` takes a
multiple of that away, so that of the echo nothing is left that sounds like speech, and of anything over it
enough: a talker is heard, a cough stays a cough (spectral subtraction, Boll 1979; the surplus, Berouti 1979).
When what must be there is missing, the way is gone: somebody put headphones on.
"""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from jaxtyping import Float32

from agent.spectra import BANDS, HOP, Powers
from models.speech.scorer import WINDOW, Window

_SURPLUS: Final = 8.0
"""So many times the expected echo is taken away: its frames vary, and so does a room's tail."""
_KEEP: Final = 0.95
"""Share of what is known that stays when another frame is learnt."""
_SETTLED_FRAMES: Final = 25
"""Frames of echo after which its strength is known well enough to take it away."""
_ROUGH_FRAMES: Final = 4
"""Frames of echo after which its loudness is known, though not yet bin by bin."""
_ALONE: Final = 2.0
"""A frame so many times as strong as expected is not echo alone, and nothing to learn from."""
_SOUNDING: Final = 1.0
"""Power of played frames, over all bins, from which an echo must be heard."""
_LOST: Final = 0.6
"""Share of the expected echo that is missing when the way is gone; where it is there, 0.2 is."""
_PATIENCE: Final = 0.92
"""Weight of the past in that share, for each frame."""
_SLOPE: Final = np.sqrt(np.hanning(WINDOW + 1)[:WINDOW]).astype(np.float32)
"""Analysis and synthesis window: overlapping by half, its square sums to one."""

Band = Float32[np.ndarray, "257"]


@dataclass(frozen=True, slots=True)
class EchoPath:
    """What is known of it. Nothing at first."""

    heard: Band = field(default_factory=lambda: np.zeros(BANDS, np.float32))
    """Power that came, and power that was played; their quotient is the way."""
    played: Band = field(default_factory=lambda: np.full(BANDS, 1e-9, np.float32))
    frames: int = 0
    """Frames learnt from."""
    expected: float = 0.0
    """Echo that was expected lately, and what was missing of it."""
    missing: float = 0.0

    @property
    def settled(self) -> bool:
        """Whether it is known well enough to be taken away."""
        return self.frames >= _SETTLED_FRAMES

    @property
    def lost(self) -> bool:
        """Whether no echo comes this way any more."""
        return self.settled and self.missing > _LOST * self.expected > 0

    def echo(self, played: Powers) -> Powers:
        """Return how strong the echo of played frames is."""
        return np.asarray(self.heard / self.played * played, np.float32)

    def learn(self, heard: Powers, played: Powers, steady: Powers, *, is_echo: bool) -> "EchoPath":
        """Return what is known after frames that may hold echo.

        Args:
            heard: what came.
            played: the most that was played near its time.
            steady: the least: its echo must have come already, and still come.
            is_echo: whether it surely is echo.
        """
        path = self
        for came, went, least in zip(heard, played, steady, strict=True):
            if went.sum() > _SOUNDING:
                path = path._learn(came, went, is_echo=is_echo)._miss(came, least)
        return path

    def _learn(self, heard: Band, played: Band, *, is_echo: bool) -> "EchoPath":
        echo = self.heard / self.played * played
        alone = is_echo and (not self.settled or heard.sum() < _ALONE * echo.sum())
        share = np.float32(_KEEP if alone else 1.0)
        return replace(
            self,
            heard=share * self.heard + (1 - share) * heard,
            played=share * self.played + (1 - share) * played,
            frames=self.frames + int(alone),
        )

    def _miss(self, heard: Band, steady: Band) -> "EchoPath":
        """Return the path with what of the echo did not come, once that can be told."""
        if not self.settled:
            return self
        echo = self.heard / self.played * steady
        missing = float(np.maximum(echo - heard, 0).sum())
        return replace(
            self,
            expected=_PATIENCE * self.expected + float(echo.sum()),
            missing=_PATIENCE * self.missing + missing,
        )

    def covers(self, heard: Powers, played: Powers) -> bool:
        """Tell whether frames are hardly louder than their echo must be, roughly, before that is settled."""
        echo = played.sum() * self.heard.sum() / self.played.sum()
        return self.frames >= _ROUGH_FRAMES and bool(heard.sum() < _ALONE * echo)


@dataclass(frozen=True, slots=True)
class Overlap:
    """What `subtract` remembers between windows."""

    heard: Float32[np.ndarray, "256"] = field(default_factory=lambda: np.zeros(HOP, np.float32))
    """The last half window that came, and the rising half of the frame that began with it."""
    left: Float32[np.ndarray, "256"] = field(default_factory=lambda: np.zeros(HOP, np.float32))


def subtract(window: Window, echo: Float32[np.ndarray, "2 257"], state: Overlap) -> tuple[Window, Overlap]:
    """Return what is left of a window without its echo, half a window later; and the state after it.

    Args:
        window: what came.
        echo: how strong the echo is in the two frames that end with it.
        state: of the window before.
    """
    sound = np.concatenate([state.heard, window])
    out = np.zeros(WINDOW + HOP, np.float32)
    out[:HOP] = state.left
    for index, expected in enumerate(echo):
        frame = slice(index * HOP, index * HOP + WINDOW)
        spectrum = np.fft.rfft(sound[frame] * _SLOPE)
        # The echo's power is told for another window shape; in sum both shapes are alike but for this factor.
        power = np.abs(spectrum) ** 2 * _SHAPE
        gain = np.sqrt(np.maximum(1.0 - _SURPLUS * expected / (power + 1e-12), 0.0))
        out[frame] += np.fft.irfft(spectrum * gain).astype(np.float32) * _SLOPE
    return out[:WINDOW], Overlap(window[HOP:], out[WINDOW:])


_SHAPE: Final = float(np.sum(np.hanning(WINDOW) ** 2) / np.sum(_SLOPE**2))
"""Power of noise in a Hann window over that in this one."""
