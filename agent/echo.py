"""Does the microphone hear the avatar itself? What was played lately explains the sound, or does not.

Speech has a fine structure, its harmonics, that a room and a loudspeaker colour and smear but leave
where it is. The last frames of the microphone's spectrum are compared with what was played, at every
delay within `REACH`; where they agree, it is echo, and counts as silence. A voice of like pitch agrees
too, but less, and at many delays. So the one delay of an echo becomes known, and with it how strong the
echo must be (`agent.echo_path`): from then on it is taken away, and what is left is asked for speech.

The browser's echo cancellation comes first; this is for what it leaves, and for who has none.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeVar

import numpy as np
from jaxtyping import Float32, Int16
from pydantic import BaseModel, ConfigDict, Field

from agent.echo_path import EchoPath, Overlap, subtract
from agent.spectra import AUDIBLE_DB, HOP, Powers, Side, agreements
from agent.vad import DetectorState, SpeechDetector, VadConfig
from engine.packets import MEDIA_RATE_HZ
from engine.samples import StreamResampler, to_float
from models.motion.stage import SPEECH_RATE_HZ
from models.speech.scorer import SpeechScorer, Window

PATCH: Final = 8
"""Frames of the microphone that are compared: 128 ms."""
REACH: Final = 44
"""Delays that are tried, in hops: 704 ms, for 600 ms of way and the unevenness of packets."""
_LEARN: Final = 0.1
"""Weight of the newest window in what is remembered of the delays."""
_TAIL: Final = 0.5
"""Part of its power that a room's sound keeps from one frame to the next: T60 = 0.32 s."""
_BELIEVED: Final = 0.3
"""A delay is believed when so much agreement has lasted: an echo comes to 0.5, another voice to 0.25."""
_ALONE: Final = 0.1
"""So much better than all others is the one delay of an echo. A voice of like pitch agrees at many."""
_NEAR: Final = 4
"""Delays beside the best that agree because of it, in hops."""
_LONE_SHARE: Final = 0.55
"""Share of the agreement that is enough at such a delay: an echo's first windows do not agree fully yet."""

_REST: Final = 0.2
"""Part of an echo's power that may be left of it, and is nobody."""

StateT = TypeVar("StateT")
Delays = Float32[np.ndarray, "delays"]


class EchoConfig(BaseModel):
    """How much agreement makes an echo; correlations, 0 none to 1 all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    guard: bool = True
    """Whether the microphone is compared with what the avatar says."""
    agreement: float = Field(default=0.42, gt=0, lt=1)
    """From here on it is echo, by whatever way it came. Of echoes 95 % agree more, of other voices 5 %."""
    known_agreement: float = Field(default=0.2, gt=0, lt=1)
    """The same for a way by which echo came lately."""


@dataclass(frozen=True, slots=True)
class EchoState(Generic[StateT]):
    """What an `EchoScorer` remembers."""

    scorer: StateT
    heard: Side
    played: Side
    trust: Delays
    """How well each delay agreed lately."""
    lead: int = 0
    """Frames played before the last comparison less frames heard; `trust` belongs to it."""
    path: EchoPath = field(default_factory=EchoPath)
    overlap: Overlap = field(default_factory=Overlap)
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
        state = replace(state, heard=state.heard.after(window, 0.0))
        is_echo = False
        if state.played.level_db.max() >= AUDIBLE_DB:
            is_echo, state = self._compare(state)
        settled = state.path.settled
        left, overlap = subtract(window, _echo(state), state.overlap)
        probability, scorer = self._scorer.score(left if settled else window, state.scorer)
        explained = state.explained + is_echo
        state = replace(state, scorer=scorer, overlap=overlap, explained=explained)
        only_echo = is_echo and (not settled or np.sum(left**2) < _REST * np.sum(window**2))
        return 0.0 if only_echo else probability, state

    def _compare(self, state: EchoState[StateT]) -> tuple[bool, EchoState[StateT]]:
        """Return whether what was heard last is echo, and what is learnt of its way."""
        lead = state.played.count - state.heard.count
        trust = _moved(state.trust, lead - state.lead)
        state = replace(state, trust=trust, lead=lead)
        audible = state.heard.level_db[-2:].max() >= AUDIBLE_DB
        agreement = agreements(state.heard, state.played)
        is_echo = self._agrees(agreement, trust)
        path, covered = state.path, False
        if _known(trust).any():
            came, (most, least) = state.heard.power[-2:], _played(state)
            covered = path.covers(came, most)
            path = path.learn(came, most, least, is_echo=is_echo)
        if path.lost:
            path, trust = EchoPath(), np.zeros_like(trust)
        elif audible and (is_echo or not path.settled):
            trust = (1 - _LEARN) * trust + np.float32(_LEARN) * agreement
        return is_echo or covered, replace(state, trust=trust, path=path)

    def _agrees(self, agreement: Delays, trust: Delays) -> bool:
        needed = self._config.agreement * (_LONE_SHARE if _lead(agreement) > _ALONE else 1.0)
        known = _known(trust)
        if known.any() and agreement[_widened(known)].max() > self._config.known_agreement:
            return True
        return bool(agreement.max() > needed)


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
        """Return how many windows were taken for echo."""
        return int(vad.scorer.explained) if self._echo is not None else 0


def guarded(
    scorer: SpeechScorer[Any], vad: VadConfig, config: EchoConfig
) -> tuple[SpeechDetector[Any], EchoScorer[Any] | None]:
    """Return what finds speech in one microphone, and its guard against echo where `config` has one."""
    if not config.guard:
        return SpeechDetector(scorer, vad), None
    echo = EchoScorer(scorer, config)
    return SpeechDetector(echo, vad), echo


def delay_ms(state: EchoState[Any]) -> float:
    """Return the delay that agreed best lately, in milliseconds."""
    return float(np.argmax(state.trust)) * 1000 * HOP / SPEECH_RATE_HZ


def _played(state: EchoState[Any]) -> tuple[Powers, Powers]:
    """Return what was played when the echo in the two last frames left: the most and the least near there."""
    frames, delay = state.played.power, int(np.argmax(state.trust))
    ends = (len(frames) - delay - 1, len(frames) - delay)
    near = [frames[max(0, end - 2) : end + 1] for end in ends]
    return np.stack([part.max(axis=0) for part in near]), np.stack([part.min(axis=0) for part in near])


def _echo(state: EchoState[Any]) -> Powers:
    """Return how strong the echo in the two last frames must be; 0 while the way is not known."""
    if not state.path.settled:
        return np.zeros_like(state.heard.power[-2:])
    return state.path.echo(_played(state)[0])


def _known(trust: Delays) -> Any:
    """Return which delays are believed; none where others, far from the best, are about as good."""
    return (trust > _BELIEVED) & (_lead(trust) > _ALONE)


def _lead(values: Delays) -> float:
    """Return by how much the best delay is better than all that are not near it."""
    best = int(np.argmax(values))
    others = np.delete(values, slice(max(0, best - _NEAR), best + _NEAR + 1))
    return float(values[best] - others.max())


def _widened(known: Any) -> Any:
    """Return which delays are known, or next to one that is."""
    wide = np.pad(known, 1)
    return wide[:-2] | wide[1:-1] | wide[2:]


def _moved(trust: Delays, by: int) -> Delays:
    """Return how well the delays agreed, when the played side has come so many frames further."""
    if abs(by) >= len(trust):
        return np.zeros_like(trust)
    gone = np.zeros(abs(by), np.float32)
    return np.concatenate([gone, trust[:-by]]) if by > 0 else np.concatenate([trust[-by:], gone])
