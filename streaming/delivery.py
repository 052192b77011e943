"""One utterance on its way into a session: as fast as it is made, as far ahead as there is room."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from engine.packets import SegmentFinished
from engine.session import Session
from engine.speech import SegmentEvent
from models.motion.stage import Phone
from streaming.contract import SpeechPiece

BLOCK_S: Final = 1.0
"""Longer pieces, such as a whole recording, are handed over in blocks of this length."""
LOOK_AGAIN_S: Final = 0.2
"""How often a full session is asked for room."""


async def deliver(session: Session, pieces: AsyncGenerator[SpeechPiece, None]) -> SegmentFinished | None:
    """Say `pieces` as one utterance; returns how it ended, None when there was no sound.

    No other utterance may be open, nor be opened meanwhile. A `Session.clear` ends it, and what was not yet
    made is given up. Cancelled, or when `pieces` raises, the session falls silent.
    """
    finished: asyncio.Future[SegmentFinished] = asyncio.get_running_loop().create_future()

    def note(event: SegmentEvent) -> None:
        if isinstance(event, SegmentFinished) and not finished.done():
            finished.set_result(event)

    unsubscribe = session.subscribe(note)
    pushed_s = 0.0
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                for block in blocks(piece):
                    await _room_for(block, session)
                    if finished.done():
                        return finished.result()
                    phones = shifted(block, pushed_s)
                    session.push_audio(block.pcm, block.sample_rate_hz, phones)
                    pushed_s += block.duration_s
        if not pushed_s:
            return None
        if not finished.done():
            session.end_segment()
        return await finished
    except BaseException:
        if pushed_s and not finished.done():
            session.clear()
        raise
    finally:
        unsubscribe()


def blocks(piece: SpeechPiece) -> list[SpeechPiece]:
    """Cut a piece into blocks of at most `BLOCK_S`; all its phones go with the first."""
    step = round(BLOCK_S * piece.sample_rate_hz)
    starts = range(0, len(piece.pcm), step)
    return [
        SpeechPiece(piece.pcm[s : s + step], piece.sample_rate_hz, piece.phones if s == 0 else None)
        for s in starts
    ]


def shifted(piece: SpeechPiece, by_s: float) -> list[Phone] | None:
    """Return the piece's phones in utterance time."""
    if piece.phones is None:
        return None
    return [replace(p, start_s=by_s + p.start_s, end_s=by_s + p.end_s) for p in piece.phones]


async def _room_for(block: SpeechPiece, session: Session) -> None:
    while block.duration_s > session.room_s():  # noqa: ASYNC110  (a session tells nobody that it has room)
        await asyncio.sleep(LOOK_AGAIN_S)
