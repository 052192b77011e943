"""Receives visitors: one set of models for all, one session and one conversation for each."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Self

from agent.assembly import Assembly
from agent.config import Config
from agent.conversation import Conversation
from agent.echo import guarded
from agent.faces import FaceModels, Faces
from agent.faculties import Faculties, load_faculties, warm_up
from agent.fillers import Fillers
from agent.hearing import Hearing
from agent.history import History
from agent.mind import Message
from agent.minutes import Minutes
from agent.performer import VoicedPerformer
from agent.persona import opening
from agent.picture import PictureOf
from agent.pictures import Portraits
from agent.realtime.conversation import Mindset
from agent.realtime.ears import Ears
from agent.senses import Senses
from agent.turn_end import turn_end
from agent.words import Words
from engine.portrayal import Portrayal, VoiceSource
from models.motion.frame import MotionFrame
from models.ownership import NOBODYS, Ownership
from streaming.contract import AvatarCard, Movement, Notice, Progress
from streaming.motion.config import MotionConfig
from streaming.motion.encoder import MotionEncoder
from streaming.motion.packet import read_packet

_log = logging.getLogger(__name__)

Report = Callable[[str, float], None]


class ConversationHost:
    """A `streaming.contract.Host`. Make it with `await ConversationHost.open(config)`."""

    def __init__(self, config: Config, faculties: Faculties, picture_of: PictureOf | None = None) -> None:
        self._config = config
        self._faculties = faculties
        self._faces = Faces(config, FaceModels.load(config, picture_of))
        self._visits: set[Conversation] = set()
        self._assemblies: set[Assembly] = set()

    @classmethod
    async def open(cls, config: Config, report: Report = lambda stage, fraction: None) -> Self:
        """Load everything, make the default avatar when it is missing, and warm up.

        Args:
            config: all settings.
            report: told what is being done, and the fraction done of it.

        Raises:
            MindError: when there is nobody to think.
            AvatarNotFoundError: when `config.avatar` is not there.
        """
        report("Loading voice, recogniser and mind", 0.0)
        host = cls(config, await load_faculties(config))
        try:
            await host.prepare(report)
        except BaseException:
            await host.aclose()
            raise
        return host

    async def prepare(self, report: Report = lambda stage, fraction: None) -> None:
        """Make the default avatar when it is missing, and use everything once."""
        from models.portrait.create import DEFAULT_NAME

        if self._config.avatar == DEFAULT_NAME:
            loop = asyncio.get_running_loop()

            def report_avatar(stage: str, fraction: float) -> None:
                loop.call_soon_threadsafe(report, f"Avatar: {stage}", fraction)

            await self._faces.make_default(report_avatar)
        report("Warming up", 0.0)
        await warm_up(self._faculties, self._config)
        report("Warming up", 0.5)
        await self._faces.rehearse()
        await asyncio.to_thread(_read_motion)
        report("Ready", 1.0)

    @property
    def portraits(self) -> Portraits:
        """The portraits of this machine."""
        return self._faces.portraits

    def avatars(self) -> list[AvatarCard]:
        """Return the avatars one can meet; see `Host`."""
        return self._faces.avatars()

    async def welcome(self, avatar: str) -> Conversation:
        """Open a visit; see `Host`."""
        session = await self._faces.lend(avatar)

        def left() -> None:
            self._visits.discard(visit)

        history = History(self._opening(avatar), self._config.conversation.history_chars)
        visit = Conversation(session, self._senses(history), self._config.conversation, left)
        self._visits.add(visit)
        for lack in self._faculties.lacks:
            visit.tell(Notice("warning", lack))
        return visit

    async def perform(self, avatar: str) -> VoicedPerformer:
        """Open an avatar without ears and mind; see `Host`."""
        return VoicedPerformer(await self._faces.lend(avatar), self._faculties.voice)

    async def gather(self, avatar: str) -> Assembly:
        """Open a gathering's avatar; see `Host`."""
        session = await self._faces.lend(avatar)
        config, shared = self._config, self._faculties

        def left() -> None:
            self._assemblies.discard(assembly)

        minutes = Minutes(self._opening(avatar, company=True), config.conversation.history_chars)
        assembly = Assembly(
            session, Conversation(session, self._senses(minutes), config.conversation, left), minutes,
            VoicedPerformer(session, shared.voice), lambda: guarded(shared.scorer, config.vad, config.echo),
            config.assembly, self._faces.admit_guest,
        )  # fmt: skip
        self._assemblies.add(assembly)
        for lack in shared.lacks:
            assembly.tell(Notice("warning", lack))
        return assembly

    async def portray(self, avatar: str, voice: VoiceSource, motion: Movement) -> Portrayal:
        """Draw somebody who calls; see `Host`."""
        return await self._faces.portray(avatar, voice, motion)

    def may_drive(self, avatar: str, key: str) -> bool:
        """Tell whether who has this key may drive the avatar; see `Host`."""
        return self._faces.may_drive(avatar, key)

    def create_avatar(
        self, name: str, photo: bytes, ownership: Ownership = NOBODYS
    ) -> AsyncIterator[Progress]:
        """Make an avatar; see `Host`."""
        return self._faces.make(name, photo, ownership)

    def mindset(self, avatar: str) -> Mindset:
        """Return what a realtime conversation hears, thinks and speaks with."""
        config, shared = self._config, self._faculties
        return Mindset(
            Ears(shared.scorer, config.vad, config.hearing, config.echo),
            shared.asr,
            shared.mind,
            shared.voice,
            self._opening(avatar),
            config.conversation.history_chars,
            config.conversation.ahead_s,
            Words(config.words),
            config.turn_end,
        )

    def stats(self) -> dict[str, float]:
        """Return how busy the machine is, by name with its unit as suffix."""
        return self._faces.stats()

    async def aclose(self) -> None:
        """End every visit and free what the host holds. Safe to call twice."""
        guests: list[Conversation | Assembly] = [*self._visits, *self._assemblies]
        for guest in guests:
            await guest.aclose()
        await self._faces.aclose()
        await self._faculties.aclose()

    def _senses(self, history: History) -> Senses:
        """Return what one conversation hears, thinks and speaks with."""
        config, shared = self._config, self._faculties
        words = Words(config.words)
        return Senses(
            self._hearing(),
            shared.asr,
            shared.mind,
            shared.voice,
            history,
            turn_end(config.turn_end, words),
            words,
            Fillers(config.fillers),
            config.persona.apology,
        )

    def _hearing(self) -> Hearing:
        """Return the ear of one visit."""
        config = self._config
        detector, echo = guarded(self._faculties.scorer, config.vad, config.echo)
        return Hearing(detector, config.hearing, echo)

    def _opening(self, avatar: str, *, company: bool = False) -> Sequence[Message]:
        return opening(self._config.persona, self._title(avatar), company=company)

    def _title(self, avatar: str) -> str:
        return next((card.title for card in self.avatars() if card.name == avatar), avatar.title())


def _read_motion() -> None:
    """Write and read a packet: its reader is compiled at its first use, which must not be within a call."""
    encoder = MotionEncoder(MotionConfig(packet_ticks=1))
    packets, _ = encoder.step(MotionFrame.rest().vector()[None], encoder.init_state())
    read_packet(packets[0])
