"""Sound that waits in memory: a first-in, first-out queue of samples, and resampling into it."""

from collections import deque

import numpy as np
import soxr
from jaxtyping import Float32, Int16


class SampleQueue:
    """Samples in the order they came. Taking costs what is taken, however much waits."""

    def __init__(self, dtype: type[np.int16] | type[np.float32]) -> None:
        self._dtype = dtype
        self._blocks: deque[np.ndarray] = deque()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def push(self, samples: np.ndarray) -> None:
        """Append samples of the queue's type; they are kept, not copied."""
        if len(samples):
            self._blocks.append(samples)
            self._length += len(samples)

    def peek(self, count: int) -> np.ndarray:
        """Return the first `count` samples, or all when fewer wait, and leave them here."""
        taken, missing = [np.zeros(0, self._dtype)], count
        for block in self._blocks:
            if missing <= 0:
                break
            taken.append(block[:missing])
            missing -= len(taken[-1])
        return np.concatenate(taken)

    def take(self, count: int) -> np.ndarray:
        """Return the first `count` samples, or all when fewer wait, and remove them."""
        taken = self.peek(count)
        self._drop(len(taken))
        return taken

    def _drop(self, count: int) -> None:
        self._length -= count
        while count:
            block = self._blocks.popleft()
            if len(block) > count:
                self._blocks.appendleft(block[count:])
            count -= min(count, len(block))


class StreamResampler:
    """Resamples a stream of any block sizes, with no seam between blocks (libsoxr, high quality).

    Equal rates pass through untouched. After `flush` the next block starts a new stream.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._untouched = from_hz == to_hz
        self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")

    def push(self, pcm: Float32[np.ndarray, "samples"]) -> Float32[np.ndarray, "resampled"]:
        """Return what can be said of the stream so far; the filter holds back some milliseconds."""
        if self._untouched or not len(pcm):
            return pcm
        return np.asarray(self._stream.resample_chunk(pcm))

    def flush(self) -> Float32[np.ndarray, "resampled"]:
        """Return what the filter holds back."""
        if self._untouched:
            return np.zeros(0, np.float32)
        rest = np.asarray(self._stream.resample_chunk(np.zeros(0, np.float32), last=True))
        self._stream.clear()
        return rest


def to_float(pcm: Int16[np.ndarray, "samples"]) -> Float32[np.ndarray, "samples"]:
    """Scale 16-bit samples to -1..1."""
    return pcm.astype(np.float32) / np.float32(32768)


def to_int16(pcm: Float32[np.ndarray, "samples"]) -> Int16[np.ndarray, "samples"]:
    """Scale -1..1 to 16-bit samples; what is louder is clipped."""
    return np.clip(np.rint(pcm * np.float32(32768)), -32768, 32767).astype(np.int16)
