"""What is done on suspicion that a turn is over: its words are recognised, and an answer is begun.

Nobody hears of it. When the visitor goes on, it is closed, and nothing has happened.
"""

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
from jaxtyping import Float32

from agent.asr import Asr
from agent.tasks import end
from agent.thought import Thought


class Suspicion:
    """One pause. Owns its tasks; make it inside a running loop.

    Args:
        asr: recognises.
        pcm: everything the visitor said before the pause, 16 kHz in -1..1.
        on_words: called with this and the words as soon as they are known; may set `thought`.
    """

    def __init__(
        self,
        asr: Asr,
        pcm: Float32[np.ndarray, "samples"],
        on_words: Callable[["Suspicion", str], Awaitable[None]],
    ) -> None:
        self.thought: Thought | None = None
        """The answer, where one was begun."""
        self.known_s: float | None = None
        """Loop time at which the words were known."""
        self._asr = asr
        self._on_words = on_words
        self._words: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._recognise(pcm), name="suspicion")

    async def words(self) -> str:
        """Return the words once they are known. Raises `AsrError`."""
        return await asyncio.shield(self._words)

    def take_thought(self) -> Thought | None:
        """Return the answer that was begun; it is the caller's to close."""
        thought, self.thought = self.thought, None
        return thought

    async def aclose(self) -> None:
        """Forget everything. Safe to call twice."""
        await end(self._task)
        self._words.cancel()
        if self.thought is not None:
            await self.thought.aclose()

    async def _recognise(self, pcm: Float32[np.ndarray, "samples"]) -> None:
        try:
            text = (await self._asr.transcribe(pcm)).text
        except Exception as error:
            self._words.set_exception(error)
            self._words.exception()  # heard here, so that a closed suspicion leaves no warning
            return
        self.known_s = asyncio.get_running_loop().time()
        self._words.set_result(text)
        await self._on_words(self, text)
