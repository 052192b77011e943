"""How likely a window of sound holds speech: the seam `SpeechScorer`, Silero's network, and a fake."""

from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import numpy as np
from jaxtyping import Float32

from models.motion.stage import SPEECH_RATE_HZ

WINDOW: Final = 512
"""Samples scored at once: 32 ms, the length Silero was trained on."""
_CONTEXT: Final = 64
"""Samples of the window before that Silero wants in front of each window."""

Window = Float32[np.ndarray, "512"]
StateT = TypeVar("StateT")


class SpeechScorer(Protocol[StateT]):
    """Says how likely a window holds speech. State is passed in and returned; instances hold none."""

    def init_state(self) -> StateT:
        """Return the state before the first window."""
        ...

    def score(self, window: Window, state: StateT) -> tuple[float, StateT]:
        """Return the probability of speech in `WINDOW` samples at 16 kHz in -1..1, and the state after."""
        ...


class LoudnessScorer:
    """Fake `SpeechScorer`: what is louder than `floor` (root mean square) is speech."""

    def __init__(self, floor: float = 0.01) -> None:
        self._floor = floor

    def init_state(self) -> None:
        """Need no memory."""

    def score(self, window: Window, state: None) -> tuple[float, None]:
        """Return 1 for loud, 0 for quiet."""
        return float(np.sqrt(np.mean(window**2)) > self._floor), None


@dataclass(frozen=True, slots=True)
class SileroState:
    """What Silero remembers."""

    memory: Float32[np.ndarray, "2 1 128"]
    context: Float32[np.ndarray, "64"]


class SileroScorer:
    """Silero VAD (https://github.com/snakers4/silero-vad) by onnxruntime, about 1 ms a window on one core."""

    def __init__(self) -> None:
        """Load the network out of the `silero-vad` package without importing that: it imports torch."""
        import onnxruntime

        from models.assets import asset_path

        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        path = str(asset_path("silero_vad"))
        self._session: Any = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        self._rate = np.array(SPEECH_RATE_HZ, np.int64)

    def init_state(self) -> SileroState:
        """Return silence."""
        return SileroState(np.zeros((2, 1, 128), np.float32), np.zeros(_CONTEXT, np.float32))

    def score(self, window: Window, state: SileroState) -> tuple[float, SileroState]:
        """Return the network's probability."""
        sound = np.concatenate([state.context, window])[None]
        feed = {"input": sound, "state": state.memory, "sr": self._rate}
        probability, memory = self._session.run(None, feed)
        return float(probability[0, 0]), SileroState(memory, window[-_CONTEXT:].copy())
