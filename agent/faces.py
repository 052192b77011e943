"""The avatars of this machine and the sessions in which they live, without ears or mind."""

from collections.abc import AsyncGenerator, Callable
from typing import Final

import numpy as np

from agent.config import Config
from agent.pictures import PictureOf, Portraits, warped_portrait
from engine.admission import Admission, AdmissionRefusedError
from engine.clock import LoopClock
from engine.compute import ThreadCompute
from engine.session import Session
from models.home import avatars_root
from models.motion.rules import RuleMotion
from models.motion.stage import SPEECH_RATE_HZ, Phone
from streaming.contract import AvatarCard, Progress, RoomFullError

_HELLO: Final = (
    Phone("HH", 0.0, 0.1),
    Phone("AH", 0.1, 0.2),
    Phone("L", 0.2, 0.3),
    Phone("OW", 0.3, 0.6, stress=1),
)
_REHEARSED_FRAMES: Final = 25
"""Enough for the word and the silence around it."""


class Faces:
    """Lends sessions while the machine holds them. Belongs to one event loop.

    Args:
        config: all settings.
        picture_of: loads one avatar.
        portraits: loaded avatars that are shared; its own by default.
    """

    def __init__(
        self, config: Config, picture_of: PictureOf = warped_portrait, portraits: Portraits | None = None
    ) -> None:
        self._config = config
        self._portraits = portraits or Portraits(avatars_root(), config.picture_size, picture_of)
        self._admission = Admission(config.admission)
        self._compute = ThreadCompute()
        self._lent = 0

    def avatars(self) -> list[AvatarCard]:
        """Return the avatars there are, the configured one first."""
        return self._portraits.cards(self._config.avatar)

    async def lend(self, avatar: str) -> Session:
        """Open a session that takes a place of this machine until it is closed.

        Raises:
            RoomFullError: there is no place.
            KeyError: there is no such avatar.
        """
        try:
            place = self._admission.enter()
        except AdmissionRefusedError as refused:
            raise RoomFullError(str(refused)) from refused
        try:
            self._lent += 1
            session = await self._open(avatar, self._lent, place.leave)
            place.frame_cost_s = session.frame_cost_s
        except BaseException:
            place.leave()
            raise
        return session

    def make(self, name: str, photo: bytes) -> AsyncGenerator[Progress, None]:
        """Make an avatar; see `Portraits.make`."""
        return self._portraits.make(name, photo)

    async def make_default(self, report: Callable[[str, float], None]) -> None:
        """Make the default avatar when it is missing. `report` may be called from a thread."""
        await self._portraits.make_default(report)

    async def rehearse(self) -> float:
        """Say "hello" and draw it, which imports, compiles and caches what motion and pictures need.

        Returns:
            Seconds of one core that a frame cost, the first ones included.
        """
        async with await self._open(self._config.avatar, seed=0) as session:
            silence = np.zeros(round(_HELLO[-1].end_s * SPEECH_RATE_HZ), np.int16)
            session.push_audio(silence, SPEECH_RATE_HZ, _HELLO)
            session.end_segment()
            for _ in range(_REHEARSED_FRAMES):
                await anext(session)
            return session.frame_cost_s()

    def stats(self) -> dict[str, float]:
        """Return how busy the machine is, by name with its unit as suffix."""
        return {**self._admission.stats(), **self._compute.stats()}

    async def aclose(self) -> None:
        """End the work. Sessions are their borrowers' to close, before this. Safe to call twice."""
        await self._compute.aclose()

    async def _open(self, avatar: str, seed: int, on_close: Callable[[], None] = lambda: None) -> Session:
        picture = await self._portraits.picture(avatar)
        config, compute = self._config.session, self._compute
        return Session(
            RuleMotion(),
            picture,
            clock=LoopClock(),
            compute=compute,
            config=config,
            seed=seed,
            on_close=on_close,
        )
