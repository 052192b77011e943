"""`CalledMotion`: tracked, made from the voice, still; and clocks that jump."""

import numpy as np

from models.motion.frame import EXPRESSION_INDEX, MotionFrame
from models.motion.stage import SAMPLES_PER_FRAME, Presence, SpeechChunk, StillMotion
from streaming.motion.called import STILL_FRAMES, CalledMotion, How
from streaming.motion.config import MotionConfig
from streaming.motion.encoder import MotionEncoder

JAW = EXPRESSION_INDEX["jawOpen"]


def packets(opening, first, ticks):
    """Return packets of a jaw that stands and a brow that moves, so that nothing is held."""
    encoder = MotionEncoder(MotionConfig())
    state, made = encoder.init_state(first), []
    for tick in range(ticks):
        frame = MotionFrame.rest()
        frame.expression[JAW] = opening
        frame.expression[2] = 0.5 + 0.4 * np.sin(tick)
        new, state = encoder.step(frame.vector()[None], state)
        made += new
    return made


def chunk(tick, loud=0.0, presence=None):
    presence = presence or (Presence.SPEAKING if loud else Presence.LISTENING)
    pcm = np.full(SAMPLES_PER_FRAME, loud, np.float32)
    return SpeechChunk(pcm, presence, segment=1, segment_s=tick / 25)


def play(stage, state, chunks):
    jaws, hows = [], []
    for one in chunks:
        (frame,), state = stage.step(one, state)
        jaws.append(float(frame.expression[JAW]))
        hows.append(stage.how)
    return jaws, hows, state


def test_it_degrades_in_order_and_comes_back():
    stage = CalledMotion(StillMotion())
    for packet in packets(0.5, 0, 40):
        stage.push(packet)
    state = stage.init_state(0)
    jaws, hows, state = play(stage, state, [chunk(tick) for tick in range(40)])
    assert hows[3:] == [How.TRACKED] * 37
    assert np.allclose(jaws[8:], 0.5, atol=0.03)
    jaws, hows, state = play(stage, state, [chunk(tick, loud=0.2) for tick in range(40, 80)])
    assert (hows[0], hows[-1]) == (How.TRACKED, How.VOICE)
    assert jaws[-1] > 0.7, "as loud as the voice"
    silence = [chunk(tick, presence=Presence.IDLE) for tick in range(80, 80 + STILL_FRAMES + 20)]
    jaws, hows, state = play(stage, state, silence)
    assert hows[STILL_FRAMES - 1] == How.VOICE
    assert hows[-1] == How.STILL
    assert len(set(jaws[-15:])) == 1
    for packet in packets(0.5, 150, 20):
        stage.push(packet)
    jaws, hows, _ = play(stage, state, [chunk(tick) for tick in range(150, 170)])
    assert hows[-1] == How.TRACKED


class Asked(StillMotion):
    """Counts what it is asked for."""

    times = 0

    def step(self, chunk, state):
        self.times += 1
        return super().step(chunk, state)


def test_of_whom_nobody_sees_nothing_is_made():
    asked = Asked()
    stage = CalledMotion(asked)
    stage.is_seen = False
    jaws, hows, state = play(stage, stage.init_state(0), [chunk(tick, loud=0.2) for tick in range(20)])
    assert (asked.times, set(jaws), hows[-1]) == (0, {0.0}, How.VOICE)
    stage.is_seen = True
    jaws, _, _ = play(stage, state, [chunk(tick, loud=0.2) for tick in range(20, 40)])
    assert asked.times == 20
    assert jaws[-1] > 0.7, "as loud as the voice"


def test_a_clock_that_is_found_late_is_followed_back():
    """Before any motion came the clock was the voice's; then it turns out to be three seconds earlier."""
    stage = CalledMotion(StillMotion())
    _, _, state = play(stage, stage.init_state(0), [chunk(tick, loud=0.1) for tick in range(80, 90)])
    for packet in packets(0.4, 10, 20):
        stage.push(packet)
    _, hows, _ = play(stage, state, [chunk(tick) for tick in range(10, 30)])
    assert hows[3:18] == [How.TRACKED] * 15


def test_who_joins_after_half_an_hour_sees_at_once():
    stage, first = CalledMotion(StillMotion()), 45_000
    state = stage.init_state(0)
    for packet in packets(0.4, first, 20):
        stage.push(packet)
    _, hows, _ = play(stage, state, [chunk(first + tick) for tick in range(20)])
    assert hows[3:18] == [How.TRACKED] * 15


def test_garbage_is_counted():
    stage = CalledMotion(StillMotion())
    for packet in (b"", b"\xff" * 9, b"\x10"):
        stage.push(packet)
    play(stage, stage.init_state(0), [chunk(0)])
    assert stage.stats()["motion_refused_packets"] == 3
