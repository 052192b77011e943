"""The client's sound: turns found in it, or gathered until the client says that a turn is over."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32, Int16
from pydantic import ValidationError

from agent.echo import EchoConfig, guarded
from agent.hearing import Hearing, HearingConfig, HearingEvent
from agent.realtime.events import EventError, ServerVad
from agent.vad import VadConfig
from engine.samples import SampleQueue, StreamResampler, to_float
from models.motion.stage import SPEECH_RATE_HZ
from models.speech.scorer import SpeechScorer
from streaming.problems import first_problem


class Ears:
    """The input audio buffer.

    Args:
        scorer: tells speech from other sound.
        vad: the room's settings, of which a client may change some.
        hearing: the same for what belongs to an utterance.
        echo: how the avatar's own voice is told from others.
    """

    def __init__(
        self, scorer: SpeechScorer[Any], vad: VadConfig, hearing: HearingConfig, echo: EchoConfig
    ) -> None:
        self._scorer = scorer
        self._echo_config = echo
        self._vad_config = vad
        self._hearing_config = hearing
        self._heard_s = 0.0
        self._resampler: StreamResampler | None = None
        self._rate_hz = 0
        self.set_turns(ServerVad(type="server_vad"))

    @property
    def heard_ms(self) -> int:
        """Sound that came so far, in milliseconds."""
        return int(1000 * self._heard_s)

    @property
    def noticed_after_ms(self) -> int:
        """How long before it is noticed speech begins, with what is kept from before it."""
        return self._vad_config.min_speech_ms + self._hearing_config.pre_roll_ms

    def set_turns(self, turns: ServerVad | None) -> None:
        """Find turns so, or not at all; sound that was not committed is forgotten.

        Raises:
            EventError: for settings that do not go together.
        """
        hearing: Hearing | None = None
        if turns is not None:
            try:
                vad = VadConfig.model_validate(self._vad_config.model_dump() | _vad_changes(turns))
                kept = {"pre_roll_ms": turns.prefix_padding_ms} if turns.prefix_padding_ms is not None else {}
                heard = HearingConfig.model_validate(self._hearing_config.model_dump() | kept)
            except ValidationError as error:
                raise EventError("invalid_turn_detection", first_problem(error)) from error
            detector, echo = guarded(self._scorer, vad, self._echo_config)
            hearing = Hearing(detector, heard, echo)
        self._hearing = hearing
        self.clear()

    def push(self, pcm: Int16[np.ndarray, "samples"], rate_hz: int) -> Sequence[HearingEvent]:
        """Take sound; returns what it brought. Where the rate changes, what waits is kept.

        Raises:
            EventError: when a turn that is not committed becomes too long.
        """
        self._heard_s += len(pcm) / rate_hz
        if self._hearing is not None:
            return self._hearing.push(pcm, rate_hz)
        limit_s = self._hearing_config.max_utterance_s
        if len(self._buffer) + len(pcm) * SPEECH_RATE_HZ / rate_hz > limit_s * SPEECH_RATE_HZ:
            raise EventError("input_audio_buffer_full", f"at most {limit_s:g} s may wait for a commit")
        if self._resampler is None or rate_hz != self._rate_hz:
            self._flush()
            self._resampler, self._rate_hz = StreamResampler(rate_hz, SPEECH_RATE_HZ), rate_hz
        self._buffer.push(self._resampler.push(to_float(pcm)))
        return []

    def played(self, pcm: Int16[np.ndarray, "samples"]) -> None:
        """Take what the avatar says, as it goes out, silence too: mono at `MEDIA_RATE_HZ`."""
        if self._hearing is not None:
            self._hearing.played(pcm)

    def end_after(self, silence_ms: int | None) -> None:
        """Let the pause at hand end the turn when it is so long; None stands for what the client asked."""
        if self._hearing is not None:
            self._hearing.end_after(silence_ms)

    def commit(self) -> Float32[np.ndarray, "samples"]:
        """Return the sound that waits, at 16 kHz.

        Raises:
            EventError: when there is none, or turns are found in the sound.
        """
        if self._hearing is not None:
            raise EventError(
                "turn_detection_is_on", "turns are found in the sound; nothing is to be committed"
            )
        self._flush()
        if not len(self._buffer):
            raise EventError("input_audio_buffer_commit_empty", "no sound waits for a commit")
        return np.asarray(self._buffer.take(len(self._buffer)), np.float32)

    def clear(self) -> None:
        """Forget the sound that waits."""
        self._buffer = SampleQueue(np.float32)
        self._resampler = None

    def _flush(self) -> None:
        """Take what the resampler holds back."""
        if self._resampler is not None:
            self._buffer.push(self._resampler.flush())
            self._resampler = None


def _vad_changes(turns: ServerVad) -> dict[str, float]:
    """Return the changes to `VadConfig`; what depends on a changed value follows it."""
    changes: dict[str, float] = {}
    if turns.threshold is not None:
        changes |= {"threshold": turns.threshold, "release_threshold": 0.7 * turns.threshold}
    if turns.silence_duration_ms is not None:
        silence_ms = turns.silence_duration_ms
        changes |= {"min_silence_ms": silence_ms, "pause_ms": min(200, max(32, silence_ms // 2))}
    return changes
