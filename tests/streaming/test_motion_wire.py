"""What is counted on the wire is what real peers send."""

import asyncio

from aiortc import RTCPeerConnection

from streaming.motion.config import MotionConfig
from streaming.motion.wire import DATA_CHANNEL, IPV4, UDP


async def joined():
    """Return two peers, and the open data channel of the first: unordered, nothing sent twice."""
    here, there = RTCPeerConnection(), RTCPeerConnection()
    channel, opened = here.createDataChannel("motion", ordered=False, maxRetransmits=0), asyncio.Event()
    channel.on("open", lambda: opened.set())
    await here.setLocalDescription(await here.createOffer())
    await there.setRemoteDescription(here.localDescription)
    await there.setLocalDescription(await there.createAnswer())
    await here.setRemoteDescription(there.localDescription)
    await asyncio.wait_for(opened.wait(), 30)
    # The channel's own messages are through after this.
    await asyncio.sleep(1)
    return here, there, channel


def sent(peer):
    """Return datagrams and their bytes; aiortc has no public way to a transport without media."""
    (stats,) = peer.sctp.transport._get_stats().values()
    return stats.packetsSent, stats.bytesSent


async def test_a_data_channel_weighs_what_is_counted():
    here, there, channel = await joined()
    for size in (40, 45, 46, 48):
        before = sent(here)
        for _ in range(5):
            channel.send(bytes(size))
            await asyncio.sleep(0.05)
        packets, count = (after - then for after, then in zip(sent(here), before, strict=True))
        assert packets == 5
        assert count + 5 * (IPV4 + UDP) == 5 * DATA_CHANNEL.weigh(size)
    await here.close()
    await there.close()


def test_the_default_settings_count_a_data_channel():
    assert abs(MotionConfig().overhead_bytes - DATA_CHANNEL.overhead_bytes) <= 2
