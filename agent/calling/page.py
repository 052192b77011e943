"""A call over a broker on the page of a room: who is there takes part in a call of this room."""

import asyncio
from collections.abc import Callable

import numpy as np
from jaxtyping import Int16

from agent.calling.join import bridge, portrait_of
from agent.calling.line import open_end
from agent.config import Config
from agent.host import ConversationHost
from agent.serve import serve
from streaming.calls.caller import Caller, VoiceTap
from streaming.calls.end import CallEnd
from streaming.room import Room

PAGE_CALL = "line"
"""Name of the call in the room's links."""


def serve_call(config: Config, via: str, name: str, ready: Callable[[str], None]) -> None:
    """Open a room in which one call is bridged to `via`, and keep it until SIGINT or SIGTERM.

    Raises as `agent.serve.serve` and `open_end` do.
    """

    async def beside(room: Room, host: ConversationHost) -> None:
        end = await open_end(via, name=name)
        try:
            await _bridged(end, room, host)
        finally:
            await end.aclose()

    serve(config, lambda link: ready(_call_link(link)), beside=beside)


async def _bridged(end: CallEnd, room: Room, host: ConversationHost) -> None:
    """Let the other in as soon as they have a card, and hand what the page's visitor does back to them."""
    card = await end.meet()
    avatar = await portrait_of(card, host.portraits, lambda stage, fraction: None)
    async with room.calls.bridged(PAGE_CALL, avatar, card.name) as caller:
        giving = asyncio.create_task(_give_back(end, room), name="call back")
        try:
            await bridge(end, caller)
        finally:
            giving.cancel()
            await asyncio.wait([giving])


async def _give_back(end: CallEnd, room: Room) -> None:
    """Send motion and voice of the first visitor of the call to the other side."""
    while True:
        call = room.calls.get(PAGE_CALL)
        visitors = [caller for caller in call.people if not caller.is_bridged] if call else []
        for caller in visitors[:1]:
            if end.send_motion not in caller.motion_taps:
                caller.motion_taps.append(end.send_motion)
                caller.voice_taps.append(_tied(end, caller))
        await asyncio.sleep(0.2)


def _tied(end: CallEnd, caller: Caller) -> VoiceTap:
    """Return what sends a voice with the motion's times: a broker's call has one clock, a page has two."""

    def tap(pcm: Int16[np.ndarray, "samples"], rate_hz: int, at_s: float) -> None:
        end.send_voice(pcm, rate_hz, caller.voice.on_motion_clock_s(at_s))

    return tap


def _call_link(link: str) -> str:
    address, hash_, token = link.partition("#")
    return f"{address}?call={PAGE_CALL}{hash_}{token}"
