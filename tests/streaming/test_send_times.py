from streaming.contract import Latency
from streaming.send_times import SendTimes


class Clock:
    def __init__(self):
        self.now_s, self.told = 10.0, []
        self.times = SendTimes(lambda: self.now_s, self.told.append)


def test_whichever_comes_first_the_stage_is_the_same():
    for latency_first in (True, False):
        clock = Clock()
        latency = Latency(3, {"vad_end": 480.0, "audible": 700.0})
        clock.times.handed(0, 0)
        clock.times.handed(1, 960)
        if latency_first:
            clock.times.note(latency)
        clock.times.sent(480)
        clock.now_s += 0.02
        clock.times.sent(960)
        if not latency_first:
            clock.times.note(latency)
        assert clock.told == [Latency(3, {"vad_end": 480.0, "audible": 700.0, "webrtc_first": 720.0})]


def test_each_answer_is_told_once_and_half_known_turns_never():
    clock = Clock()
    clock.times.note(Latency(1, {"vad_end": 480.0}))
    clock.times.handed(1, 0)
    clock.times.sent(0)
    assert clock.told == []
    clock.times.note(Latency(1, {"audible": 500.0}))
    clock.times.handed(1, 960)
    clock.times.sent(960)
    clock.times.note(Latency(2, {"audible": 600.0}))
    assert len(clock.told) == 1
    clock.times.handed(2, 5000)
    clock.now_s += 0.05
    clock.times.sent(5200)
    assert clock.told[1] == Latency(2, {"audible": 600.0, "webrtc_first": 650.0})


def test_a_stage_that_comes_later_forgets_nothing():
    clock = Clock()
    clock.times.handed(1, 0)
    clock.times.sent(0)
    clock.times.note(Latency(1, {"audible": 500.0}))
    clock.times.note(Latency(1, {"audible": 500.0, "video_first": 580.0}))
    assert clock.told[-1].stages_ms == {"audible": 500.0, "video_first": 580.0, "webrtc_first": 500.0}
