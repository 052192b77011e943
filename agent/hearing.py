"""The visitor's microphone → utterances: resampling, speech detection, pre-roll, push-to-talk.

Open microphone: silence ends an utterance. Push-to-talk: `hold` begins one, `release` ends it, whatever the
silence. Either way an utterance is cut at `max_utterance_s`, and nothing else is kept but the pre-roll.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import soxr
from jaxtyping import Float32, Int16
from pydantic import BaseModel, ConfigDict, Field

from agent.echo import EchoScorer, OwnVoice
from agent.vad import SpeechDetector, SpeechEnded, SpeechEvent, SpeechPaused, SpeechResumed, SpeechStarted
from models.motion.stage import SPEECH_RATE_HZ

_KEEP_AFTER_MS: Final = 100
"""Silence kept after the last word, so that its end is not cut."""


class HearingConfig(BaseModel):
    """How much sound belongs to an utterance."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pre_roll_ms: int = Field(default=300, ge=0)
    """Sound kept from before speech was noticed, so that no first consonant is lost."""
    max_utterance_s: float = Field(default=28.0, gt=1, le=30)
    """Longest utterance; Whisper reads 30 s at once."""


@dataclass(frozen=True, slots=True)
class Began:
    """The visitor began to speak, or pressed the key."""


@dataclass(frozen=True, slots=True)
class MayBeOver:
    """A pause; the sound so far, for whoever wants to start on suspicion."""

    pcm: Float32[np.ndarray, "samples"]


@dataclass(frozen=True, slots=True)
class WentOn:
    """The pause was only a breath."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """The visitor has finished."""

    pcm: Float32[np.ndarray, "samples"]
    """16 kHz mono in -1..1."""
    silence_s: float
    """How long ago the last word ended, in seconds of microphone time."""
    as_paused: bool
    """True when the words are those of the last `MayBeOver`."""
    voiced_s: float
    """How much of it sounded like speech; all of it where a key was held."""


HearingEvent = Began | MayBeOver | WentOn | Utterance


class Hearing:
    """Listens to one microphone. `push` sound; events come back.

    Args:
        detector: finds speech.
        config: how much sound belongs to an utterance.
        echo: the detector's scorer, where it knows the avatar's own voice; it is told what is `played`.
    """

    def __init__(
        self, detector: SpeechDetector[Any], config: HearingConfig, echo: EchoScorer[Any] | None = None
    ) -> None:
        self._detector = detector
        self._own_voice = OwnVoice(echo)
        self._vad = detector.init_state()
        self._pre_roll = config.pre_roll_ms * SPEECH_RATE_HZ // 1000
        self._longest = round(config.max_utterance_s * SPEECH_RATE_HZ)
        self._resampler: soxr.ResampleStream | None = None
        self._rate_hz = 0
        self._sound = np.zeros(0, np.float32)
        self._first = 0
        """Number of the first kept sample, on the detector's clock."""
        self._begun = False
        self._begun_sample = 0
        self._held = False
        self._paused = False
        self._forgotten_s = 0.0

    @property
    def begun(self) -> bool:
        """True while the visitor speaks or holds the key."""
        return self._begun

    def stats(self) -> dict[str, float]:
        """Return `hearing_buffer_s`, `hearing_forgotten_s`: what overlong utterances lost, `echo_windows`."""
        return {
            "hearing_buffer_s": len(self._sound) / SPEECH_RATE_HZ,
            "hearing_forgotten_s": self._forgotten_s,
            "echo_windows": float(self._own_voice.explained(self._vad)),
        }

    def push(self, pcm: Int16[np.ndarray, "samples"], sample_rate_hz: int) -> Sequence[HearingEvent]:
        """Take mono sound of any rate and length; return what it brought. Raises `ValueError` if rate ≤ 0."""
        sound = self._resample(pcm, sample_rate_hz)
        self._sound = np.concatenate([self._sound, sound])
        found, self._vad = self._detector.step(sound, self._vad)
        events = [event for vad_event in found if (event := self._hear(vad_event)) is not None]
        self._forget()
        return events

    def played(self, pcm: Int16[np.ndarray, "samples"]) -> None:
        """Take what the avatar says, as it goes out, silence too: mono at `MEDIA_RATE_HZ`."""
        self._vad = self._own_voice.play(pcm, self._vad)

    def end_after(self, silence_ms: int | None) -> None:
        """Let the pause at hand end the turn when it is so long; None stands for `vad.min_silence_ms`.

        A silence that is longer already ends the turn with the next sound. Holds until speech goes on.
        """
        self._vad = replace(self._vad, end_after_ms=silence_ms)

    def hold(self) -> Sequence[HearingEvent]:
        """Begin an utterance that only `release` ends."""
        self._held = True
        if self._begun:
            return [WentOn()] if self._end_pause() else []
        self._begin(self._now)
        return [Began()]

    def release(self) -> Sequence[HearingEvent]:
        """End the held utterance; does nothing when no key was down."""
        if not self._held:
            return []
        self._held = False
        return [self._finish(self._now, self._now - self._begun_sample)]

    @property
    def _now(self) -> int:
        return self._first + len(self._sound)

    def _resample(self, pcm: Int16[np.ndarray, "samples"], rate_hz: int) -> Float32[np.ndarray, "resampled"]:
        if rate_hz <= 0:
            raise ValueError(f"a sample rate must be positive, not {rate_hz} Hz")
        if self._resampler is None or rate_hz != self._rate_hz:
            self._resampler = soxr.ResampleStream(rate_hz, SPEECH_RATE_HZ, 1, "float32")
            self._rate_hz = rate_hz
        return np.asarray(self._resampler.resample_chunk(pcm.astype(np.float32) / 32768), np.float32)

    def _hear(self, event: SpeechEvent) -> HearingEvent | None:
        """Translate one event of the detector, which has no say while the key is held."""
        if self._held:
            return None
        if isinstance(event, SpeechStarted) and not self._begun:
            self._begin(event.start_sample)
            return Began()
        if not self._begun:
            return None
        if isinstance(event, SpeechPaused):
            self._paused = True
            return MayBeOver(self._until(event.end_sample))
        if isinstance(event, SpeechResumed):
            return WentOn() if self._end_pause() else None
        return (
            self._finish(event.end_sample, event.voiced_samples) if isinstance(event, SpeechEnded) else None
        )

    def _begin(self, sample: int) -> None:
        self._begun, self._begun_sample = True, sample
        self._drop_until(sample - self._pre_roll)

    def _finish(self, end: int, voiced: int) -> Utterance:
        utterance = Utterance(
            self._until(end),
            (self._now - end) / SPEECH_RATE_HZ,
            self._end_pause(),
            voiced / SPEECH_RATE_HZ,
        )
        self._begun = False
        self._drop_until(self._now - self._pre_roll)
        return utterance

    def _end_pause(self) -> bool:
        was_paused, self._paused = self._paused, False
        return was_paused

    def _until(self, end: int) -> Float32[np.ndarray, "samples"]:
        keep_after = _KEEP_AFTER_MS * SPEECH_RATE_HZ // 1000
        return self._sound[: max(0, end - self._first) + keep_after].copy()

    def _forget(self) -> None:
        """Keep what an utterance may need: all of one that goes on, within bounds, else a second."""
        if self._begun:
            too_many = max(0, len(self._sound) - self._longest)
            self._forgotten_s += too_many / SPEECH_RATE_HZ
            self._drop_until(self._first + too_many)
        else:
            self._drop_until(self._now - self._pre_roll - SPEECH_RATE_HZ)

    def _drop_until(self, sample: int) -> None:
        count = min(max(0, sample - self._first), len(self._sound))
        self._sound = self._sound[count:]
        self._first += count
