"""Log-mel: what every learned stage hears. 80 bands, 10 ms hop, four columns to a video frame.

Column k covers the 25 ms that end with the k-th hop, so no column waits for sound after it. The filters are
triangles on the mel scale of O'Shaughnessy 1987 (mel = 2595 log10(1 + f/700)), as in HTK.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Float32

from models.motion.stage import SPEECH_RATE_HZ

MEL_BANDS: Final = 80
HOP_SAMPLES: Final = SPEECH_RATE_HZ // 100
COLUMNS_PER_FRAME: Final = 4
_WINDOW_SAMPLES: Final = 400
_FFT: Final = 512
_PAST_SAMPLES: Final = _WINDOW_SAMPLES - HOP_SAMPLES
_FLOOR: Final = 1e-7
"""Power under which all is silence: about -70 dB of full scale in one band."""


@dataclass(frozen=True, slots=True)
class MelState:
    """The sound that the next columns overlap."""

    past: Float32[np.ndarray, "240"]


def init_mel() -> MelState:
    """Return the state after silence."""
    return MelState(np.zeros(_PAST_SAMPLES, np.float32))


def step_mel(
    pcm: Float32[np.ndarray, "samples"], state: MelState
) -> tuple[Float32[np.ndarray, "columns 80"], MelState]:
    """Return one column for each 10 ms of 16 kHz sound, and the state after it. Chunked equals whole.

    Raises:
        ValueError: The sound is no whole number of hops.
    """
    if len(pcm) % HOP_SAMPLES:
        raise ValueError(f"{len(pcm)} samples are no whole number of {HOP_SAMPLES}-sample hops")
    sound = np.concatenate([state.past, pcm])
    if not len(pcm):
        return np.zeros((0, MEL_BANDS), np.float32), state
    windows = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW_SAMPLES)[::HOP_SAMPLES]
    spectrum = np.fft.rfft(windows * _taper(), _FFT)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) / _WINDOW_SAMPLES
    return np.log(power @ _filters() + np.float32(_FLOOR)), MelState(sound[-_PAST_SAMPLES:])


def log_mel(pcm: Float32[np.ndarray, "samples"]) -> Float32[np.ndarray, "columns 80"]:
    """Return the columns of a whole recording, as `step_mel` hears it from silence."""
    return step_mel(pcm, init_mel())[0]


@cache
def _taper() -> Float32[np.ndarray, "400"]:
    taper = np.hanning(_WINDOW_SAMPLES).astype(np.float32)
    taper.setflags(write=False)
    return taper


@cache
def _filters() -> Float32[np.ndarray, "257 80"]:
    def mel(hz: np.ndarray) -> np.ndarray:
        return np.asarray(2595.0 * np.log10(1.0 + hz / 700.0))

    low, high = mel(np.array([20.0, SPEECH_RATE_HZ / 2]))
    bins = mel(np.fft.rfftfreq(_FFT, 1.0 / SPEECH_RATE_HZ))
    edges = np.linspace(low, high, MEL_BANDS + 2)
    rising = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    filters = np.clip(np.minimum(rising, falling), 0.0, None).astype(np.float32)
    # The lowest bands are narrower than a bin; each still hears the nearest one.
    empty = np.flatnonzero(filters.sum(axis=0) == 0.0)
    filters[np.abs(bins[:, None] - edges[1:-1][empty]).argmin(axis=0), empty] = 1.0
    filters.setflags(write=False)
    return filters
