"""`Session`: speech in, packets of picture and sound out, for ever, on one media clock.

Error tree: `SessionClosedError` and `InputFullError` (from `engine.speech`), both `RuntimeError`.
"""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, Self

import numpy as np
from jaxtyping import Int16

from engine.clock import Clock
from engine.compute import Compute
from engine.config import SessionConfig
from engine.maker import FrameMaker
from engine.meter import Meter
from engine.packets import AVPacket, SegmentFinished
from engine.soften import Ease, fade_out, fade_samples, mix
from engine.speech import InputFullError, SegmentEvent, SpeechQueue
from engine.timeline import Slot, Timeline
from models.motion.cue import Cue
from models.motion.frame import FPS, MotionFrame
from models.motion.look import Look
from models.motion.stage import MotionStage, Phone, Presence
from models.picture import Picture, PictureStage, delay_of

__all__ = ["InputFullError", "SegmentEvent", "Session", "SessionClosedError"]

log = logging.getLogger(__name__)

FRAME_S: Final = 1.0 / FPS


class SessionClosedError(RuntimeError):
    """The session is closed; nothing can be pushed into it."""


class Session:
    """One avatar's voice and picture. Construct it in a running event loop; consume it by one consumer.

    Time is counted in samples at `MEDIA_RATE_HZ`, 960 to a frame. In `live` pacing frame i is handed out
    i · 40 ms after the first, with its own picture or, when that is late, with the one before: sound never
    waits. A consumer that comes later than `catch_up_ms` finds that media time has skipped to the present.

    Args:
        motion: turns speech into motion.
        picture: turns motion into pictures.
        clock: paces the packets.
        compute: where both stages work; shared with other sessions.
        config: buffers, chunks, pacing.
        seed: makes the person's habits repeatable.
        on_close: called once when the session is closed, so that who lent something to it takes it back.

    Raises:
        ValueError: the pictures come later than their motion, and the session is live.
    """

    def __init__(
        self,
        motion: MotionStage[Any],
        picture: PictureStage[Any],
        *,
        clock: Clock,
        compute: Compute,
        config: SessionConfig,
        seed: int = 0,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        if config.pacing == "live" and delay_of(picture):
            raise ValueError(
                f"pictures that come {delay_of(picture)} frames late are for rendering, not for live"
            )
        self._clock, self._config, self._on_close = clock, config, on_close
        self._meter = Meter()
        self._speech = SpeechQueue(config.input_limit_s)
        self._timeline = Timeline(self._speech, config)
        self._maker = FrameMaker(
            motion,
            picture,
            self._timeline,
            self._meter,
            clock=clock,
            compute=compute,
            config=config,
            seed=seed,
            on_made=self._tell_made,
        )
        self._watchers: list[Callable[[str, int], None]] = []
        self._index = 0
        self._begin_s: float | None = None
        self._shown: Picture | None = None
        self._overdue: Slot | None = None
        self._last_motion = MotionFrame.rest()
        self._last_segment = 0
        self._fade = np.zeros(0, np.int16)
        self._cleared: tuple[SegmentFinished, ...] = ()
        self._consumed = False
        self._closed = False
        self._maker.start()
        self._maker.wake()

    def push_audio(
        self,
        pcm: Int16[np.ndarray, "samples"],
        sample_rate_hz: int,
        phones: Sequence[Phone] | None = None,
        cues: Sequence[Cue] = (),
    ) -> None:
        """Append speech to the open utterance; opens one when none is open.

        Args:
            pcm: mono samples; may be empty.
            sample_rate_hz: rate of `pcm`; the same throughout one utterance.
            phones: sounds that became known, in utterance time; appended to those pushed before.
            cues: gestures that became known, in utterance time and in order; appended likewise.

        Raises:
            InputFullError: when the samples do not fit; nothing of them is taken. See `room_s`.
            SessionClosedError: after `aclose`.
            ValueError: when the rate changes within an utterance or is not positive, or `pcm` is not mono
                16-bit.
        """
        self._check_open()
        self._speech.push(pcm, sample_rate_hz, phones, cues)
        self._maker.wake()

    def push_cue(self, cue: Cue) -> None:
        """Add a gesture to the open utterance, at its time or, when that has passed, as soon as possible.

        Where no utterance is open, or no sound of it waits, the gesture begins at once.
        """
        self._check_open()
        if not self._speech.push_cue(cue):
            self._timeline.begin(cue.gesture)

    def room_s(self) -> float:
        """Return seconds of speech that `push_audio` would still take."""
        return self._speech.room_s

    def waiting_s(self) -> float:
        """Return seconds of speech that were pushed and not yet handed out."""
        return self._speech.waiting_s

    def end_segment(self) -> None:
        """End the open utterance; the next `push_audio` opens another. Does nothing when none is open."""
        self._check_open()
        self._speech.end()
        self._maker.wake()

    def clear(self) -> None:
        """Fall silent now: every utterance that is said or waits is finished, interrupted.

        The subscribers hear of it before this returns. The sound fades over the first `fade_ms` of the
        next packet; pictures and motion that were prepared are dropped. Does nothing in silence.
        """
        self._check_open()
        if not self._speech.depth:
            return
        self._fade = self._tail()
        steps = self._config.ease_frames + 1
        eases = [Ease(self._last_motion, step / steps) for step in range(1, steps)]
        self._meter.counts.dropped_frames += self._timeline.drop(eases)
        self._cleared += self._speech.clear()
        self._maker.wake()

    def hear(self, pcm: Int16[np.ndarray, "samples"], sample_rate_hz: int) -> None:
        """Let the avatar hear the other's voice, as it comes: its motion hears it while it listens.

        Never waits: what is older than `KEPT_SAMPLES` of `engine.ear` goes, and is counted.

        Args:
            pcm: mono samples.
            sample_rate_hz: rate of `pcm`.

        Raises:
            SessionClosedError: after `aclose`.
            ValueError: when the rate is not positive.
        """
        self._check_open()
        self._timeline.ear.push(pcm, sample_rate_hz)

    def attend(self, presence: Presence) -> None:
        """Say what the person does while it does not speak.

        Raises:
            ValueError: for SPEAKING, which is what sound does.
        """
        if presence == Presence.SPEAKING:
            raise ValueError("attend() takes IDLE, LISTENING or THINKING; the avatar speaks when audio comes")
        self._timeline.attended = presence

    def look(self, look: Look) -> None:
        """Say where the one sits whom the person attends to, from the next planned frame on."""
        self._timeline.looked = look

    def subscribe(self, callback: Callable[[SegmentEvent], None]) -> Callable[[], None]:
        """Call `callback` for each start and end of an utterance. Returns how to stop that."""
        return self._speech.subscribe(callback)

    def watch(self, callback: Callable[[str, int], None]) -> Callable[[], None]:
        """Call `callback` when the first `motion` and the first `picture` of an utterance are made.

        It is given that word and the utterance's number. Returns how to stop that.
        """
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback) if callback in self._watchers else None

    def _tell_made(self, stage: str, segment: int) -> None:
        """Tell everyone; a watcher that fails is logged, and never stops the making of frames."""
        for watcher in tuple(self._watchers):
            try:
                watcher(stage, segment)
            except Exception:
                log.exception("a watcher failed on the first %s of an utterance", stage)

    def frame_cost_s(self) -> float:
        """Return the mean seconds of one core that a frame costs; 0 before any was measured."""
        return self._meter.frame_cost_s()

    def stats(self) -> dict[str, float]:
        """Return depths, drops, frame times and the tier by name, each with its unit as suffix."""
        return {
            **self._meter.stats(),
            "tier": float(self._maker.tier),
            "media_s": self._index * FRAME_S,
            "speech_waiting_s": self.waiting_s(),
            "segments_waiting": float(self._speech.depth),
            "planned_frames": float(len(self._timeline)),
            "ear_depth_ms": self._timeline.ear.depth_ms,
            "ear_dropped_ms": self._timeline.ear.dropped_ms,
        }

    def __aiter__(self) -> AsyncIterator[AVPacket]:
        return self

    async def __anext__(self) -> AVPacket:
        if self._consumed:
            raise RuntimeError("a session has one consumer; someone else waits for its next packet")
        self._consumed = True
        try:
            await self._turn()
        finally:
            self._consumed = False
        if self._closed:
            raise StopAsyncIteration
        return self._hand_out()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Finish every utterance as interrupted and end the session's tasks. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self._timeline.drop([])
            self._speech.clear()
            self._maker.progress.set()
            self._on_close()
        await self._maker.aclose()

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosedError("the session is closed")

    async def _turn(self) -> None:
        """Wait until the next packet is due: live by the clock, free when it is ready."""
        live = self._config.pacing == "live"
        while not self._closed:
            if not live or self._shown is None:
                await self._first_ready()
            if live:
                await self._due()
            first = self._timeline.first
            if self._shown is not None or (first is not None and first.ready):
                return

    async def _first_ready(self) -> None:
        while not self._closed:
            if self._maker.error is not None:
                raise self._maker.error
            slot = self._timeline.first
            if slot is not None and slot.ready:
                return
            self._maker.progress.clear()
            await self._maker.progress.wait()

    async def _due(self) -> None:
        if self._begin_s is None:
            self._begin_s = self._clock.now_s()
        behind_s = self._clock.now_s() - self._begin_s - self._index * FRAME_S
        if 1000 * behind_s > self._config.catch_up_ms:
            skipped = int(behind_s / FRAME_S)
            self._index += skipped
            self._meter.counts.skipped_frames += skipped
        due_s = self._timeline.due_s = self._begin_s + self._index * FRAME_S
        await self._clock.sleep_until(due_s)
        self._meter.handout.add(max(0.0, self._clock.now_s() - due_s))

    def _hand_out(self) -> AVPacket:
        slot = self._timeline.pop()
        picture, late = self._picture_for(slot)
        pcm = mix(slot.spoken.pcm, self._fade) if len(self._fade) else slot.spoken.pcm
        self._fade = self._fade[:0]
        # Taken first: a subscriber may clear() while it is told of a start or an end.
        cleared, self._cleared = self._cleared, ()
        finished = cleared + self._speech.hand_out(slot.utterance, slot.spoken.samples)
        self._last_segment = slot.segment
        packet = AVPacket(
            index=self._index,
            picture=picture,
            pcm=pcm,
            segment=slot.segment,
            presence=slot.presence,
            tier=self._maker.tier if slot.tier is None else slot.tier,
            late=late,
            finished=finished,
        )
        self._index += 1
        self._timeline.due_s += FRAME_S
        self._maker.wake()
        return packet

    def _picture_for(self, slot: Slot) -> tuple[Picture, bool]:
        """Choose the picture that is shown with this slot, and say whether it is late."""
        counts = self._meter.counts
        if self._overdue is not None and self._overdue.picture is not None:
            self._shown, self._overdue = self._overdue.picture, None
        self._shown = slot.picture if slot.picture is not None else self._shown
        if self._shown is None:
            raise RuntimeError("a packet was asked for before the first picture was made")
        late = self._maker.is_late(slot)
        if not slot.ready and slot.tier is not None:
            self._overdue = slot
        counts.packets += 1
        counts.late_frames += late
        counts.starved_frames += slot.starved
        counts.unmoved_frames += slot.motion is None
        self._last_motion = slot.motion or self._last_motion
        return self._shown, late

    def _tail(self) -> Int16[np.ndarray, "samples"]:
        """Return the sound that would have come next, fading; nothing when silence was heard last."""
        speaking = self._speech.speaking()
        if speaking is None or speaking.number != self._last_segment:
            return self._fade
        return fade_out(self._timeline.heard_next(speaking, fade_samples(self._config.fade_ms)))
