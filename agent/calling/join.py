"""`visavis call join`: somebody's motion and voice are drawn here, into an mp4 file."""

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

from agent.config import Config
from agent.motion import open_motion
from agent.picture import picture_maker
from agent.pictures import Portraits
from engine.clock import LoopClock
from engine.compute import ThreadCompute
from engine.portrayal import Portrayal
from engine.recording import Recorded, Recording
from models.home import avatars_root
from models.mark import MarkedPicture
from models.motion.frame import FPS
from streaming.calls.caller import Caller
from streaming.calls.end import CallCard, CallEnd
from streaming.calls.voice import CallVoice
from streaming.contract import AvatarCard, Person
from streaming.motion.called import CalledMotion

Report = Callable[[str, float], None]


async def portrait_of(card: CallCard, portraits: Portraits, report: Report) -> str:
    """Return the avatar made of a card's portrait; made now when it is not there yet.

    Raises:
        AvatarRejectedError: the portrait cannot become one.
    """
    name = f"caller-{hashlib.sha256(card.portrait).hexdigest()[:12]}"
    if all(known.name != name for known in portraits.cards(name)):
        async for step in portraits.make(name, card.portrait):
            report(step.stage, step.fraction)
    return name


async def join_to_file(
    end: CallEnd, config: Config, out: Path, *, seconds: float, report: Report = lambda stage, fraction: None
) -> Recorded | None:
    """Draw the other until the call is over, or for so many seconds, and write it to the mp4 file `out`."""
    report("Waiting for somebody", 0.0)
    card = await end.meet()
    portraits = Portraits(avatars_root(), config.picture_size, picture_maker(config.picture))
    name = await portrait_of(card, portraits, report)
    picture = MarkedPicture(await portraits.picture(name))
    voice, motion = CallVoice(is_tied=end.is_tied), CalledMotion(open_motion(config.motion, 200))
    caller = Caller(
        Person(card.name, name, card.title, card.made_by), AvatarCard(name, card.title, ""), voice
    )
    async with aclosing(ThreadCompute()) as compute:
        portrayal = Portrayal(voice, motion, picture, clock=LoopClock(), compute=compute)
        recording = Recording(out, compute)
        recording.start()
        caller.motion_taps.append(motion.push)
        listening = [
            asyncio.create_task(_take_motion(end, caller), name="call motion"),
            asyncio.create_task(_take_voice(end, caller), name="call voice"),
        ]
        try:
            async with portrayal:
                async for packet in portrayal:
                    recording.take(packet)
                    report(f"Recording {card.name}", min(1.0, packet.index / FPS / seconds))
                    if all(task.done() for task in listening) or packet.index >= seconds * FPS:
                        break
        except BaseException:
            await recording.discard()
            raise
        finally:
            for task in listening:
                task.cancel()
            await asyncio.wait(listening)
        return await recording.finish()


async def _take_motion(end: CallEnd, caller: Caller) -> None:
    async for packet in end.motions():
        caller.push_motion(packet)


async def _take_voice(end: CallEnd, caller: Caller) -> None:
    async for piece in end.voices():
        caller.push_voice(piece.pcm, piece.rate_hz, piece.at_s)


async def bridge(end: CallEnd, caller: Caller) -> None:
    """Let who is at the other side of `end` be `caller` in a call of this room, until either is over."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_take_motion(end, caller))
        group.create_task(_take_voice(end, caller))
