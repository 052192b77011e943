"""One of several microphones: whether somebody speaks into it, and what they say until they are heard."""

from collections import deque
from typing import Any, Final

import numpy as np
import soxr
from jaxtyping import Int16

from agent.echo import EchoScorer, OwnVoice
from agent.vad import SpeechDetector, SpeechEnded, SpeechStarted
from models.motion.stage import SPEECH_RATE_HZ

Sound = Int16[np.ndarray, "..."]

PRE_ROLL_S: Final = 0.6
"""Sound kept from before speech was noticed: what noticing takes, and what recognition wants before it."""
TAIL_S: Final = 1.0
"""Silence kept after speech, so that whoever hears it later hears that it is over."""
MARGIN_S: Final = 0.1
"""Silence between two speakers beyond what ends the speech of the first."""
BLOCK_S: Final = 0.5
"""What was kept is handed over in pieces of this length."""


class GuestEar:
    """Listens to one microphone, at `SPEECH_RATE_HZ`.

    Args:
        detector: finds speech.
        limit_s: how much of what a guest says is kept while somebody else is heard; the oldest goes first.
        echo: the detector's scorer, where it knows what the guest's loudspeaker plays.
    """

    def __init__(
        self, detector: SpeechDetector[Any], limit_s: float, echo: EchoScorer[Any] | None = None
    ) -> None:
        self._detector = detector
        self._own_voice = OwnVoice(echo)
        self._vad = detector.init_state()
        self._limit = round(limit_s * SPEECH_RATE_HZ)
        self._resampler: soxr.ResampleStream | None = None
        self._rate_hz = 0
        self._recent: deque[Sound] = deque()
        self._said: deque[Sound] = deque()
        self._started = 0
        self.speaking = False
        """Whether somebody speaks."""
        self.voiced_s = 0.0
        """How long they spoke since `forget`, without what goes on."""
        self.silent_s = 0.0
        """Since when nobody speaks, in seconds of the microphone's time."""
        self.held = False
        """Whether the push-to-talk key is down: everything is kept then."""
        self.forgotten_s = 0.0
        """Speech that found no place."""

    def push(self, pcm: Sound, sample_rate_hz: int) -> Sound:
        """Take mono sound of any rate and length; return it at `SPEECH_RATE_HZ`.

        Raises:
            ValueError: when the rate is not positive.
        """
        sound = self._resample(pcm, sample_rate_hz)
        events, self._vad = self._detector.step(sound.astype(np.float32) / 32768, self._vad)
        self.silent_s += len(sound) / SPEECH_RATE_HZ
        for event in events:
            if isinstance(event, SpeechStarted):
                self.speaking, self._started = True, event.start_sample
            elif isinstance(event, SpeechEnded):
                self.speaking = False
                self.voiced_s += (event.end_sample - self._started) / SPEECH_RATE_HZ
        if self.speaking or self.held:
            self.silent_s = 0.0
        return sound

    def played(self, pcm: Sound) -> None:
        """Take what the guest's loudspeaker plays, silence too: mono at `MEDIA_RATE_HZ`."""
        self._vad = self._own_voice.play(pcm, self._vad)

    @property
    def echo_windows(self) -> int:
        """Windows of speech that were taken for echo."""
        return self._own_voice.explained(self._vad)

    def keep(self, sound: Sound) -> None:
        """Keep sound that nobody else hears: speech and its tail for `take`, of the rest a little."""
        if self.silent_s < TAIL_S and (self._said or self.speaking or self.held):
            self._said.extend((*self._recent, sound))
            self._recent.clear()
            self.forgotten_s += _shorten(self._said, self._limit) / SPEECH_RATE_HZ
        else:
            self._recent.append(sound)
            _shorten(self._recent, round(PRE_ROLL_S * SPEECH_RATE_HZ))

    def pause(self) -> Sound:
        """Return silence in which anybody's speech ends, to stand between two speakers."""
        return np.zeros(round((self._detector.min_silence_s + MARGIN_S) * SPEECH_RATE_HZ), np.int16)

    def take(self) -> list[Sound]:
        """Return what was kept, in blocks, and forget it."""
        kept = np.concatenate([*self._said, *self._recent, np.zeros(0, np.int16)])
        self.forget()
        self._recent.clear()
        self.silent_s = 0.0
        step = round(BLOCK_S * SPEECH_RATE_HZ)
        return [kept[start : start + step] for start in range(0, len(kept), step)]

    @property
    def busy(self) -> bool:
        """True while sound is speech, or the key is down; not in a pause within speech."""
        return self.held or (self.speaking and self._vad.quiet_since is None)

    def end(self) -> None:
        """Take what was said so far for said; whoever goes on begins anew."""
        self._vad = self._detector.ended(self._vad)
        self.speaking = False

    def forget(self) -> None:
        """Forget what was said."""
        self._said.clear()
        self.voiced_s = 0.0

    def _resample(self, pcm: Sound, rate_hz: int) -> Sound:
        if rate_hz <= 0:
            raise ValueError(f"a sample rate must be positive, not {rate_hz} Hz")
        if self._resampler is None or rate_hz != self._rate_hz:
            self._resampler = soxr.ResampleStream(rate_hz, SPEECH_RATE_HZ, 1, "int16")
            self._rate_hz = rate_hz
        return np.asarray(self._resampler.resample_chunk(pcm), np.int16)


def _shorten(sounds: "deque[Sound]", limit: int) -> int:
    """Drop whole blocks from the front until at most `limit` samples are left; return how many went."""
    dropped, length = 0, sum(map(len, sounds))
    while length - dropped > limit:
        dropped += len(sounds.popleft())
    return dropped
