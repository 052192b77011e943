"""The avatars of this machine and the sessions in which they live, without ears or mind."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from agent.config import Config
from agent.motion import open_motion
from agent.picture import PictureOf, picture_maker
from agent.pictures import Portraits
from engine.admission import Admission, AdmissionRefusedError, Place
from engine.clock import LoopClock
from engine.compute import ThreadCompute
from engine.portrayal import Portrayal, VoiceSource
from engine.session import Session
from models.home import avatars_root
from models.mark import MarkedPicture
from models.motion.stage import SPEECH_RATE_HZ, MotionStage, Phone
from models.ownership import Ownership
from models.picture import PictureStage, Tier
from streaming.contract import AvatarCard, Movement, Progress, RoomFullError

_HELLO: Final = (
    Phone("HH", 0.0, 0.1),
    Phone("AH", 0.1, 0.2),
    Phone("L", 0.2, 0.3),
    Phone("OW", 0.3, 0.6, stress=1),
)
_REHEARSED_FRAMES: Final = 25
"""Enough for the word and the silence around it."""


@dataclass(frozen=True, slots=True)
class FaceModels:
    """What is loaded once for every session of a process, whatever event loop it lives in."""

    portraits: Portraits
    motion: MotionStage[Any]

    @classmethod
    def load(cls, config: Config, picture_of: PictureOf | None = None) -> Self:
        """Load the motion; portraits follow when they are asked for.

        Args:
            config: all settings.
            picture_of: loads one avatar; what the settings say when left out.

        Raises:
            ValueError: the weights are none of this version.
            OSError: there is no such file.
        """
        making = picture_of or picture_maker(config.picture)

        def marked(folder: Path, size: int) -> PictureStage[Any]:
            picture = making(folder, size)
            return MarkedPicture(picture) if config.mark_pictures else picture

        portraits = Portraits(avatars_root(), config.picture_size, marked)
        return cls(portraits, open_motion(config.motion, config.session.lookahead_ms))


class Faces:
    """Lends sessions while the machine holds them. Belongs to one event loop.

    Args:
        config: all settings.
        models: what moves and draws the avatars; shared.
    """

    def __init__(self, config: Config, models: FaceModels) -> None:
        self._config = config
        self._models = models
        self._admission = Admission(config.admission)
        self._compute = ThreadCompute()
        self._lent: set[Session] = set()
        self._drawn: set[Portrayal] = set()
        self._opened = 0

    @property
    def portraits(self) -> Portraits:
        """The portraits of this machine."""
        return self._models.portraits

    def avatars(self) -> list[AvatarCard]:
        """Return the avatars there are, the configured one first."""
        return self._models.portraits.cards(self._config.avatar)

    async def lend(self, avatar: str) -> Session:
        """Open a session that takes a place of this machine until it is closed.

        Raises:
            RoomFullError: there is no place.
            KeyError: there is no such avatar.
        """
        place = self._enter()

        def taken_back() -> None:
            self._lent.discard(session)
            place.leave()

        try:
            self._opened += 1
            session = await self._open(avatar, self._opened, taken_back)
            place.frame_cost_s = session.frame_cost_s
        except BaseException:
            place.leave()
            raise
        self._lent.add(session)
        return session

    def admit_guest(self) -> Callable[[], None]:
        """Take a guest's place beside somebody's session; returns how to give it back.

        Raises:
            RoomFullError: there is no power left for one more.
        """
        try:
            return self._admission.enter_as_guest().leave
        except AdmissionRefusedError as refused:
            raise RoomFullError(str(refused)) from refused

    async def portray(self, avatar: str, voice: VoiceSource, motion: Movement) -> Portrayal:
        """Draw somebody who calls; takes a place of this machine until it is closed. Raises as `lend`."""
        place = self._enter()

        def taken_back() -> None:
            self._drawn.discard(portrayal)
            place.leave()

        try:
            self._opened += 1
            portrayal = Portrayal(
                voice,
                motion(self._models.motion),
                MarkedPicture(await self._models.portraits.picture(avatar)),
                clock=LoopClock(),
                compute=self._compute,
                best=self._config.session.tier or Tier.FULL,
                seed=self._opened,
                on_close=taken_back,
            )
        except BaseException:
            place.leave()
            raise
        # The learned picture gives way to the warp before anybody is refused for it.
        assumed_s = self._config.admission.assumed_frame_cost_ms / 1000
        place.frame_cost_s = lambda: min(portrayal.frame_cost_s(), assumed_s)
        self._drawn.add(portrayal)
        return portrayal

    def may_drive(self, avatar: str, key: str) -> bool:
        """Tell whether who has this key may lend the avatar their face. Raises `KeyError`."""
        return self._models.portraits.may_drive(avatar, key)

    def make(self, name: str, photo: bytes, ownership: Ownership) -> AsyncGenerator[Progress, None]:
        """Make an avatar; see `Portraits.make`."""
        return self._models.portraits.make(name, photo, ownership)

    async def make_default(self, report: Callable[[str, float], None]) -> None:
        """Make the default avatar when it is missing. `report` may be called from a thread."""
        await self._models.portraits.make_default(report)

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
        """End the sessions whose borrowers did not, and the work. Safe to call twice."""
        for session in list(self._lent):
            await session.aclose()
        for portrayal in list(self._drawn):
            await portrayal.aclose()
        await self._compute.aclose()

    def _enter(self) -> Place:
        """Take a session's place. Raises `RoomFullError`."""
        try:
            return self._admission.enter()
        except AdmissionRefusedError as refused:
            raise RoomFullError(str(refused)) from refused

    async def _open(self, avatar: str, seed: int, on_close: Callable[[], None] = lambda: None) -> Session:
        picture = await self._models.portraits.picture(avatar)
        config, compute = self._config.session, self._compute
        return Session(
            self._models.motion,
            picture,
            clock=LoopClock(),
            compute=compute,
            config=config,
            seed=seed,
            on_close=on_close,
        )
