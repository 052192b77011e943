"""`visavis call send`: a camera or a video file is tracked, and motion and voice are sent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Final

from agent.calling.source import Moment
from models.tracking.retarget import Retarget, RetargetConfig, RetargetState, Trust
from models.tracking.tracker import Tracker
from streaming.calls.end import CallEnd
from streaming.motion.config import MotionConfig
from streaming.motion.sender import MotionSender, SenderState
from streaming.motion.wire import WITH_VOICE

RIDING: Final = {"packet_ticks": 2, "echoes": 2, "overhead_bytes": WITH_VOICE.overhead_bytes}
"""What changes of the settings where motion rides on the voice: short packets cost no headers there, and one
that is lost comes again sooner than its echoes."""

Report = Callable[["Sent"], None]


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent so far."""

    seconds: float = 0.0
    pictures: int = 0
    tracked: int = 0
    """Pictures in which a face was seen."""
    skipped: int = 0
    """Pictures that were not looked at, because the ones before took too long."""
    motion_bytes: int = 0
    packets: int = 0
    calibrated: float = 0.0


@dataclass(frozen=True, slots=True)
class _States:
    person: RetargetState
    sender: SenderState


async def send(
    moments: AsyncIterator[Moment],
    tracker: Tracker,
    end: CallEnd,
    *,
    retarget: RetargetConfig | None = None,
    motion: MotionConfig | None = None,
    report: Report = lambda sent: None,
) -> Sent:
    """Send until the moments end; returns what was sent.

    Tracking takes a thread; sound is sent meanwhile. A picture that comes while another is looked at is
    skipped.
    """
    stage, sent, motion = Retarget(retarget), Sent(), motion or MotionConfig()
    plain, riding = MotionSender(motion), MotionSender(motion.model_copy(update=RIDING))
    states = _States(stage.init_state(), plain.init_state())
    looking: asyncio.Task[None] | None = None

    async def look(moment: Moment) -> None:
        """Track one picture in a thread, and send the motion that is complete with it."""
        nonlocal states, sent
        picture = moment.picture
        face = None if picture is None else await asyncio.to_thread(tracker.see, picture, _ms(moment))
        pose, person = stage.step(face, states.person)
        seen = None if pose.trust is Trust.LOST else pose.motion.vector()
        coder = riding if end.voice_carries else plain
        packets, sender = coder.step(seen, moment.at_s, states.sender)
        states = _States(person, sender)
        for packet in packets:
            end.send_motion(packet)
        sent = replace(
            sent,
            tracked=sent.tracked + int(face is not None),
            packets=sent.packets + len(packets),
            motion_bytes=sent.motion_bytes + sum(map(len, packets)),
            calibrated=pose.calibrated,
        )

    async for moment in moments:
        sent = replace(sent, seconds=moment.at_s)
        if moment.pcm is not None:
            end.send_voice(moment.pcm, moment.rate_hz, moment.at_s)
        elif looking is not None and not looking.done():
            sent = replace(sent, pictures=sent.pictures + 1, skipped=sent.skipped + 1)
        else:
            sent = replace(sent, pictures=sent.pictures + 1)
            if looking is not None:
                looking.result()
            looking = asyncio.create_task(look(moment), name="tracking")
            report(sent)
    if looking is not None:
        await looking
    for packet in plain.flush(states.sender)[0]:
        end.send_motion(packet)
    return sent


def _ms(moment: Moment) -> int:
    return round(1000 * moment.at_s)
