"""One utterance on its way into a session: as fast as it is made, as far ahead as there is room."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from engine.packets import SegmentFinished
from engine.session import Session
from engine.speech import SegmentEvent
from models.motion.cue import Cue
from streaming.contract import SpeechPiece

BLOCK_S: Final = 1.0
"""Longer pieces, such as a whole recording, are handed over in blocks of this length."""
END_LEAD_S: Final = 0.12
"""A gesture after the last word begins so much before the sound ends, while there are frames to begin in."""
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
                if not len(piece.pcm):
                    for cue in piece.cues:
                        session.push_cue(Cue(cue.gesture, max(0.0, pushed_s - END_LEAD_S)))
                for block in blocks(piece):
                    await _room_for(block, session)
                    if finished.done():
                        return finished.result()
                    push(session, block, pushed_s)
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
    """Cut a piece into blocks of at most `BLOCK_S`; all its phones and gestures go with the first."""
    step = round(BLOCK_S * piece.sample_rate_hz)
    first, *rest = range(0, max(1, len(piece.pcm)), step)
    later = [SpeechPiece(piece.pcm[s : s + step], piece.sample_rate_hz) for s in rest]
    return [replace(piece, pcm=piece.pcm[first : first + step]), *later] if len(piece.pcm) else []


def push(session: Session, piece: SpeechPiece, at_s: float) -> None:
    """Push a piece that begins `at_s` seconds into its utterance."""
    phones = piece.phones and [
        replace(p, start_s=at_s + p.start_s, end_s=at_s + p.end_s) for p in piece.phones
    ]
    cues = [replace(cue, at_s=at_s + cue.at_s) for cue in piece.cues]
    session.push_audio(piece.pcm, piece.sample_rate_hz, phones, cues)


async def _room_for(block: SpeechPiece, session: Session) -> None:
    while block.duration_s > session.room_s():  # noqa: ASYNC110  (a session tells nobody that it has room)
        await asyncio.sleep(LOOK_AGAIN_S)
