"""A line into a call: sound leaves before its picture, and both keep one clock whoever is shown."""

import numpy as np
import pytest

from engine.packets import MEDIA_SAMPLES_PER_FRAME, AVPacket
from models.motion.stage import Presence
from models.picture import Tier
from streaming.calls.caller import Caller
from streaming.calls.line import CallLine
from streaming.calls.voice import CallVoice
from streaming.config import VideoBitrate
from streaming.contract import AvatarCard, Person, Wires

PICTURE = np.zeros((4, 4, 3), np.uint8)


class Ends:
    """Takes what a line sends."""

    def __init__(self):
        self.sounds, self.pictures = [], []

    def wires(self):
        return Wires(lambda packet: None, lambda pcm, pts, wait_s: self.sounds.append((pcm[0], pts)))


def person(name):
    return Caller(Person(name, name, name, "nobody"), AvatarCard(name, name, ""), CallVoice())


def say(caller, index, value):
    """Let a person's frame be heard, then seen."""
    pcm = np.full(MEDIA_SAMPLES_PER_FRAME, value, np.int16)
    for hearer in caller._hearers:
        hearer(pcm, index)
    packet = AVPacket(index, PICTURE, pcm, 1, Presence.SPEAKING, Tier.FULL, late=False)
    for watcher in caller._watchers:
        watcher(packet)


@pytest.fixture
async def line():
    async def leave(one):
        pass

    one = CallLine(person("me"), draws=True, limits=VideoBitrate(), on_leave=leave)
    one.ends = Ends()
    one.attach(one.ends.wires())
    one._forward = one.ends.pictures.append
    return one


async def test_sound_and_picture_of_a_frame_have_one_time_and_sound_leaves_once(line):
    ann = person("ann")
    line.follow(ann, [ann])
    for index in range(7, 10):
        say(ann, index, index)
    assert line.ends.sounds == [(7, 0), (8, 960), (9, 1920)]
    assert [(p.index, p.pts_samples, len(p.pcm)) for p in line.ends.pictures] == [
        (0, 0, 0),
        (1, 960, 0),
        (2, 1920, 0),
    ]


async def test_times_count_on_when_another_is_shown_and_when_a_drawing_begins_anew(line):
    ann, ben = person("ann"), person("ben")
    line.follow(ann, [ann, ben])
    say(ann, 50, 1)
    line.follow(ben, [ann, ben])
    say(ben, 1000, 2)
    say(ben, 0, 3)
    assert [pts for _, pts in line.ends.sounds] == [0, 960, 1920]
    assert [picture.index for picture in line.ends.pictures] == [0, 1, 2]


async def test_time_that_was_skipped_is_skipped_in_both(line):
    ann = person("ann")
    line.follow(ann, [ann])
    say(ann, 3, 1)
    say(ann, 13, 2)
    assert [pts for _, pts in line.ends.sounds] == [0, 9600]
    assert [picture.index for picture in line.ends.pictures] == [0, 10]


async def test_voices_of_those_who_are_not_shown_are_heard_too(line):
    ann, ben = person("ann"), person("ben")
    line.follow(ann, [ann, ben])
    for index in range(12):
        say(ben, index, 100)
        say(ann, index, 1000)
    assert line.ends.sounds[-1][0] == 1100
    assert len(line.ends.pictures) == 12
