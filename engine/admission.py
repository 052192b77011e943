"""How many sessions this machine takes: by what a frame costs, measured, never so many that all suffer."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from models.motion.frame import FPS


class AdmissionRefusedError(Exception):
    """No place for another session now; the message can be shown to the visitor."""


class AdmissionConfig(BaseModel):
    """What share of the machine sessions may take."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    budget_fraction: Annotated[float, Field(gt=0.0, le=1.0)] = 0.7
    """Part of all cores that frames may keep busy; the rest is for sound, encoding and the mind."""

    assumed_frame_cost_ms: Annotated[float, Field(gt=0.0)] = 16.0
    """Milliseconds of one core for one frame, until a session has measured it."""

    assumed_guest_cost_ms: Annotated[float, Field(gt=0.0)] = 2.0
    """Milliseconds of one core for each frame that a further guest of a session sees and hears."""

    max_sessions: Annotated[int, Field(ge=1)] | None = None
    """Most sessions at once, whatever they cost; None leaves it to the measurement."""


@dataclass(slots=True, eq=False)
class Place:
    """What was admitted, a session or a guest; leave it when that ends. Also a context manager."""

    _admission: "Admission"
    frame_cost_s: Callable[[], float] = lambda: 0.0
    """Asked for the measured seconds of one core per frame; set it to `Session.frame_cost_s`."""

    def leave(self) -> None:
        """Give the place back. Safe to call twice."""
        self._admission.places.discard(self)
        self._admission.guests.discard(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.leave()


@dataclass(slots=True)
class Admission:
    """Admits sessions while the frames of all of them fit into the budget. The first is always admitted.

    Whoever watches a session that others watch too is a guest, and costs little.
    """

    config: AdmissionConfig = field(default_factory=AdmissionConfig)
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    places: set[Place] = field(default_factory=set)
    """Places of sessions that are taken."""
    guests: set[Place] = field(default_factory=set)
    """Places of guests: of those who see a session after its first visitor."""

    def enter(self) -> Place:
        """Take a place.

        Raises:
            AdmissionRefusedError: when none is free; the message says how many there are.
        """
        taken, capacity = len(self.places), self.capacity()
        if taken >= capacity:
            conversations = "one conversation" if capacity == 1 else f"{capacity} conversations"
            raise AdmissionRefusedError(
                f"This machine can hold {conversations} at a time, and {taken} now: please try again soon."
            )
        place = Place(self)
        self.places.add(place)
        return place

    def enter_as_guest(self) -> Place:
        """Take a guest's place. One for each session is always free: two people are what a gathering is.

        Raises:
            AdmissionRefusedError: when the machine has no power left for one.
        """
        left_s = self._budget_s() - len(self.places) * self._frame_cost_s() - self._guest_cost_s()
        if len(self.guests) >= len(self.places) and left_s < self.config.assumed_guest_cost_ms / 1000:
            raise AdmissionRefusedError("This machine cannot serve one more guest: please try again soon.")
        place = Place(self)
        self.guests.add(place)
        return place

    def capacity(self) -> int:
        """Return how many sessions fit beside the guests at the measured cost of a frame; at least one."""
        budget_s = self._budget_s() - self._guest_cost_s()
        fitting = max(1, int(budget_s / self._frame_cost_s() + 1e-9))
        return fitting if self.config.max_sessions is None else min(fitting, self.config.max_sessions)

    def stats(self) -> dict[str, float]:
        """Return `sessions`, `sessions_capacity`, `guests`, and the `frame_cost_ms` reckoned with."""
        return {
            "sessions": float(len(self.places)),
            "guests": float(len(self.guests)),
            "sessions_capacity": float(self.capacity()),
            "frame_cost_ms": 1000.0 * self._frame_cost_s(),
        }

    def _budget_s(self) -> float:
        """Return the seconds of all cores that a frame's time offers."""
        return self.config.budget_fraction * self.cores / FPS

    def _guest_cost_s(self) -> float:
        return len(self.guests) * self.config.assumed_guest_cost_ms / 1000

    def _frame_cost_s(self) -> float:
        """Return the mean over the sessions that have measured it, or the assumed cost."""
        measured = [cost for cost in (place.frame_cost_s() for place in self.places) if cost > 0.0]
        if not measured:
            return self.config.assumed_frame_cost_ms / 1000
        return sum(measured) / len(measured)
