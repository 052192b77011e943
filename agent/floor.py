"""Who has the floor: shown by the avatar's presence, and told to the page."""

import asyncio
from collections.abc import Callable
from enum import StrEnum

from engine.session import Session
from models.motion.stage import Presence
from streaming.contract import StateChange


class Floor(StrEnum):
    """State of a conversation; the values are what the page is told."""

    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"

    @property
    def presence(self) -> Presence:
        """What the person does meanwhile, as long as no sound comes."""
        return Presence.THINKING if self is Floor.SPEAKING else Presence(self.value)


class FloorSign:
    """Shows one floor at a time; after long listening it falls idle. Make it inside a running loop.

    Args:
        session: shows the avatar.
        idle_after_s: silence after which the avatar stops attending.
        somebody_speaks: asked before it does.
        tell: takes each change.
    """

    def __init__(
        self,
        session: Session,
        idle_after_s: float,
        somebody_speaks: Callable[[], bool],
        tell: Callable[[StateChange], None],
    ) -> None:
        self._session = session
        self._idle_after_s = idle_after_s
        self._somebody_speaks = somebody_speaks
        self._tell = tell
        self._floor = Floor.IDLE
        self._loop = asyncio.get_running_loop()
        self._idle_timer: asyncio.TimerHandle | None = None

    def set(self, floor: Floor) -> None:
        """Show a floor, which may be the same as before."""
        self.close()
        if floor is Floor.LISTENING:
            self._idle_timer = self._loop.call_later(self._idle_after_s, self._fall_idle)
        self._session.attend(floor.presence)
        if floor is not self._floor:
            self._floor = floor
            self._tell(StateChange(floor.value))

    def close(self) -> None:
        """Stop waiting for silence."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _fall_idle(self) -> None:
        if not self._somebody_speaks():
            self.set(Floor.IDLE)
