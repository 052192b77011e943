"""`FakeHost` and `FakePartner`: a room to look at and to test, without models, voices or portraits.

The fake partner listens, thinks and speaks like a real one: it repeats what was typed, humming one tone for
as long as the words would take, and answers sound with how long it lasted.
"""

import asyncio
import math
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from av import VideoFrame
from jaxtyping import Int16

from engine.clock import LoopClock
from engine.compute import InlineCompute
from engine.packets import MEDIA_RATE_HZ, MEDIA_SAMPLES_PER_FRAME, AVPacket, SegmentFinished
from engine.portrayal import Portrayal, VoiceSource
from models.motion.frame import FPS
from models.motion.stage import Presence, StillMotion
from models.ownership import NOBODYS, OPEN, Ownership
from models.picture import Tier
from streaming.contract import (
    AvatarCard,
    AvatarRejectedError,
    BusyError,
    Caption,
    Latency,
    Movement,
    Progress,
    RoomEvent,
    RoomFullError,
    Script,
    StateChange,
    VoiceFailedError,
)
from streaming.fake_company import FakeCompany
from streaming.fake_face import DrawnFace, FakeFace
from streaming.fake_performer import FakePerformer

TONE_HZ: Final = 220.0
TONE_PEAK: Final = 6000
SECONDS_PER_WORD: Final = 0.3
THINKING_FRAMES: Final = 6
LOUD_RMS: Final = 300.0
SILENCE_ENDS_TURN_S: Final = 0.6
REQUESTS_MAX: Final = 16
EVENTS_MAX: Final = 256
"""Events kept for a room that does not read; the oldest goes."""


@dataclass(slots=True)
class _Speech:
    """An utterance being hummed."""

    segment: int
    words: list[str]
    frames: int
    wait_frames: int
    done_frames: int = 0
    over: "asyncio.Future[SegmentFinished | None] | None" = None
    """Told how it ended, where somebody asked for it."""


@dataclass(slots=True)
class _Hearing:
    """What the microphone brought since the turn began."""

    voiced_s: float = 0.0
    silent_s: float = 0.0
    held: bool = False


@dataclass(slots=True)
class _Counts:
    """Numbers for `stats`."""

    packets: int = 0
    microphone_s: float = 0.0
    events_dropped: int = 0
    turns: int = 0
    segments: int = 0
    finished: list[SegmentFinished] = field(default_factory=list)


class FakePartner:
    """A `Partner` made of arithmetic."""

    def __init__(self, size: int = 512) -> None:
        self._face = FakeFace(size)
        self._events: deque[RoomEvent] = deque()
        self._events_ready = asyncio.Event()
        self._speech: _Speech | None = None
        self._requests: deque[_Speech] = deque()
        self._hearing = _Hearing()
        self._counts = _Counts()
        self._closed = asyncio.Event()
        self._say_state("idle")

    @property
    def closed(self) -> bool:
        """True after `aclose`."""
        return self._closed.is_set()

    async def packets(self) -> AsyncIterator[AVPacket]:
        """Yield a packet every 40 ms of the running loop's time."""
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        while not self.closed:
            index = self._counts.packets
            yield self._make_packet(index)
            self._counts.packets += 1
            await asyncio.sleep(max(0.0, start_s + (index + 1) / FPS - loop.time()))

    async def events(self) -> AsyncIterator[RoomEvent]:
        """Yield events until closed."""
        while not self.closed:
            await self._events_ready.wait()
            self._events_ready.clear()
            while self._events:
                yield self._events.popleft()

    def push_audio(self, pcm: Int16[np.ndarray, "samples"], sample_rate_hz: int) -> None:
        """Measure how long somebody is loud; answer after a pause."""
        seconds = len(pcm) / sample_rate_hz
        self._counts.microphone_s += seconds
        hearing = self._hearing
        if float(np.sqrt(np.mean(pcm.astype(np.float32) ** 2))) > LOUD_RMS:
            if not hearing.voiced_s:
                self._say_state("listening")
            hearing.voiced_s += seconds
            hearing.silent_s = 0.0
        elif hearing.voiced_s:
            hearing.silent_s += seconds
            if hearing.silent_s >= SILENCE_ENDS_TURN_S and not hearing.held:
                self.release()

    def push_text(self, text: str) -> None:
        """Repeat the text after a moment of thought."""
        self._take_turn(text, f"You said: {text}")

    @property
    def waiting(self) -> int:
        """How many scripts are not said to their end."""
        begun = self._speech is not None and self._speech.over is not None
        return len(self._requests) + begun

    async def recite(self, script: Script, *, interrupt: bool = False) -> SegmentFinished | None:
        """Hum it after what is said. Raises `BusyError`; `VoiceFailedError` at the word `unspeakable`."""
        words = script.split() if isinstance(script, str) else ["(recording)"]
        if "unspeakable" in words:
            raise VoiceFailedError("this voice cannot say that")
        if len(self._requests) == REQUESTS_MAX:
            raise BusyError(f"{REQUESTS_MAX} utterances wait already")
        seconds = SECONDS_PER_WORD * len(words) if isinstance(script, str) else script.duration_s
        if not seconds:
            return None
        if interrupt:
            self._give_up()
            self._interrupt()
        over: asyncio.Future[SegmentFinished | None] = asyncio.get_running_loop().create_future()
        self._requests.append(_Speech(0, words, max(1, round(seconds * FPS)), 1, over=over))
        self._hum_next()
        return await over

    def hold(self) -> None:
        """Listen until `release`."""
        self._hearing = _Hearing(held=True)
        self._say_state("listening")

    def release(self) -> None:
        """Answer what was heard since `hold`, or since somebody became loud."""
        voiced_s, self._hearing = self._hearing.voiced_s, _Hearing()
        if voiced_s:
            self._take_turn(f"({voiced_s:.1f} seconds of speech)", f"I heard you for {voiced_s:.1f} seconds")
        else:
            self._say_state("idle")

    def stats(self) -> dict[str, float]:
        """Return counts and depths."""
        return {
            "tier": float(Tier.FULL),
            "frames": self._counts.packets,
            "microphone_s": self._counts.microphone_s,
            "events_waiting": len(self._events),
            "partner_events_dropped": self._counts.events_dropped,
        }

    async def aclose(self) -> None:
        """End packets and events."""
        self._give_up()
        self._interrupt()
        self._closed.set()
        self._events_ready.set()

    def _take_turn(self, heard: str, reply: str) -> None:
        counts = self._counts
        counts.turns += 1
        counts.segments += 1
        self._interrupt()
        words = reply.split()
        frames = round(len(words) * SECONDS_PER_WORD * FPS)
        self._speech = _Speech(counts.segments, words, frames, THINKING_FRAMES)
        self._emit(Caption("visitor", counts.turns, heard, final=True))
        self._say_state("thinking")

    def _interrupt(self) -> None:
        speech, self._speech = self._speech, None
        if speech is not None:
            played_s = speech.done_frames / FPS
            self._finish(speech, SegmentFinished(speech.segment, played_s, interrupted=True))

    def _give_up(self) -> None:
        while self._requests:
            self._tell_over(self._requests.popleft(), None)

    def _hum_next(self) -> None:
        """Begin what was asked for, unless somebody speaks."""
        if self._requests and self._speech is None and not self._hearing.voiced_s and not self._hearing.held:
            self._counts.turns += 1
            self._counts.segments += 1
            self._speech = replace(self._requests.popleft(), segment=self._counts.segments)

    def _finish(self, speech: _Speech, end: SegmentFinished) -> None:
        self._counts.finished.append(end)
        self._tell_over(speech, end)

    @staticmethod
    def _tell_over(speech: _Speech, end: SegmentFinished | None) -> None:
        if speech.over is not None and not speech.over.done():
            speech.over.set_result(end)

    def _make_packet(self, index: int) -> AVPacket:
        mouth, pcm = 0.0, np.zeros(MEDIA_SAMPLES_PER_FRAME, np.int16)
        speech = self._speech
        speaking = speech is not None and speech.wait_frames == 0
        segment = speech.segment if speech is not None and speaking else 0
        if speech is not None:
            if speaking:
                mouth, pcm = 0.5 + 0.5 * math.sin(1.1 * index), self._tone(index)
            self._advance(speech)
        finished, self._counts.finished = tuple(self._counts.finished), []
        picture = self._face.draw(index / FPS, mouth)
        presence = Presence.SPEAKING if speaking else Presence.IDLE
        return AVPacket(index, picture, pcm, segment, presence, Tier.FULL, late=False, finished=finished)

    def _advance(self, speech: _Speech) -> None:
        if speech.wait_frames:
            speech.wait_frames -= 1
            if not speech.wait_frames:
                self._begin(speech)
            return
        speech.done_frames += 1
        said = math.ceil(len(speech.words) * speech.done_frames / speech.frames)
        before = math.ceil(len(speech.words) * (speech.done_frames - 1) / speech.frames)
        over = speech.done_frames == speech.frames
        if said != before or over:
            self._emit(Caption("avatar", speech.segment, " ".join(speech.words[:said]), final=over))
        if over:
            self._speech = None
            self._finish(speech, SegmentFinished(speech.segment, speech.frames / FPS, interrupted=False))
            self._say_state("idle")
            self._hum_next()

    def _begin(self, speech: _Speech) -> None:
        waited_ms = 1000.0 * THINKING_FRAMES / FPS
        stages_ms = {
            "llm_first_token": 0.5 * waited_ms,
            "tts_first_pcm": 0.8 * waited_ms,
            "audible": waited_ms,
        }
        self._emit(Latency(speech.segment, stages_ms))
        self._say_state("speaking")

    @staticmethod
    def _tone(index: int) -> Int16[np.ndarray, "960"]:
        samples = index * MEDIA_SAMPLES_PER_FRAME + np.arange(MEDIA_SAMPLES_PER_FRAME)
        return (TONE_PEAK * np.sin(2 * np.pi * TONE_HZ * samples / MEDIA_RATE_HZ)).astype(np.int16)

    def _say_state(self, state: str) -> None:
        self._emit(StateChange(state))

    def _emit(self, event: RoomEvent) -> None:
        if len(self._events) == EVENTS_MAX:
            self._events.popleft()
            self._counts.events_dropped += 1
        self._events.append(event)
        self._events_ready.set()


class FakeHost:
    """A `Host` with room for a few fake partners. It refuses photos that do not begin like a picture."""

    def __init__(self, places: int = 2, size: int = 512, step_s: float = 0.05) -> None:
        self._places = places
        self._size = size
        self._step_s = step_s
        self._folder = tempfile.TemporaryDirectory(prefix="visavis-fake-")
        self._owned: dict[str, Ownership] = {}
        self._cards = [self._new_card("vera", OPEN)]
        self._portrayed = 0
        self.partners: list[FakePartner] = []
        """Every partner welcomed, the closed ones included."""
        self.performers: list[FakePerformer] = []
        """Every performer sent, the closed ones included."""
        self.companies: list[FakeCompany] = []
        """Every company opened, the closed ones included."""

    @property
    def present(self) -> int:
        """How many have not left."""
        return self._portrayed + sum(not guest.closed for guest in self._guests)

    def avatars(self) -> list[AvatarCard]:
        """Return Vera and whoever was made since."""
        return list(self._cards)

    async def welcome(self, avatar: str) -> FakePartner:
        """Open a visit. Raises `RoomFullError` and `KeyError`."""
        self._check_place(avatar)
        partner = FakePartner(self._size)
        self.partners.append(partner)
        return partner

    async def perform(self, avatar: str) -> FakePerformer:
        """Open an avatar that says what it is given. Raises `RoomFullError` and `KeyError`."""
        self._check_place(avatar)
        performer = FakePerformer(self._size)
        self.performers.append(performer)
        return performer

    async def gather(self, avatar: str) -> FakeCompany:
        """Open a gathering's avatar. Raises `RoomFullError` and `KeyError`."""
        self._check_place(avatar)
        company = FakeCompany(self._size)
        self.companies.append(company)
        return company

    async def portray(self, avatar: str, voice: VoiceSource, motion: Movement) -> Portrayal:
        """Draw somebody who calls as a painted face. Raises `RoomFullError` and `KeyError`."""
        self._check_place(avatar)

        def left() -> None:
            self._portrayed -= 1

        picture, stage = DrawnFace(self._size), motion(StillMotion())
        self._portrayed += 1
        return Portrayal(voice, stage, picture, clock=LoopClock(), compute=InlineCompute(), on_close=left)

    def may_drive(self, avatar: str, key: str) -> bool:
        """Tell whether who has this key may drive the avatar. Raises `KeyError`."""
        return self._owned[avatar].lets(key)

    def stats(self) -> dict[str, float]:
        """Return how many places are taken, and how many there are."""
        return {"sessions": float(self.present), "sessions_capacity": float(self._places)}

    async def create_avatar(
        self, name: str, photo: bytes, ownership: Ownership = NOBODYS
    ) -> AsyncIterator[Progress]:
        """Pretend to fit a portrait. Raises `AvatarRejectedError`."""
        if not photo.startswith((b"\x89PNG", b"\xff\xd8", b"RIFF")):
            msg = "This file is no picture; send a JPEG, PNG or WebP photo."
            raise AvatarRejectedError(msg)
        for number, stage in enumerate(("Finding the face", "Fitting the body", "Painting the background")):
            for part in range(4):
                yield Progress(stage, (number + part / 4) / 3)
                await asyncio.sleep(self._step_s)
        self._cards.append(self._new_card(name, ownership))
        yield Progress("Done", 1.0)

    async def aclose(self) -> None:
        """End every visit and remove the pictures."""
        for guest in self._guests:
            await guest.aclose()
        self._folder.cleanup()

    @property
    def _guests(self) -> list[FakePartner | FakePerformer | FakeCompany]:
        return [*self.partners, *self.performers, *self.companies]

    def _check_place(self, avatar: str) -> None:
        if avatar not in {card.name for card in self._cards}:
            raise KeyError(avatar)
        if self.present >= self._places:
            msg = f"All {self._places} places are taken; try again in a moment."
            raise RoomFullError(msg)

    def _new_card(self, name: str, owned: Ownership) -> AvatarCard:
        self._owned[name] = owned
        path = Path(self._folder.name) / f"{name}.png"
        picture = FakeFace(self._size).draw(time_s=1.0, mouth=0.0)
        VideoFrame.from_ndarray(picture, format="rgb24").save(str(path))
        return AvatarCard(name, name.replace("-", " ").title(), str(path), owned.made_by, owned.is_open)
