"""A history of several visitors: each contribution begins with its speaker's name."""

from collections.abc import Sequence

from agent.history import History
from agent.mind import Message


class Minutes(History):
    """A `History` that says who said what. Set `speaker` before somebody's words are added."""

    speaker: str = ""

    def add_visitor(self, text: str) -> None:
        """Remember the speaker's words; they join what still waits for an answer."""
        super().add_visitor(self._named(text))

    def foresee(self, text: str) -> Sequence[Message]:
        """Return what the mind will be asked if the speaker says this."""
        return super().foresee(self._named(text))

    def _named(self, text: str) -> str:
        return f"{self.speaker}: {text}" if self.speaker else text
