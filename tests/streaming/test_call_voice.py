"""A call's voice on virtual time: placed by its stamps, played when it has come, bridged where it is lost."""

import numpy as np
import pytest

from streaming.calls.sound import PlacedSound
from streaming.calls.voice import CallVoice

RATE_HZ = 48_000
PIECE_S = 0.02
HZ = 200.0


def tone(at_s, seconds=PIECE_S, peak=8000):
    """A tone whose phase tells its time."""
    times = at_s + np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (peak * np.sin(2 * np.pi * HZ * times)).astype(np.int16)


class Line:
    """Sends a voice and motion over a line, and plays it, 40 ms a frame."""

    def __init__(
        self, *, way_s=0.05, jitter_s=0.0, loss=0.0, motion_way_s=None, lag_s=0.0, clock_s=1000.0, seed=0
    ):
        self.voice = CallVoice()
        self.voice.note_lag(lag_s)
        self._random = np.random.default_rng(seed)
        self._clock_s = clock_s
        self._events = []
        for number in range(1000):
            late = way_s + PIECE_S + jitter_s * self._random.random()
            if self._random.random() >= loss:
                self._events.append((number * PIECE_S + late, "voice", number * PIECE_S))
        if motion_way_s is not None:
            for packet in range(120):
                last = 4 * packet + 3
                self._events.append((last * 0.04 + motion_way_s, "motion", last))
        self._events.sort()

    def play(self, begin_s, frames):
        """Return what is heard, frame by frame, from `begin_s` on."""
        heard = []
        for frame in range(frames):
            now_s = begin_s + 0.04 * frame
            while self._events and self._events[0][0] <= now_s:
                at_s, kind, what = self._events.pop(0)
                if kind == "voice":
                    self.voice.push(tone(what), RATE_HZ, what, self._clock_s + at_s)
                else:
                    self.voice.note_motion(what - 3, what, self._clock_s + at_s)
            heard.append(self.voice.take(self._clock_s + now_s))
        return heard


def test_a_steady_voice_is_played_whole_and_in_order():
    line = Line(jitter_s=0.03)
    heard = np.concatenate([h.pcm for h in line.play(0.2, 200)])
    loud = heard[24_000:].astype(float)
    times = np.arange(len(loud)) / 24_000
    spectrum = np.abs(np.fft.rfft(loud * np.hanning(len(loud))))
    peak = np.fft.rfftfreq(len(loud), 1 / 24_000)[spectrum.argmax()]
    assert peak == pytest.approx(HZ, abs=0.5)
    off = np.abs(np.exp(-2j * np.pi * HZ * times) @ loud) / len(loud)
    assert off > 0.48 * 8000, "no jump of its phase, so nothing was lost or put in"
    assert line.voice.stats()["voice_lost_ms"] < 50


def test_the_delay_follows_the_line():
    assert Line(jitter_s=0.0).play(0.2, 100)
    calm, wild = Line(jitter_s=0.01), Line(jitter_s=0.2)
    calm.play(0.2, 150)
    wild.play(0.2, 150)
    assert calm.voice.delay_ms < 90 < 200 < wild.voice.delay_ms < 290


def test_motion_is_waited_for_and_its_clock_is_found():
    """Voice and motion come by different ways; what was said and done together is played together."""
    line = Line(way_s=0.05, motion_way_s=0.05 + PIECE_S)
    heard = line.play(1.0, 200)
    assert line.voice.delay_ms >= 120, "the first of a packet's frames is 120 ms late"
    last = heard[-1]
    voice_s = line.voice._head_s - 0.04
    assert last.at_s == pytest.approx(voice_s, abs=0.041)
    steps = np.diff([h.at_s for h in heard[25:]])
    assert np.allclose(steps, 0.04, atol=0.021), "the motion's clock does not jump"


def test_what_leaves_late_is_played_with_what_was_said_then():
    """Motion that is looked at for 150 ms comes later; told of it, the voice waits, and both agree."""
    way_s = 0.05 + PIECE_S + 0.15
    told, untold = (Line(motion_way_s=way_s, lag_s=lag_s) for lag_s in (0.15, 0.0))
    for line, apart_s in ((told, 0.0), (untold, 0.15)):
        last = line.play(1.0, 200)[-1]
        voice_s = line.voice._head_s - 0.04
        assert voice_s - last.at_s == pytest.approx(apart_s, abs=0.041)
    assert told.voice.delay_ms >= 270
    told.voice.note_lag(60.0)
    assert told.voice.stats()["motion_lag_ms"] == 400, "no more than a sender can be believed"


def test_a_sender_that_knows_both_clocks_is_believed():
    """The motion's way is 220 ms longer than the voice's; the tie says it all, and nothing of a lag."""
    line = Line(way_s=0.05, motion_way_s=0.27)
    line.voice.note_tie(0.5)
    last = line.play(1.0, 200)[-1]
    assert last.at_s == pytest.approx(line.voice._head_s - 0.04 - 0.5)
    assert line.voice.stats()["motion_lag_ms"] == 0, "by this tie motion comes sooner than the voice"
    line.voice.note_tie(0.0)
    assert line.voice.stats()["motion_lag_ms"] == pytest.approx(220)


def test_a_voice_is_told_the_time_of_the_motion():
    voice = CallVoice()
    assert voice.on_motion_clock_s(7.0) == 7.0, "nothing is known yet"
    for number in range(200):
        voice.push(tone(7 + 0.02 * number), RATE_HZ, 7 + 0.02 * number, 0.02 * number + 0.07)
        voice.note_motion(number // 2, number // 2, 0.04 * (number // 2) + 0.05)
    assert voice.on_motion_clock_s(8.0) == pytest.approx(1.0, abs=0.041)
    assert voice.on_motion_clock_s(6.0) == 0.0


def test_what_a_broker_hands_on_after_an_outage_makes_nobody_wait():
    line = Line(jitter_s=0.01)
    line._events = sorted((max(at_s, 6.0) if 4 < at_s < 6 else at_s, *what) for at_s, *what in line._events)
    line.play(0.2, 145)
    before_ms = line.voice.delay_ms
    line.play(6.04, 50)
    assert line.voice.delay_ms < before_ms + 50


def test_a_bad_beginning_is_forgotten():
    """Motion came late while a page loaded; ten seconds later nobody waits for it any more."""
    line = Line(motion_way_s=0.07)
    line._events = sorted(
        (at_s + (0.3 if kind == "motion" and at_s < 3 else 0.0), kind, what)
        for at_s, kind, what in line._events
    )
    line.play(1.0, 100)
    assert line.voice.delay_ms > 400
    line.play(5.0, 350)
    assert line.voice.delay_ms < 250, "and it falls on"


def test_lost_packets_are_bridged_and_then_silent():
    line = Line(loss=0.3)
    heard = line.play(0.2, 200)
    assert line.voice.stats()["voice_lost_ms"] > 1000
    loud = [float(np.sqrt(np.mean(h.pcm.astype(float) ** 2))) for h in heard[20:]]
    assert np.mean(np.array(loud) > 2000) > 0.9, "a lost packet is no hole"
    sound = PlacedSound()
    sound.put(tone(0.0, 0.2), RATE_HZ, 0.0)
    frames = [np.abs(sound.take(0.04 * i, bridges=True)).max() for i in range(8)]
    assert frames[4] > 7000 > frames[6] > 0
    assert frames[7] == 0


def test_a_way_that_becomes_much_longer_is_followed():
    line = Line()
    line._events = [(at_s + (2.0 if what > 3.0 else 0.0), kind, what) for at_s, kind, what in line._events]
    heard = line.play(0.2, 250)
    loud = [float(np.abs(h.pcm).max()) > 4000 for h in heard]
    assert np.mean(loud[:60]) > 0.9
    assert not any(loud[85:110])
    assert np.mean(loud[150:]) > 0.95, "what comes two seconds later is heard all the same"


def test_a_voice_that_ends_is_told_and_time_goes_on():
    line = Line(motion_way_s=0.07)
    line._events = [event for event in line._events if event[1] == "motion" or event[2] < 3.0]
    heard = line.play(0.5, 150)
    assert heard[25].arrives
    assert not heard[-1].arrives
    assert np.abs(heard[-1].pcm).max() == 0
    assert heard[-1].at_s - heard[-26].at_s == pytest.approx(1.0, abs=0.05)


def test_without_any_voice_the_motion_has_a_clock():
    line = Line(motion_way_s=0.05)
    line._events = [event for event in line._events if event[1] == "motion"]
    heard = line.play(1.0, 100)
    behind_s = (1.0 + 0.04 * 99) - heard[-1].at_s
    assert 0.15 < behind_s < 0.25
    assert not heard[-1].arrives


def test_sound_ahead_is_given_to_the_motion():
    line = Line(jitter_s=0.15)
    heard = line.play(0.5, 100)
    assert max(len(h.ahead) for h in heard) >= 640
    assert all(len(h.speech) == 640 for h in heard)


def test_late_sound_is_counted_and_a_bad_rate_refused():
    sound = PlacedSound()
    sound.take(1.0, bridges=False)
    sound.put(tone(0.9), RATE_HZ, 0.9)
    assert sound.late_ms == pytest.approx(20, abs=3)
    with pytest.raises(ValueError, match="positive"):
        sound.put(tone(0.0), 0, 0.0)
