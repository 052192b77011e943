"""Hear when somebody speaks: windows of sound → probabilities → speech events, on a clock of samples.

`models.speech.scorer` says how likely a window holds speech; `SpeechDetector` turns that into events, with
hysteresis.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Float32
from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.motion.stage import SPEECH_RATE_HZ
from models.speech.scorer import WINDOW, SpeechScorer


class VadConfig(BaseModel):
    """When sound counts as speech, and silence as the end of a turn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float = Field(default=0.5, gt=0, lt=1)
    """Probability from which a window starts speech."""
    release_threshold: float = Field(default=0.35, gt=0, lt=1)
    """Probability below which a window counts as silence once speech has started."""
    min_speech_ms: int = Field(default=96, ge=32)
    """Speech this long is believed; shorter clicks are forgotten."""
    pause_ms: int = Field(default=200, ge=32)
    """Silence after which recognition may start on suspicion."""
    min_silence_ms: int = Field(default=480, ge=64)
    """Silence that ends a turn, unless `end_after_ms` of the state says otherwise."""

    @model_validator(mode="after")
    def _ordered(self) -> "VadConfig":
        if self.release_threshold > self.threshold:
            raise ValueError(
                f"release_threshold {self.release_threshold} is above threshold {self.threshold}"
            )
        if self.pause_ms > self.min_silence_ms:
            raise ValueError(f"pause_ms {self.pause_ms} is above min_silence_ms {self.min_silence_ms}")
        return self


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody speaks, believed after `min_speech_ms`."""

    start_sample: int
    """First sample of the first window that held speech."""
    at_sample: int
    """End of the window in which it was believed."""


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """Silence for `pause_ms`; either `SpeechResumed` or `SpeechEnded` follows."""

    end_sample: int
    """First sample of the silence."""
    at_sample: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """The pause was only a breath."""

    at_sample: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Silence for `min_silence_ms`, or for what `end_after_ms` asked for."""

    end_sample: int
    """First sample of the silence."""
    at_sample: int
    voiced_samples: int
    """How much of it sounded like speech: noise that was taken for a word does so for an instant."""


SpeechEvent = SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnded
StateT = TypeVar("StateT")


@dataclass(frozen=True, slots=True)
class DetectorState(Generic[StateT]):
    """Everything a `SpeechDetector` remembers of one microphone."""

    scorer: StateT
    rest: Float32[np.ndarray, "rest"] = field(default_factory=lambda: np.zeros(0, np.float32))
    """Samples that do not fill a window yet."""
    heard: int = 0
    """Samples scored so far."""
    loud_since: int | None = None
    """First sample of the speech that goes on, believed or not."""
    speaking: bool = False
    quiet_since: int | None = None
    """First sample of the silence within speech."""
    paused: bool = False
    voiced: int = 0
    """Samples since `loud_since` that sounded like speech."""
    end_after_ms: int | None = None
    """Silence that ends the present turn; None stands for `min_silence_ms`. Gone when speech goes on."""


class SpeechDetector(Generic[StateT]):
    """Turns 16 kHz sound into speech events; any chunk size gives the same events."""

    def __init__(self, scorer: SpeechScorer[StateT], config: VadConfig) -> None:
        self._scorer = scorer
        self._config = config

    @property
    def min_silence_s(self) -> float:
        """Silence that ends speech."""
        return self._config.min_silence_ms / 1000

    def init_state(self) -> DetectorState[StateT]:
        """Return the state before the first sample."""
        return DetectorState(self._scorer.init_state())

    def ended(self, state: DetectorState[StateT]) -> DetectorState[StateT]:
        """Return the state in which nobody speaks; what the scorer knows of the sound stays."""
        return replace(
            state,
            loud_since=None,
            speaking=False,
            quiet_since=None,
            paused=False,
            voiced=0,
            end_after_ms=None,
        )

    def step(
        self, pcm: Float32[np.ndarray, "samples"], state: DetectorState[StateT]
    ) -> tuple[Sequence[SpeechEvent], DetectorState[StateT]]:
        """Return the events within `pcm` (mono in -1..1, any length) and the state after it."""
        sound = np.concatenate([state.rest, pcm])
        events: list[SpeechEvent] = []
        whole = len(sound) // WINDOW * WINDOW
        for window in sound[:whole].reshape(-1, WINDOW):
            probability, scorer = self._scorer.score(window, state.scorer)
            event, state = self._judge(probability, replace(state, scorer=scorer, heard=state.heard + WINDOW))
            if event is not None:
                events.append(event)
        return events, replace(state, rest=sound[whole:])

    def _judge(
        self, probability: float, state: DetectorState[StateT]
    ) -> tuple[SpeechEvent | None, DetectorState[StateT]]:
        if probability >= self._config.threshold:
            state = replace(state, voiced=state.voiced + WINDOW)
        if state.speaking:
            return self._judge_speaking(probability, state)
        if probability < self._config.threshold:
            return None, replace(state, loud_since=None, voiced=0)
        start = state.heard - WINDOW if state.loud_since is None else state.loud_since
        if _ms(state.heard - start) < self._config.min_speech_ms:
            return None, replace(state, loud_since=start)
        return SpeechStarted(start, state.heard), replace(state, loud_since=start, speaking=True)

    def _judge_speaking(
        self, probability: float, state: DetectorState[StateT]
    ) -> tuple[SpeechEvent | None, DetectorState[StateT]]:
        quiet = state.quiet_since
        if probability >= (self._config.release_threshold if quiet is None else self._config.threshold):
            resumed = SpeechResumed(state.heard) if state.paused else None
            return resumed, replace(state, quiet_since=None, paused=False, end_after_ms=None)
        quiet = state.heard - WINDOW if quiet is None else quiet
        limit_ms = self._config.min_silence_ms if state.end_after_ms is None else state.end_after_ms
        if _ms(state.heard - quiet) >= limit_ms:
            return SpeechEnded(quiet, state.heard, state.voiced), self.ended(state)
        if not state.paused and _ms(state.heard - quiet) >= self._config.pause_ms:
            return SpeechPaused(quiet, state.heard), replace(state, quiet_since=quiet, paused=True)
        return None, replace(state, quiet_since=quiet)


def _ms(samples: int) -> float:
    return 1000 * samples / SPEECH_RATE_HZ
