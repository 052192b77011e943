"""`SpeechGate`: how much of a sound is to move lips, frame by frame: 1 in speech, 0 in music and noise.

Causal but for the sound that is known ahead. The share of a frame is the strongest evidence for speech in the
windows about it, which counts less the farther away a window lies. So it opens before the first sound of a
word as far as that is known, holds over the closures and pauses inside words, and moves smoothly. It has no
memory but those windows, so frames cannot differ by how the sound was cut.
"""

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import numpy as np
from jaxtyping import Float32, Float64

from models.motion.stage import SAMPLES_PER_FRAME
from models.speech.scorer import WINDOW, SpeechScorer

_DOUBTFUL, _SURE = 0.3, 0.7
"""Probabilities of speech at which a window begins to count, and counts fully."""
_FULL: Final = (-8 * SAMPLES_PER_FRAME, 3 * SAMPLES_PER_FRAME)
"""Samples from a frame's middle between which a window counts fully: 320 ms past, 120 ms to come."""
_NONE: Final = (-14 * SAMPLES_PER_FRAME, 5 * SAMPLES_PER_FRAME)
"""Samples at which it has faded: 560 ms past, 200 ms to come."""

StateT = TypeVar("StateT")


@dataclass(frozen=True, slots=True)
class GateState(Generic[StateT]):
    """What a gate has heard of one stream."""

    scorer: StateT
    scores: Float32[np.ndarray, "scored"]
    """Probabilities of the newest windows, the oldest first."""
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
        self._kept = 2 + (past_frames * SAMPLES_PER_FRAME - _NONE[0]) // WINDOW

    def init_state(self) -> GateState[StateT]:
        """Return the state before the first sample."""
        nothing = np.zeros(0, np.float32)
        return GateState(self._scorer.init_state(), nothing, nothing)

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
        now = self._score(pcm, state)
        later = self._score(ahead[: self._ahead * SAMPLES_PER_FRAME], now)
        centres = WINDOW * (later.windows - len(later.scores) + np.arange(len(later.scores)) + 0.5)
        evidence = _evidence(later.scores)
        shares = [self._shares(state.frames + frame, centres, evidence) for frame in range(frames)]
        kept = now.scores[-self._kept :]
        after = GateState(now.scorer, kept, now.rest, now.windows, state.frames + frames)
        return np.array(shares, np.float32).reshape(frames, len(self._around)), after

    def _score(self, pcm: Float32[np.ndarray, "samples"], state: GateState[StateT]) -> GateState[StateT]:
        """Score all windows that `pcm` completes."""
        sound, scorer, scores = np.concatenate([state.rest, pcm]), state.scorer, []
        whole = len(sound) // WINDOW
        for window in sound[: whole * WINDOW].reshape(-1, WINDOW):
            score, scorer = self._scorer.score(window, scorer)
            scores.append(score)
        all_scores = np.concatenate([state.scores, np.array(scores, np.float32)])
        return GateState(scorer, all_scores, sound[whole * WINDOW :], state.windows + whole, state.frames)

    def _shares(
        self, frame: int, centres: Float64[np.ndarray, "scored"], evidence: Float64[np.ndarray, "scored"]
    ) -> Float64[np.ndarray, "around"]:
        """Return the shares of the frames around one, by the windows that end within its reach."""
        heard = centres + WINDOW / 2 <= SAMPLES_PER_FRAME * (frame + 1 + self._ahead)
        middles = SAMPLES_PER_FRAME * (frame + self._around + 0.5)
        weights = _weight(centres[heard] - middles[:, None])
        return np.asarray((weights * evidence[heard]).max(axis=1, initial=0.0))


def _evidence(scores: Float32[np.ndarray, "scored"]) -> Float64[np.ndarray, "scored"]:
    """Return how much each window speaks for speech: as much as it and the one before it both do."""
    sure = np.clip((scores.astype(np.float64) - _DOUBTFUL) / (_SURE - _DOUBTFUL), 0.0, 1.0)
    return np.minimum(sure, np.concatenate([[0.0], sure])[:-1])


def _weight(
    offset: Float64[np.ndarray, "around heard"],
) -> Float64[np.ndarray, "around heard"]:
    """Return how much a window counts at a distance in samples from a frame's middle."""
    rising = (offset - _NONE[0]) / (_FULL[0] - _NONE[0])
    falling = (_NONE[1] - offset) / (_NONE[1] - _FULL[1])
    return np.asarray(np.clip(np.minimum(rising, falling), 0.0, 1.0))
