"""What the avatar has still to say, and the frames that come after it, in the order in which they arrived."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from pipecat.frames.frames import Frame, TTSAudioRawFrame

ROUNDING_S: Final = 0.001
"""Sound comes back at another rate, so what was heard may fall short of what was sent by some samples."""


@dataclass(slots=True)
class _Sound:
    segment: int
    frame: TTSAudioRawFrame
    rest_s: float


@dataclass(slots=True)
class Script:
    """Frames that must not overtake the speech before them: they are released as it is heard.

    A sentence's words, its end, and the end of the language model's answer so reach the transport when they
    would without an avatar. Should the avatar be lost, the rest can be said without it.
    """

    _items: deque[_Sound | Frame] = field(default_factory=deque)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def rest_s(self) -> float:
        """Seconds of speech that were not heard."""
        return sum(item.rest_s for item in self._items if isinstance(item, _Sound))

    def add_sound(self, segment: int, frame: TTSAudioRawFrame) -> None:
        """Append speech that was sent to the avatar as part of `segment`."""
        self._items.append(_Sound(segment, frame, _duration_s(frame)))

    def add_frame(self, frame: Frame) -> None:
        """Append a frame that comes after the speech added so far."""
        self._items.append(frame)

    def heard(self, segment: int, seconds: float) -> list[Frame]:
        """Count speech of a segment as heard, and return the frames that may go now."""
        for item in self._items:
            if isinstance(item, _Sound) and item.segment == segment and seconds > 0:
                taken_s = min(item.rest_s, seconds)
                item.rest_s -= taken_s
                seconds -= taken_s
        return self._release(0)

    def finished(self, segment: int) -> list[Frame]:
        """Count everything up to the end of `segment` as heard, and return the frames that may go now."""
        return self._release(segment)

    def interrupt(self) -> list[Frame]:
        """Drop everything, and return the frames that no interruption may drop, sound among them."""
        return [frame for frame in self.drain() if not frame.interruptible]

    def drain(self) -> list[Frame]:
        """Return everything in order, speech that was not heard as the frames it came in, and forget it."""
        frames = [_rest(item) if isinstance(item, _Sound) else item for item in self._items]
        self._items.clear()
        return [frame for frame in frames if frame is not None]

    def _release(self, segment: int) -> list[Frame]:
        released = []
        while self._items:
            item = self._items[0]
            if isinstance(item, Frame):
                released.append(item)
            elif item.rest_s > ROUNDING_S and item.segment > segment:
                break
            self._items.popleft()
        return released


def _duration_s(frame: TTSAudioRawFrame) -> float:
    return len(frame.audio) / (2 * frame.num_channels * frame.sample_rate)


def _rest(sound: _Sound) -> TTSAudioRawFrame | None:
    """Return the part of the frame that was not heard."""
    frame = sound.frame
    samples = round(sound.rest_s * frame.sample_rate)
    if samples == 0:
        return None
    rest = frame.audio[-2 * frame.num_channels * samples :]
    left = TTSAudioRawFrame(rest, frame.sample_rate, frame.num_channels, context_id=frame.context_id)
    left.interruptible = frame.interruptible
    return left
