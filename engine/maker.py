"""`FrameMaker`: the two tasks of a session that turn planned slots into motion and pictures."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from engine.clock import Clock
from engine.compute import Compute, timed
from engine.config import SessionConfig
from engine.meter import Meter
from engine.pace import Pace
from engine.tiers import FRAME_S, TierController
from engine.timeline import Slot, Timeline
from models.motion.frame import MotionFrame
from models.motion.stage import MotionStage
from models.picture import PictureStage, Tier

log = logging.getLogger(__name__)


class FrameMaker:
    """Makes motion chunk by chunk and pictures one by one, each a little ahead of its time.

    In `live` pacing a stage that fails is logged and counted, and what was last made is held; in `free`
    pacing `error` ends the session.
    """

    def __init__(
        self,
        motion: MotionStage[Any],
        picture: PictureStage[Any],
        timeline: Timeline,
        meter: Meter,
        *,
        clock: Clock,
        compute: Compute,
        config: SessionConfig,
        seed: int,
        on_made: Callable[[str, int], None],
    ) -> None:
        self._motion_step, self._motion_state = timed(motion.step), motion.init_state(seed)
        self._picture_step, self._picture_state = timed(picture.step), picture.init_state()
        self._timeline = timeline
        self._meter = meter
        self._clock = clock
        self._compute = compute
        self._config = config
        self._tiers = TierController(tier=config.tier or Tier.FULL)
        self._pace = Pace()
        self._adaptive = config.tier is None and config.pacing == "live"
        self._last_motion = MotionFrame.rest()
        self._pictures_made = 0
        self._on_made = on_made
        self._last_made = {"motion": 0, "picture": 0}
        self._motion_due, self._picture_due = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.error: Exception | None = None
        """Why no more frames can be made."""
        self.progress = asyncio.Event()
        """Set whenever a frame came closer to being ready."""

    @property
    def tier(self) -> Tier:
        """The tier of the next picture."""
        return self._tiers.tier

    def is_late(self, slot: Slot) -> bool:
        """Say whether a slot that is handed out now lacks a picture that its tier promised."""
        return not slot.ready and self._tiers.promises_picture(slot.number)

    def start(self) -> None:
        """Start the tasks; `aclose` ends them."""
        self._tasks = [
            asyncio.create_task(self._make_motion(), name="session-motion"),
            asyncio.create_task(self._make_pictures(), name="session-picture"),
        ]

    def wake(self) -> None:
        """Plan ahead, and let the tasks look for work: speech came, or a frame was handed out."""
        self._timeline.plan()
        self._motion_due.set()
        self._picture_due.set()

    async def aclose(self) -> None:
        """Cancel the tasks and wait for their end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _make_motion(self) -> None:
        while True:
            self._motion_due.clear()
            chunk = self._timeline.chunk_to_move()
            if chunk:
                await self._move(chunk)
                self._picture_due.set()
                self.progress.set()
            else:
                await self._motion_due.wait()

    async def _move(self, chunk: list[Slot]) -> None:
        for slot in chunk:
            slot.moving = True
        speech = self._timeline.speech_of(chunk)
        started_s = self._clock.now_s()
        try:
            (frames, state), work_s = await self._compute.run(
                self._motion_step, speech, self._motion_state, lane=self
            )
        except Exception as error:
            self._meter.counts.motion_errors += 1
            self._failed(error, "motion", self._meter.counts.motion_errors, can_hold=True)
            frames = [self._last_motion] * len(chunk)
        else:
            self._motion_state = state
            self._meter.motion.add((self._clock.now_s() - started_s) / len(chunk))
            self._meter.motion_work.add(work_s / len(chunk))
        for slot, frame in zip(chunk, frames, strict=True):
            slot.motion = slot.ease.towards(frame) if slot.ease is not None else frame
        self._last_motion = frames[-1]
        self._made("motion", chunk[0].segment)

    async def _make_pictures(self) -> None:
        while True:
            self._picture_due.clear()
            slot = self._next_slot()
            if slot is None:
                await self._picture_due.wait()
                continue
            if slot.wants_picture:
                await self._draw(slot)
            self.progress.set()

    def _next_slot(self) -> Slot | None:
        """Choose what is drawn next: the first slot that can be in time, or the last when none can.

        Those before it are given up: drawn, they would come late and make the next ones late as well, and
        lips would trail behind their sound for as long as the machine is busy.
        """
        now_s = self._clock.now_s()
        waiting = self._timeline.slots_to_draw()
        for slot, due_s in waiting:
            slot.tier = self._tiers.tier
            slot.wants_picture = self._pictures_made == 0 or self._tiers.wants_picture(slot.number, now_s)
            if slot.tier == Tier.FULL and self._adaptive:
                slot.tier = self._pace.best_within(due_s - now_s)
            needed_s = self._pace.expected_s(_way_of(slot.tier))
            if now_s + needed_s <= due_s or slot is waiting[-1][0]:
                return slot
        return None

    async def _draw(self, slot: Slot) -> None:
        tier = _way_of(slot.tier)
        started_s = self._clock.now_s()
        try:
            (picture, state), work_s = await self._compute.run(
                self._picture_step, slot.motion, self._picture_state, tier, lane=self
            )
        except Exception as error:
            self._meter.counts.picture_errors += 1
            can_hold = self._pictures_made > 0
            self._failed(error, "picture", self._meter.counts.picture_errors, can_hold=can_hold)
            return
        self._picture_state = state
        slot.picture = picture
        self._made("picture", slot.segment)
        self._pictures_made += 1
        if self._pictures_made > 1:
            # The first picture waits for caches and compilers, and says nothing about the next.
            self._note(tier, self._clock.now_s() - started_s, work_s)

    def _made(self, stage: str, segment: int) -> None:
        """Tell of the first motion and the first picture of an utterance."""
        if segment > self._last_made[stage]:
            self._last_made[stage] = segment
            self._on_made(stage, segment)

    def _note(self, tier: Tier, taken_s: float, work_s: float) -> None:
        self._meter.picture.add(taken_s)
        self._meter.picture_work.add(work_s)
        self._pace.note(tier, taken_s)
        before = self._tiers.tier
        lowered = before == Tier.FULL and tier == Tier.WARP
        if lowered and taken_s <= FRAME_S:
            return  # Its time was near: that less was quick enough does not tell what FULL takes.
        if self._adaptive and self._tiers.observe(taken_s, self._clock.now_s()) != before:
            log.info("picture tier changed", extra={"before": before.name, "after": self._tiers.tier.name})

    def _failed(self, error: Exception, stage: str, times: int, *, can_hold: bool) -> None:
        """Note a failing stage. Fatal offline, and where there is nothing yet that could be held."""
        if times.bit_count() == 1:
            # The 1st, 2nd, 4th, 8th time: a stage that always fails must not fill the disk.
            log.error("the %s stage failed, %d times so far", stage, times, exc_info=error)
        if self._config.pacing == "free" or not can_hold:
            self.error = error
            self.progress.set()


def _way_of(tier: Tier | None) -> Tier:
    """Return how a picture is drawn: SPARSE and STILL are about how often, the stage knows two ways."""
    return Tier.FULL if tier == Tier.FULL else Tier.WARP
