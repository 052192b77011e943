"""`SpeechGate`: how much of a sound is to move lips, frame by frame: 1 in speech and in quiet, 0 in music.

What shuts it is sound louder than a quiet room that a `SpeechScorer` takes for no speech. Quiet passes, for
there is breath in it before a word. Speech opens it, before its first sound as far as that is known, and
holds it over the closures and pauses inside words. Shares have no memory but the windows about a frame, so
frames cannot differ by how the sound was cut.
"""

from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float32, Float64

from models.motion.stage import SAMPLES_PER_FRAME
from models.speech.scorer import WINDOW, SpeechScorer

_DOUBTFUL, _SURE = 0.3, 0.7
"""Probabilities of speech at which a window begins to count as speech, and counts fully."""
_QUIET_DB, _LOUD_DB = -45.0, -35.0
"""Levels, in dB of full scale, at which what is no speech begins to disturb, and disturbs fully."""


class Reach(NamedTuple):
    """How a window counts by its distance from a frame's middle, in frames, the past negative."""

    none_from: float
    full_from: float
    full_to: float
    none_to: float

    def weigh(self, offset: Float64[np.ndarray, "around heard"]) -> Float64[np.ndarray, "around heard"]:
        """Return weights 0..1 of windows at these distances."""
        rising = (offset - self.none_from) / (self.full_from - self.none_from)
        falling = (self.none_to - offset) / (self.none_to - self.full_to)
        return np.asarray(np.clip(np.minimum(rising, falling), 0.0, 1.0))


_SPEECH: Final = Reach(-14.0, -8.0, 3.0, 5.0)
_DISTURBANCE: Final = Reach(-20.0, -8.0, 0.5, 1.5)
_LONGEST: Final = 20
"""Frames that any window reaches forward in time."""

StateT = TypeVar("StateT")


@dataclass(frozen=True, slots=True)
class GateState(Generic[StateT]):
    """What a gate has heard of one stream."""

    scorer: StateT
    scores: Float32[np.ndarray, "scored"]
    """Probabilities of speech in the newest windows, the oldest first."""
    levels_db: Float32[np.ndarray, "scored"]
    """Their levels, in dB of full scale."""
    rest: Float32[np.ndarray, "rest"]
    """Samples that do not fill a window yet."""
    windows: int = 0
    """Windows scored since the stream began."""
    frames: int = 0
    """Frames heard since then."""


class SpeechGate(Generic[StateT]):
    """Holds a scorer and no state; one serves every stream.

    Args:
        scorer: Says how likely speech is.
        past_frames: How many frames before each are asked for.
        ahead_frames: How many after it, and how far ahead of a frame sound may be heard.
    """

    def __init__(self, scorer: SpeechScorer[StateT], past_frames: int, ahead_frames: int) -> None:
        self._scorer = scorer
        self._around = np.arange(-past_frames, ahead_frames + 1)
        self._ahead = ahead_frames
        self._kept = 2 + (past_frames + _LONGEST) * SAMPLES_PER_FRAME // WINDOW

    def init_state(self) -> GateState[StateT]:
        """Return the state before the first sample."""
        nothing = np.zeros(0, np.float32)
        return GateState(self._scorer.init_state(), nothing, nothing, nothing)

    def step(
        self,
        pcm: Float32[np.ndarray, "samples"],
        ahead: Float32[np.ndarray, "known"],
        state: GateState[StateT],
    ) -> tuple[Float32[np.ndarray, "frames around"], GateState[StateT]]:
        """Return for each frame of `pcm` the shares of the frames around it. Chunked equals whole.

        Args:
            pcm: 16 kHz in -1..1, a whole number of frames.
            ahead: Sound known to follow.
            state: Of the stream.
        """
        frames = len(pcm) // SAMPLES_PER_FRAME
        now = self._hear(pcm, state)
        known = self._hear(ahead[: self._ahead * SAMPLES_PER_FRAME], now)
        shares = [self._shares(state.frames + frame, known) for frame in range(frames)]
        after = GateState(
            now.scorer, now.scores[-self._kept :], now.levels_db[-self._kept :], now.rest, now.windows,
            state.frames + frames,
        )  # fmt: skip
        return np.array(shares, np.float32).reshape(frames, len(self._around)), after

    def _hear(self, pcm: Float32[np.ndarray, "samples"], state: GateState[StateT]) -> GateState[StateT]:
        """Score all windows that `pcm` completes."""
        sound, scorer = np.concatenate([state.rest, pcm]), state.scorer
        whole = len(sound) // WINDOW
        windows = sound[: whole * WINDOW].reshape(-1, WINDOW)
        scores = np.zeros(whole, np.float32)
        for number, window in enumerate(windows):
            scores[number], scorer = self._scorer.score(window, scorer)
        levels_db = 10.0 * np.log10(np.mean(windows.astype(np.float64) ** 2, axis=1) + 1e-10)
        return GateState(
            scorer,
            np.concatenate([state.scores, scores]),
            np.concatenate([state.levels_db, levels_db.astype(np.float32)]),
            sound[whole * WINDOW :],
            state.windows + whole,
            state.frames,
        )

    def _shares(self, frame: int, known: GateState[StateT]) -> Float64[np.ndarray, "around"]:
        """Return the shares of the frames around one, by the windows that end within its reach."""
        ends = known.windows - len(known.scores) + 1 + np.arange(len(known.scores))
        heard = WINDOW * ends <= SAMPLES_PER_FRAME * (frame + 1 + self._ahead)
        sure = _risen(known.scores[heard], _DOUBTFUL, _SURE)
        loud = _risen(known.levels_db[heard], _QUIET_DB, _LOUD_DB)
        middles = frame + self._around + 0.5
        offset = WINDOW / SAMPLES_PER_FRAME * (ends[heard] - 0.5) - middles[:, None]
        # One window alone is no speech, however sure.
        believed = np.minimum(sure, np.concatenate([[0.0], sure])[:-1])
        speech = (_SPEECH.weigh(offset) * believed).max(axis=1, initial=0.0)
        disturbed = (_DISTURBANCE.weigh(offset) * loud * (1.0 - sure)).max(axis=1, initial=0.0)
        return np.asarray(np.maximum(speech, 1.0 - disturbed))


def _risen(values: Float32[np.ndarray, "heard"], low: float, high: float) -> Float64[np.ndarray, "heard"]:
    """Return 0 up to `low`, 1 from `high`, and a straight line between."""
    return np.asarray(np.clip((values.astype(np.float64) - low) / (high - low), 0.0, 1.0))
