"""The seam between the room and whoever hosts it.

`Host` receives visitors; a `Partner` is the avatar's side of one visit. The room server knows nothing of
speech recognition or language models, so anything that fills these two protocols can be met in a room.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int16

from engine.packets import AVPacket, SegmentFinished
from engine.portrayal import Portrayal, VoiceSource
from engine.session import Session
from models.motion.cue import Cue
from models.motion.stage import MotionStage, Phone
from models.ownership import NOBODYS, Ownership


class RoomFullError(Exception):
    """No place for another visit at this time; the message says how many there are."""


class AvatarRejectedError(Exception):
    """The photo cannot become an avatar; the message says why and what would help."""


@dataclass(frozen=True, slots=True)
class AvatarCard:
    """What the page shows of an avatar."""

    name: str
    title: str
    preview_png: str
    """Path of the portrait on disk, square and as the first frame shows it: it stands until that comes."""
    made_by: str = ""
    """Who made it, in their own words; empty where nobody said."""
    is_open: bool = True
    """Whether anybody may lend it their face in a call; otherwise its key is needed."""


@dataclass(frozen=True, slots=True)
class Caption:
    """Words of one side. A later caption with the same `turn` replaces the earlier one."""

    who: Literal["visitor", "avatar"]
    turn: int
    text: str
    final: bool
    speaker: str = ""
    """Which visitor, where there are several."""
    kind: Literal["caption"] = "caption"


@dataclass(frozen=True, slots=True)
class StateChange:
    """The conversation moved on: idle, listening, thinking or speaking."""

    state: str
    kind: Literal["state"] = "state"


@dataclass(frozen=True, slots=True)
class Latency:
    """When each stage of one turn was done, by name, e.g. `asr_final`, `llm_first_token`, `audible`.

    Milliseconds since the visitor fell silent (or sent the text), so the last stage is the whole wait.
    A later event of the same turn replaces the earlier one.
    """

    turn: int
    stages_ms: dict[str, float] = field(default_factory=dict)
    kind: Literal["latency"] = "latency"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the visitor should know: a failed model, a slow machine, a full queue."""

    level: Literal["info", "warning", "error"]
    text: str
    kind: Literal["notice"] = "notice"


@dataclass(frozen=True, slots=True)
class Guest:
    """One of several visitors of the same avatar."""

    name: str
    """No other guest of the gathering has it."""
    place: float = 0.0
    """Where the avatar sees them sit: -1 at the picture's left, 0 before it, 1 at its right."""


@dataclass(frozen=True, slots=True)
class Guests:
    """Who is here, from left to right; one of them is told."""

    me: str
    guests: tuple[Guest, ...]
    kind: Literal["guests"] = "guests"


@dataclass(frozen=True, slots=True)
class Talking:
    """Which guests speak now, and whom of them the avatar hears."""

    guests: tuple[str, ...]
    floor: str = ""
    """Empty while nobody has the floor."""
    kind: Literal["talking"] = "talking"


@dataclass(frozen=True, slots=True)
class Person:
    """One of the people of a call."""

    name: str
    avatar: str
    """Name of the avatar that shows them."""
    title: str
    made_by: str = ""
    """Who made the avatar."""
    how: str = "still"
    """What their picture is made from: `tracked`, `voice` or `still`."""


@dataclass(frozen=True, slots=True)
class People:
    """Who is in a call, in the order in which they came; one of them is told."""

    me: str
    people: tuple[Person, ...]
    shown: str = ""
    """Whom the picture shows; empty while nobody else is there."""
    kind: Literal["people"] = "people"


RoomEvent = Caption | StateChange | Latency | Notice | Guests | Talking | People


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of making an avatar."""

    stage: str
    fraction: float
    """Done so far, 0..1."""


class Listener(Protocol):
    """Takes what one visitor says."""

    def push_audio(self, pcm: Int16[np.ndarray, "samples"], sample_rate_hz: int) -> None:
        """Take the visitor's microphone, mono. Never blocks; a full queue drops the oldest and counts it."""
        ...

    def push_text(self, text: str) -> None:
        """Take a typed turn; it interrupts the avatar as speech would."""
        ...

    def hold(self) -> None:
        """Listen until `release`, whatever the silence: the push-to-talk key went down."""
        ...

    def release(self) -> None:
        """End the turn: the push-to-talk key came up."""
        ...


@dataclass(frozen=True, slots=True)
class Wires:
    """How a visit lets a caller send what is not made into packets of picture and sound."""

    motion: Callable[[bytes], None]
    """Sends a packet of motion; never blocks, and may lose it."""
    sound: Callable[[Int16[np.ndarray, "samples"], int, float], None]
    """Sends whole pieces of 20 ms at `engine.packets.MEDIA_RATE_HZ`: takes the first sample's time, and how
    many seconds the sound waits before it leaves."""


@runtime_checkable
class InCall(Protocol):
    """A `Listener` that takes part in a call: it needs the times of what it hears, and motion."""

    def push_voice(self, pcm: Int16[np.ndarray, "samples"], sample_rate_hz: int, at_s: float) -> None:
        """Take the visitor's microphone, mono, and when it begins on the microphone's own clock."""
        ...

    def push_motion(self, packet: bytes) -> None:
        """Take a packet of the visitor's motion, whatever it holds."""
        ...

    def note_lag(self, lag_s: float) -> None:
        """Take by how much later after its moment the visitor's motion leaves than the voice."""
        ...

    def note_tie(self, tie_s: float) -> None:
        """Take the voice's time less the motion's, both of one moment, from a visitor who knows it."""
        ...

    def watch(self, *, on: bool) -> None:
        """Say whether the visitor looks at the picture; voices go on without."""
        ...

    def attach(self, wires: Wires) -> None:
        """Take the ways to send past the picture; called once, before anything comes."""
        ...


class Attendant(Listener, Protocol):
    """What a visit has to do with, whoever sends its packets."""

    def events(self) -> AsyncIterator[RoomEvent]:
        """Yield captions, states and latencies as they happen, until closed."""
        ...

    def stats(self) -> dict[str, float]:
        """Return queue depths, drops and frame times by name, each with its unit as suffix."""
        ...

    async def aclose(self) -> None:
        """Leave: every task ends, every queue is freed. Safe to call twice."""
        ...


class VoiceFailedError(RuntimeError):
    """The text cannot be spoken; the message says why."""


class BusyError(RuntimeError):
    """Nothing can be asked for now; the message says why."""


@dataclass(frozen=True, slots=True)
class SpeechPiece:
    """A stretch of speech on its way into a session."""

    pcm: Int16[np.ndarray, "samples"]
    """Mono."""
    sample_rate_hz: int
    phones: tuple[Phone, ...] | None = None
    """Sounds that tile the piece, in seconds from its start; None when only the sound is known."""
    cues: tuple[Cue, ...] = ()
    """Gestures, in seconds from its start. A piece without samples may have some."""

    @property
    def duration_s(self) -> float:
        """Seconds of speech."""
        return len(self.pcm) / self.sample_rate_hz


Script = str | SpeechPiece
"""What an avatar is asked to say: a text, which may hold gestures, or a recording."""


class Partner(Attendant, Protocol):
    """The avatar's side of one visit."""

    @property
    def waiting(self) -> int:
        """How many scripts are not said to their end."""
        ...

    async def recite(self, script: Script, *, interrupt: bool = False) -> SegmentFinished | None:
        """Say a script in the avatar's own name, when nobody speaks and nothing waits to be answered.

        The visitor interrupts it like any answer.

        Args:
            script: what to say.
            interrupt: first fall silent, and give up what waits; who speaks is still heard to the end.

        Returns:
            How it ended; None when nothing of it was heard.

        Raises:
            BusyError: too many wait.
            VoiceFailedError: the text cannot be spoken.
        """
        ...

    def packets(self) -> AsyncIterator[AVPacket]:
        """Yield pictures and sound for ever, paced in real time."""
        ...


class Performer(Protocol):
    """An avatar that says what it is given, and thinks nothing of its own."""

    @property
    def session(self) -> Session:
        """Where speech goes in and packets come out. Closed, it gives the avatar's place back."""
        ...

    def voice(self, text: str) -> AsyncGenerator[SpeechPiece, None]:
        """Yield `text` as speech, piece by piece. Raises `VoiceFailedError`. An async generator."""
        ...

    async def aclose(self) -> None:
        """End the session and give its place back. Safe to call twice."""
        ...


class Seat(Listener, Protocol):
    """One guest's place in a company."""

    def played(self, pcm: Int16[np.ndarray, "samples"]) -> None:
        """Take what the guest's loudspeaker plays, silence too, as it goes out: mono at `MEDIA_RATE_HZ`.

        It may come back by the microphone, and is nobody's turn then. Never blocks.
        """
        ...

    def leave(self) -> None:
        """Get up; what the guest said is still heard. Safe to call twice."""
        ...


class Company(Performer, Protocol):
    """The avatar's side of a gathering: it hears several guests, and all of them see and hear it.

    Its packets come out of its session. Nobody else may push into that.
    """

    def admit(self, guest: Guest) -> Seat:
        """Give a guest a seat. Raises `RoomFullError` when the machine has no power left for one."""
        ...

    def events(self) -> AsyncIterator[RoomEvent]:
        """Yield what every guest is told, until closed."""
        ...

    def stats(self) -> dict[str, float]:
        """Return depths and drops of its queues, without the session's figures."""
        ...


Movement = Callable[[MotionStage[Any]], MotionStage[Any]]
"""From the host's motion to what moves somebody in a call."""


class Host(Protocol):
    """Receives visitors alone and together, and sends performers."""

    def avatars(self) -> list[AvatarCard]:
        """Return the avatars one can meet, the default first."""
        ...

    async def welcome(self, avatar: str) -> Partner:
        """Open a visit. Raises `RoomFullError` when there is no place, `KeyError` for no such avatar."""
        ...

    async def perform(self, avatar: str) -> Performer:
        """Open an avatar that says what it is given; close it to give its place back.

        Raises `RoomFullError` where there is no place, `KeyError` for no such avatar.
        """
        ...

    async def gather(self, avatar: str) -> Company:
        """Open a gathering's avatar. Raises as `perform` does."""
        ...

    async def portray(self, avatar: str, voice: VoiceSource, motion: Movement) -> Portrayal:
        """Draw somebody who calls as an avatar; close it to give its place back.

        Args:
            avatar: whose face they have.
            voice: what is heard of them.
            motion: gives what moves the avatar, around the stage that makes motion up where none comes.

        Raises as `perform` does.
        """
        ...

    def may_drive(self, avatar: str, key: str) -> bool:
        """Tell whether who has this key may lend the avatar their face. Raises `KeyError`."""
        ...

    def stats(self) -> dict[str, float]:
        """Return how busy the machine is, by name with its unit as suffix."""
        ...

    def create_avatar(
        self, name: str, photo: bytes, ownership: Ownership = NOBODYS
    ) -> AsyncIterator[Progress]:
        """Make an avatar from a picture file's bytes. Raises `AvatarRejectedError`."""
        ...

    async def aclose(self) -> None:
        """End every visit and free what the host holds."""
        ...
