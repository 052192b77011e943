"""`CallVoice`: a voice on the way from uneven packets to even frames, and the clock of the motion.

Sound is the master. It is laid where its timestamps say, played a little later than it comes, and what is
lost is bridged. How the motion's clock lies against it, a sender says that knows. Else arrival tells: what
was said and done at one moment took about the same way, so the soonest arrivals of both belong together.
Motion leaves later, for a picture is looked at first; who sends it says by how much.
"""

from typing import Final

import numpy as np
import soxr
from jaxtyping import Float32, Int16

from engine.packets import MEDIA_RATE_HZ, MEDIA_SAMPLES_PER_FRAME
from engine.portrayal import Heard
from models.motion.frame import FPS
from models.motion.stage import SAMPLES_PER_FRAME, SPEECH_RATE_HZ
from streaming.calls.arrival import COVERED_MOST_S, Arrivals
from streaming.calls.sound import PlacedSound

FRAME_S: Final = 1.0 / FPS
LEAST_S: Final = 0.06
"""Sound is played at least so much after the soonest arrival."""
MARGIN_S: Final = 0.01
BEHIND_S: Final = 0.25
"""After so long without any sound, while sound comes, all of it comes too late: its way has changed."""
STEP_S: Final = 0.02
"""By how much the delay is corrected at once, in a quiet moment: nobody hears a pause change by so little."""
LAG_MOST_S: Final = 0.4
"""No sender is believed that its motion leaves later than this."""
JUMP_S: Final = 0.12
"""An error above this is corrected at once, whatever is said."""
QUIET_RMS: Final = 200.0
FALLING: Final = 0.996
"""What is left, frame by frame, of a delay that is longer than needed: half of it after 7 seconds."""
GONE_S: Final = 0.6
"""A voice of which nothing came for so long does not arrive: browsers send silence, too."""
AHEAD_FRAMES: Final = 5
"""Sound that the motion may hear before it is played, where it has come already."""


class CallVoice:
    """A `engine.portrayal.VoiceSource`. Times are seconds; `now_s` is always the loop's.

    Args:
        is_tied: the voice's timestamps are on the motion's clock already, so nothing has to be estimated.
    """

    def __init__(self, *, is_tied: bool = False) -> None:
        self._is_tied = is_tied
        self._sound = PlacedSound()
        self._voice, self._motion = Arrivals(), Arrivals()
        self._head_s: float | None = None
        """Where in the voice the next frame begins."""
        self._tie_s: float | None = None
        """The voice's time less the motion's."""
        self._told_tie_s: float | None = None
        """The same, as the sender says."""
        self._told_lag_s = 0.0
        self._delay_s = LEAST_S
        self.corrections = 0
        """How often time was left out or put in."""

    def push(self, pcm: Int16[np.ndarray, "samples"], rate_hz: int, at_s: float, now_s: float) -> None:
        """Take sound that begins at `at_s` of the voice's clock."""
        self._sound.put(pcm, rate_hz, at_s)
        self._voice.note(at_s, at_s + len(pcm) / rate_hz, now_s)

    def note_motion(self, first_tick: int, last_tick: int, now_s: float) -> None:
        """Note that a packet came whose frames are of these ticks, counted on beyond 65536."""
        for tick in range(first_tick, last_tick + 1):
            self._motion.note(tick * FRAME_S, last_tick * FRAME_S, now_s)

    def note_lag(self, lag_s: float) -> None:
        """Note by how much later after its moment motion leaves its sender than voice does."""
        self._told_lag_s = lag_s

    def note_tie(self, tie_s: float) -> None:
        """Note the voice's time less the motion's, for what happens at one moment."""
        self._told_tie_s = tie_s

    def on_motion_clock_s(self, at_s: float) -> float:
        """Return what the motion's clock says when the voice's says `at_s`; never before its beginning."""
        return max(0.0, at_s - self._tied())

    @property
    def delay_ms(self) -> float:
        """How much later than its soonest arrival the sound is played."""
        return 1000.0 * self._delay_s

    def stats(self) -> dict[str, float]:
        """Return delay, losses and corrections."""
        return {
            "call_delay_ms": self.delay_ms,
            "voice_lost_ms": self._sound.lost_ms,
            "voice_late_ms": self._sound.late_ms,
            "voice_corrections": float(self.corrections),
            "motion_lag_ms": 1000.0 * self._lag_s,
        }

    def take(self, now_s: float) -> Heard:
        """Return the next frame; see `VoiceSource`."""
        if self._sound.missing_s > BEHIND_S and self._voice.silent_s(now_s) < GONE_S:
            self._voice.forget()
            self.corrections += 1
        self._settle()
        if not self._voice:
            return _silence(self._motion_now(now_s), arrives=False)
        head_s = self._steered(now_s)
        self._head_s = head_s + FRAME_S
        arrives = self._voice.silent_s(now_s) < GONE_S
        pcm = self._sound.take(head_s, bridges=arrives)
        speech, ahead = self._for_motion(head_s, pcm)
        return Heard(pcm, speech, ahead, head_s - self._tied(), arrives)

    @property
    def _lag_s(self) -> float:
        """By how much later than the voice motion comes, at the soonest."""
        lag_s = self._told_lag_s
        if self._told_tie_s is not None and self._motion:
            lag_s = self._motion.offset_s - self._told_tie_s - self._voice.offset_s
        return min(max(lag_s, 0.0), LAG_MOST_S)

    def _settle(self) -> None:
        """Let the delay rise at once to what is needed, and fall slowly."""
        # A frame is taken whole: sound at its end comes that much later than the sound at its begin.
        needed = max(self._voice.needed_s + FRAME_S, self._motion.needed_s + self._lag_s) + MARGIN_S
        falling = LEAST_S + FALLING * (self._delay_s - LEAST_S)
        self._delay_s = min(max(needed, falling, LEAST_S), COVERED_MOST_S)

    def _steered(self, now_s: float) -> float:
        """Return where the next frame begins: after the last one, unless that is too far off."""
        wanted_s = now_s - self._voice.offset_s - self._delay_s
        if self._head_s is None or abs(wanted_s - self._head_s) > JUMP_S:
            self.corrections += self._head_s is not None
            return wanted_s
        error_s = wanted_s - self._head_s
        if abs(error_s) > STEP_S and self._sound.rms(self._head_s) < QUIET_RMS:
            self.corrections += 1
            return self._head_s + (STEP_S if error_s > 0 else -STEP_S)
        return self._head_s

    def _tied(self) -> float:
        """Return the voice's time less the motion's; it changes only when wrong by more than a frame."""
        if self._told_tie_s is not None:
            return self._told_tie_s
        if self._is_tied or not self._motion:
            return self._tie_s or 0.0
        tie_s = self._motion.offset_s - self._lag_s - self._voice.offset_s
        if self._tie_s is None or abs(tie_s - self._tie_s) > FRAME_S:
            self._tie_s = tie_s
        return self._tie_s

    def _motion_now(self, now_s: float) -> float:
        """Return the motion's time without any voice."""
        return now_s - self._motion.offset_s + self._lag_s - self._delay_s if self._motion else 0.0

    def _for_motion(
        self, head_s: float, pcm: Int16[np.ndarray, "960"]
    ) -> tuple[Float32[np.ndarray, "640"], Float32[np.ndarray, "known"]]:
        """Return the frame and what is known to follow at the motion's rate; the past lets filters settle."""
        past = self._sound.peek(head_s - FRAME_S, MEDIA_SAMPLES_PER_FRAME)
        later = self._sound.known_after(head_s + FRAME_S, AHEAD_FRAMES * MEDIA_SAMPLES_PER_FRAME)
        whole = np.concatenate([past, pcm, later]).astype(np.float32) / 32768
        speech = soxr.resample(whole, MEDIA_RATE_HZ, SPEECH_RATE_HZ, quality="QQ")[SAMPLES_PER_FRAME:]
        speech = np.asarray(speech, np.float32)
        return speech[:SAMPLES_PER_FRAME], speech[SAMPLES_PER_FRAME:]


def _silence(at_s: float, *, arrives: bool) -> Heard:
    quiet = np.zeros(MEDIA_SAMPLES_PER_FRAME, np.int16)
    return Heard(quiet, np.zeros(SAMPLES_PER_FRAME, np.float32), np.zeros(0, np.float32), at_s, arrives)
