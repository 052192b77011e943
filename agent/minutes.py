"""A history of several visitors: each contribution begins with its speaker's name."""

from agent.history import History


class Minutes(History):
    """A `History` that says who said what. Set `speaker` before somebody's words are added."""

    speaker: str = ""

    def add_visitor(self, text: str) -> None:
        """Remember the speaker's words; they join what still waits for an answer."""
        super().add_visitor(f"{self.speaker}: {text}" if self.speaker else text)
