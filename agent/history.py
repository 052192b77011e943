"""What was said so far, as a mind reads it: only what was really heard."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from agent.mind import Message

INTERRUPTED: Final = "—"
"""Ends what the avatar was cut off in; every language model knows the dash of broken-off speech."""


@dataclass(frozen=True, slots=True)
class Said:
    """One contribution."""

    role: Literal["user", "assistant"]
    text: str
    interrupted: bool = False

    def message(self) -> Message:
        """Return it as a mind reads it."""
        return Message(self.role, self.text + (INTERRUPTED if self.interrupted else ""))


class History:
    """The conversation's memory, bounded: the oldest is forgotten first.

    Args:
        opening: messages that always stand first.
        limit_chars: how much of the conversation is kept, in characters.
    """

    def __init__(self, opening: Sequence[Message], limit_chars: int) -> None:
        self._opening = tuple(opening)
        self._limit_chars = limit_chars
        self._said: deque[Said] = deque()

    @property
    def said(self) -> Sequence[Said]:
        """What is remembered, oldest first."""
        return tuple(self._said)

    @property
    def unanswered(self) -> bool:
        """True when the visitor had the last word."""
        return bool(self._said) and self._said[-1].role == "user"

    def add_visitor(self, text: str) -> None:
        """Remember the visitor's words; they join what still waits for an answer."""
        if self.unanswered:
            text = f"{self._said.pop().text} {text}"
        self._said.append(Said("user", text))
        self._forget()

    def foresee(self, text: str) -> Sequence[Message]:
        """Return what `messages` would return if the visitor had said `text`; remembers nothing."""
        future = History(self._opening, self._limit_chars)
        future._said = self._said.copy()
        future.add_visitor(text)
        return future.messages()

    def take_back(self, text: str) -> None:
        """Forget that the avatar was cut off after `text`: it goes on, and will be remembered whole."""
        if self._said and self._said[-1] == Said("assistant", text, interrupted=True):
            self._said.pop()

    def add_avatar(self, text: str, *, interrupted: bool) -> None:
        """Remember what the avatar was heard to say; nothing, when nothing was heard."""
        if text:
            self._said.append(Said("assistant", text, interrupted))
            self._forget()

    def messages(self) -> Sequence[Message]:
        """Return everything a mind needs to answer next."""
        return [*self._opening, *(said.message() for said in self._said)]

    def _forget(self) -> None:
        while len(self._said) > 1 and sum(len(said.text) for said in self._said) > self._limit_chars:
            self._said.popleft()
