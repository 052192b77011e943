"""Does the microphone hear the avatar itself? What was played lately explains the sound, or does not.

Speech has a fine structure, its harmonics, that a room and a loudspeaker colour and smear but leave
where it is. The last frames of the microphone's spectrum are compared with what was played, at every
delay within `REACH`; where they agree, it is echo, and counts as silence. By this the delay becomes
known, and how much quieter the echo is than what was played. From then on loudness tells as well: what
is as loud as the echo must be is echo, what is much louder is a talker over it. A path that explains
nothing any more is soon forgotten.

The browser's echo cancellation comes first; this is for what it leaves, and for who has none.
"""

from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

import numpy as np
from jaxtyping import Float32, Int16
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import BaseModel, ConfigDict, Field

from agent.vad import DetectorState, SpeechDetector, VadConfig
from engine.packets import MEDIA_RATE_HZ
from engine.samples import StreamResampler, to_float
from models.motion.stage import SPEECH_RATE_HZ
from models.speech.scorer import WINDOW, SpeechScorer, Window

HOP: Final = WINDOW // 2
"""Samples from one frame to the next; a frame is as long as a window of the detector."""
PATCH: Final = 8
"""Frames of the microphone that are compared: 128 ms."""
REACH: Final = 44
"""Delays that are tried, in hops: 704 ms, for 600 ms of way and the unevenness of packets."""
_BINS: Final = slice(4, 116)
"""125 to 3,600 Hz, where harmonics can be told apart."""
_SMOOTH: Final = 6
"""The spectrum is compared with its mean over so many bins to either side."""
_FLOOR: Final = 1e-4
"""Power of a bin below which there is nothing but noise; about -63 dB of full scale in all."""
_LEARN: Final = 0.1
"""Weight of the newest window in what is remembered of the path."""
_TAIL: Final = 0.5
"""Part of its power that a room's sound keeps from one frame to the next: T60 = 0.32 s."""
_AS_LOUD_DB: Final = 2.0
"""What is hardly louder than the echo must be is echo."""
_AUDIBLE_DB: Final = 6.0
"""Level over the floor from which something sounds at all."""
_MAYBE: Final = 0.1
"""Probability of speech below which nobody asks whose it is."""
_BELIEVED: Final = 0.3
"""A path is known when so much agreement has lasted: an echo comes to 0.5, another voice to 0.25."""
_ALONE: Final = 0.1
"""So much better than all others is the one delay of an echo. A voice of like pitch agrees at many."""
_LONE_SHARE: Final = 0.55
"""Share of the agreement that is enough at such a delay: an echo's first windows do not agree fully yet."""
_NEAR: Final = 4
"""Delays beside the best that agree because of it, in hops."""

StateT = TypeVar("StateT")
Frames = Float32[np.ndarray, "frames 112"]


class EchoConfig(BaseModel):
    """How much agreement makes an echo; correlations, 0 none to 1 all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    guard: bool = True
    """Whether the microphone is compared with what the avatar says."""
    agreement: float = Field(default=0.42, gt=0, lt=1)
    """From here on it is echo, by whatever way it came. Of echoes 95 % agree more, of other voices 5 %."""
    known_agreement: float = Field(default=0.2, gt=0, lt=1)
    """The same for a way by which echo came lately."""
    louder_db: float = Field(default=8.0, gt=0)
    """What is so much louder than the echo can be is somebody else, whatever agrees."""


@dataclass(frozen=True, slots=True)
class Side:
    """The last frames of one sound."""

    tail: Float32[np.ndarray, "samples"]
    """Samples that wait for their frame."""
    fine: Frames
    """Each spectrum's fine structure in dB."""
    level_db: Float32[np.ndarray, "frames"]
    """Each frame's mean level over the floor."""
    power: Float32[np.ndarray, "257"]
    """The last frame's spectrum, with the tail of those before."""
    count: int = 0
    """Frames since the beginning."""

    @classmethod
    def silent(cls, frames: int) -> "Side":
        """Return silence of so many frames."""
        fine = np.zeros((frames, _BINS.stop - _BINS.start), np.float32)
        power = np.zeros(WINDOW // 2 + 1, np.float32)
        return cls(np.zeros(HOP, np.float32), fine, np.zeros(frames, np.float32), power)

    def after(self, pcm: Float32[np.ndarray, "samples"], tail: float) -> "Side":
        """Return what is known when more sound has come, of which a room keeps `tail` from frame to frame."""
        sound = np.concatenate([self.tail, pcm])
        count = max(0, (len(sound) - WINDOW) // HOP + 1)
        if not count:
            return replace(self, tail=sound)
        power = _spectra(sliding_window_view(sound, WINDOW)[::HOP][:count], self.power, tail)
        fine, level_db = _fine(power)
        kept = len(self.fine)
        return Side(
            sound[count * HOP :],
            np.concatenate([self.fine, fine])[-kept:],
            np.concatenate([self.level_db, level_db])[-kept:],
            power[-1],
            self.count + count,
        )


@dataclass(frozen=True, slots=True)
class EchoState(Generic[StateT]):
    """What an `EchoScorer` remembers."""

    scorer: StateT
    heard: Side
    played: Side
    trust: Float32[np.ndarray, "delays"]
    """How well each delay agreed lately."""
    lead: int = 0
    """Frames played before the last comparison less frames heard; `trust` belongs to it."""
    gain_db: float = 0.0
    """How much louder the microphone hears what is played than it is."""
    settled: bool = False
    """Whether `gain_db` is known."""
    explained: int = 0
    """Windows of speech that were taken for echo."""


class EchoScorer(Generic[StateT]):
    """A `SpeechScorer` that takes the avatar's own voice for silence.

    Args:
        scorer: tells speech from other sound.
        config: how much agreement makes an echo.
    """

    def __init__(self, scorer: SpeechScorer[StateT], config: EchoConfig) -> None:
        self._scorer = scorer
        self._config = config

    def init_state(self) -> EchoState[StateT]:
        """Return the state before the first sound of either side."""
        silence = Side.silent(PATCH), Side.silent(PATCH + REACH)
        return EchoState(self._scorer.init_state(), *silence, np.zeros(REACH + 1, np.float32))

    def play(self, pcm: Float32[np.ndarray, "samples"], state: EchoState[StateT]) -> EchoState[StateT]:
        """Take what is played, silence too, as it goes out: 16 kHz in -1..1."""
        return replace(state, played=state.played.after(pcm, _TAIL))

    def score(self, window: Window, state: EchoState[StateT]) -> tuple[float, EchoState[StateT]]:
        """Return the probability that somebody else speaks."""
        probability, scorer = self._scorer.score(window, state.scorer)
        state = replace(state, scorer=scorer, heard=state.heard.after(window, 0.0))
        if probability < _MAYBE or state.played.level_db.max() < _AUDIBLE_DB:
            return probability, state
        is_echo, state = self._judge(state)
        return 0.0 if is_echo else probability, state

    def _judge(self, state: EchoState[StateT]) -> tuple[bool, EchoState[StateT]]:
        """Return whether what was heard last is echo, and what is learnt of its path."""
        agreement = agreements(state.heard, state.played)
        lead = state.played.count - state.heard.count
        trust = _moved(state.trust, lead - state.lead)
        known = _known(trust)
        needed = self._config.agreement * (_LONE_SHARE if _lead(agreement) > _ALONE else 1.0)
        is_echo, gain_db = agreement.max() > needed, state.gain_db
        if known.any():
            is_echo = is_echo or agreement[_widened(known)].max() > self._config.known_agreement
            played_db, heard_db = self._levels(state, int(np.argmax(trust)))
            if state.settled:
                louder_db = heard_db - max(played_db + gain_db, _AUDIBLE_DB)
                is_echo = (is_echo or louder_db < _AS_LOUD_DB) and louder_db < self._config.louder_db
            if is_echo and played_db > 2 * _AUDIBLE_DB:
                part = _LEARN if state.settled else 1.0
                gain_db, state = (
                    gain_db + part * (heard_db - played_db - gain_db),
                    replace(state, settled=True),
                )
        trust = (1 - _LEARN) * trust + np.float32(_LEARN) * agreement
        explained = state.explained + bool(is_echo)
        return bool(is_echo), replace(state, trust=trust, lead=lead, gain_db=gain_db, explained=explained)

    def _levels(self, state: EchoState[StateT], delay: int) -> tuple[float, float]:
        """Return the level of what was played a delay ago, the loudest near there, and of what is heard."""
        last = len(state.played.level_db) - delay
        near = state.played.level_db[max(0, last - 3) : last + 1]
        pairs = (near[1:] + near[:-1]) / 2
        return float(pairs.max()), float(state.heard.level_db[-2:].mean())


class OwnVoice:
    """Tells an `EchoScorer`, behind a detector, what is played where its microphone is.

    Args:
        echo: the detector's scorer, where it knows the avatar's own voice; None where it does not.
    """

    def __init__(self, echo: EchoScorer[Any] | None) -> None:
        self._echo = echo
        self._resampler = StreamResampler(MEDIA_RATE_HZ, SPEECH_RATE_HZ)

    def play(self, pcm: Int16[np.ndarray, "samples"], vad: DetectorState[Any]) -> DetectorState[Any]:
        """Return the detector's state after what goes out, silence too: mono at `MEDIA_RATE_HZ`."""
        if self._echo is None:
            return vad
        return replace(vad, scorer=self._echo.play(self._resampler.push(to_float(pcm)), vad.scorer))

    def explained(self, vad: DetectorState[Any]) -> int:
        """Return how many windows of speech were taken for echo."""
        return int(vad.scorer.explained) if self._echo is not None else 0


def guarded(
    scorer: SpeechScorer[Any], vad: VadConfig, config: EchoConfig
) -> tuple[SpeechDetector[Any], EchoScorer[Any] | None]:
    """Return what finds speech in one microphone, and its guard against echo where `config` has one."""
    if not config.guard:
        return SpeechDetector(scorer, vad), None
    echo = EchoScorer(scorer, config)
    return SpeechDetector(echo, vad), echo


def agreements(heard: Side, played: Side) -> Float32[np.ndarray, "delays"]:
    """Return for each delay, in hops, how well what is heard agrees with what was played: -1..1."""
    loud = np.clip((heard.level_db - _AUDIBLE_DB) / 20.0, 0.0, 1.0)[:, None]
    mine = heard.fine * loud
    theirs = sliding_window_view(played.fine, PATCH, axis=0)[::-1]  # delays, bins, frames
    common = np.einsum("fb,dbf->d", mine, theirs)
    power = np.einsum("fb,dbf->d", loud * np.ones_like(mine), theirs**2)
    return np.asarray(common / np.sqrt(power * (mine * heard.fine).sum() + 1e-6), np.float32)


def _known(trust: Float32[np.ndarray, "delays"]) -> Any:
    """Return which delays are believed; none where others, far from the best, are about as good."""
    return (trust > _BELIEVED) & (_lead(trust) > _ALONE)


def _lead(values: Float32[np.ndarray, "delays"]) -> float:
    """Return by how much the best delay is better than all that are not near it."""
    best = int(np.argmax(values))
    others = np.delete(values, slice(max(0, best - _NEAR), best + _NEAR + 1))
    return float(values[best] - others.max())


def _widened(known: Any) -> Any:
    """Return which delays are known, or next to one that is."""
    wide = np.pad(known, 1)
    return wide[:-2] | wide[1:-1] | wide[2:]


def _moved(trust: Float32[np.ndarray, "delays"], by: int) -> Float32[np.ndarray, "delays"]:
    """Return how well the delays agreed, when the played side has come so many frames further."""
    if abs(by) >= len(trust):
        return np.zeros_like(trust)
    gone = np.zeros(abs(by), np.float32)
    return np.concatenate([gone, trust[:-by]]) if by > 0 else np.concatenate([trust[-by:], gone])


def _spectra(
    frames: Float32[np.ndarray, "frames 512"], before: Float32[np.ndarray, "257"], tail: float
) -> Float32[np.ndarray, "frames 257"]:
    """Return the power of each frame's spectrum, with the tail of those before it."""
    power = (np.abs(np.fft.rfft(frames * np.hanning(WINDOW))) ** 2).astype(np.float32)
    if tail:
        for index in range(len(power)):
            power[index] += np.float32(tail) * (power[index - 1] if index else before)
    return power


def _fine(power: Float32[np.ndarray, "frames 257"]) -> tuple[Frames, Float32[np.ndarray, "frames"]]:
    """Return the fine structure of each spectrum, and its level over the floor; both in dB."""
    level = 10.0 * np.log10((power + _FLOOR) / _FLOOR)
    total = np.cumsum(np.pad(level, ((0, 0), (1, 0))), axis=1)
    bins = np.arange(_BINS.start, _BINS.stop)
    first, last = np.maximum(bins - _SMOOTH, 0), bins + _SMOOTH + 1
    mean = (total[:, last] - total[:, first]) / (last - first)
    return (level[:, _BINS] - mean).astype(np.float32), level[:, _BINS].mean(axis=1).astype(np.float32)


def delay_ms(state: EchoState[Any]) -> float:
    """Return the delay that agreed best lately, in milliseconds."""
    return float(np.argmax(state.trust)) * 1000 * HOP / SPEECH_RATE_HZ
