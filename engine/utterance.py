"""One utterance of the avatar: its sound for the ear and for the motion, and how much of it was said."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int16

from engine.packets import MEDIA_RATE_HZ, MEDIA_SAMPLES_PER_FRAME
from engine.samples import SampleQueue, StreamResampler, to_float, to_int16
from models.motion.cue import Cue
from models.motion.stage import SAMPLES_PER_FRAME, SPEECH_RATE_HZ, Phone


@dataclass(frozen=True, slots=True)
class SpokenFrame:
    """The 40 ms of an utterance that belong to one video frame."""

    pcm: Int16[np.ndarray, "960"]
    """At `MEDIA_RATE_HZ`; zeros after the utterance's last sample."""
    speech: Float32[np.ndarray, "640"]
    """The same at `SPEECH_RATE_HZ`, for the motion stage."""
    samples: int
    """Samples of `pcm` that belong to the utterance."""
    start_s: float
    """Time of the first sample within the utterance."""


class Utterance:
    """Speech of one segment, from the first sample pushed to the last one handed out.

    Frames are taken when they are planned; `hand_out` counts them when they are heard.
    """

    def __init__(self, number: int, sample_rate_hz: int) -> None:
        self.number = number
        self.sample_rate_hz = sample_rate_hz
        self.ended = False
        self.phones: tuple[Phone, ...] | None = None
        self.cues: tuple[Cue, ...] = ()
        self._heard = SampleQueue(np.int16)
        self._seen = SampleQueue(np.float32)
        self._for_ear = StreamResampler(sample_rate_hz, MEDIA_RATE_HZ)
        self._for_motion = StreamResampler(sample_rate_hz, SPEECH_RATE_HZ)
        self._pushed_samples = 0
        self._planned_samples = 0
        self._handed_samples = 0

    @property
    def played_s(self) -> float:
        """Seconds handed out."""
        return self._handed_samples / MEDIA_RATE_HZ

    @property
    def waiting_s(self) -> float:
        """Seconds pushed and not yet handed out."""
        return max(0.0, self._pushed_samples / self.sample_rate_hz - self.played_s)

    @property
    def begun(self) -> bool:
        """Whether any frame was planned."""
        return self._planned_samples > 0

    @property
    def started(self) -> bool:
        """Whether any sample was handed out."""
        return self._handed_samples > 0

    @property
    def done(self) -> bool:
        """Whether it is ended and every sample was handed out."""
        return self.planned and self._handed_samples == self._planned_samples

    @property
    def planned(self) -> bool:
        """Whether it is ended and every sample was planned."""
        return self.ended and not self.has_samples

    @property
    def has_samples(self) -> bool:
        """Whether any sound waits to be planned."""
        return len(self._heard) > 0

    @property
    def has_frame(self) -> bool:
        """Whether a whole frame waits, or the last, shorter one."""
        if self.ended:
            return self.has_samples
        return len(self._heard) >= MEDIA_SAMPLES_PER_FRAME and len(self._seen) >= SAMPLES_PER_FRAME

    def push(
        self, pcm: Int16[np.ndarray, "samples"], phones: Sequence[Phone] | None, cues: Sequence[Cue] = ()
    ) -> None:
        """Append sound at the utterance's rate, and the phones and gestures that became known."""
        self._pushed_samples += len(pcm)
        sound = to_float(pcm)
        untouched = self.sample_rate_hz == MEDIA_RATE_HZ
        self._heard.push(pcm.copy() if untouched else to_int16(self._for_ear.push(sound)))
        self._seen.push(self._for_motion.push(sound))
        if phones is not None:
            self.phones = (self.phones or ()) + tuple(phones)
        self.cues += tuple(cues)

    def insert_cue(self, cue: Cue) -> None:
        """Add a gesture among those that are known, no earlier than what is planned next."""
        at_s = max(cue.at_s, self._planned_samples / MEDIA_RATE_HZ)
        at = bisect_right(self.cues, at_s, key=lambda known: known.at_s)
        self.cues = (*self.cues[:at], Cue(cue.gesture, at_s), *self.cues[at:])

    def end(self) -> None:
        """Take no more; what the resamplers hold back becomes due."""
        self.drain()
        self.ended = True

    def drain(self) -> None:
        """Make due what the resamplers hold back, because what follows will not follow directly."""
        self._heard.push(to_int16(self._for_ear.flush()))
        self._seen.push(self._for_motion.flush())

    def take(self) -> SpokenFrame:
        """Return the next frame; what the utterance lacks of it is silence."""
        start_s = self._planned_samples / MEDIA_RATE_HZ
        pcm = self._heard.take(MEDIA_SAMPLES_PER_FRAME)
        speech = self._seen.take(SAMPLES_PER_FRAME)
        self._planned_samples += len(pcm)
        whole = _lengthen(pcm, MEDIA_SAMPLES_PER_FRAME)
        return SpokenFrame(whole, _lengthen(speech, SAMPLES_PER_FRAME), len(pcm), start_s)

    def hand_out(self, samples: int) -> None:
        """Count samples of a planned frame as heard."""
        self._handed_samples += samples

    def heard_next(self, samples: int) -> Int16[np.ndarray, "known"]:
        """Return the sound that follows what was planned, at `MEDIA_RATE_HZ`."""
        return self._heard.peek(samples)

    def seen_next(self, samples: int) -> Float32[np.ndarray, "known"]:
        """Return the speech that follows what was planned, at `SPEECH_RATE_HZ`.

        As in `take`, silence completes the last frame of an utterance that is ended.
        """
        known = self._seen.peek(samples)
        lacking = -len(known) % SAMPLES_PER_FRAME if self.ended and len(known) < samples else 0
        return _lengthen(known, len(known) + lacking)[:samples]


def _lengthen(samples: np.ndarray, length: int) -> np.ndarray:
    """Return `samples` with as many zeros after them as make `length`."""
    if len(samples) == length:
        return samples
    return np.concatenate([samples, np.zeros(length - len(samples), samples.dtype)])
