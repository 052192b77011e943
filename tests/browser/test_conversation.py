"""A whole conversation, nothing faked but the mind: real server, models, WebRTC and Chromium.

The conversation is held once; each test looks at another side of it. Run with `-s` to see the figures.
"""

import dataclasses
import json
import re

import numpy as np
import pytest

from benchmarks.lips import lips_lag
from tests.browser import meeting
from tests.browser.perception import likeness, opening_in, stir, transcribe

pytestmark = pytest.mark.browser

MOUTH, BROW, WHOLE = range(3)
INTERRUPTED = 2
"""Number of the answer that is cut off."""
LATE_MS = 70
"""Lips may be so late or early on a busy machine: a browser leaves 30 ms as they are, and a picture is 40."""


@pytest.fixture(scope="module")
def evidence(chromium, tmp_path_factory):
    return meeting.meet(chromium, tmp_path_factory.mktemp("conversation"))


@pytest.fixture(scope="module")
def lag(evidence):
    """By how much the lips of the answers that were not interrupted are late."""
    answers = [answer for number, answer in enumerate(evidence.answers()) if number != INTERRUPTED]
    shown = [np.sum((evidence.frame_ms > a.begin_ms) & (evidence.frame_ms < a.end_ms)) for a in answers]
    if sum(shown) < 10 * sum(answer.end_ms - answer.begin_ms for answer in answers) / 1000:
        pytest.skip("this machine was too busy to show ten pictures a second")
    openings = [opening_in(a.text, evidence.sound, a.begin_ms, a.end_ms) for a in answers]
    return lips_lag(evidence.patches[:, :, MOUTH], evidence.frame_ms / 1000, openings)


def test_nothing_complains(evidence):
    assert evidence.problems == []
    assert not re.search(r"error|warning|traceback", evidence.server_log, re.IGNORECASE), evidence.server_log
    assert all(row["sound_dropped_ms"] == 0 for row in evidence.room), "speech was thrown away"


def test_pictures_keep_moving(evidence):
    seconds = (evidence.frame_ms[-1] - evidence.frame_ms[0]) / 1000
    shown = evidence.frame_count[-1] - evidence.frame_count[0]
    moved = np.mean(stir(evidence.patches[:, :, WHOLE])[1:] > 0)
    _report(fps=shown / seconds, looked_at_fps=len(evidence.frame_ms) / seconds, moved_share=moved)
    assert shown / seconds > 5
    assert moved > 0.8


def test_spoken_words_are_understood_and_answered(evidence):
    heard = evidence.finals("visitor")[0].text
    assert likeness(heard, meeting.QUESTION) > 0.8
    assert likeness(evidence.answers()[0].text, f"You said: {heard}") > 0.95


def test_typed_words_are_answered(evidence):
    assert evidence.finals("visitor")[1].text == meeting.TYPED
    assert likeness(evidence.answers()[1].text, f"You said: {meeting.TYPED}") > 0.95
    assert len(evidence.answers()) == len(evidence.finals("visitor")) == 4


def test_what_is_heard_is_what_the_captions_say(evidence):
    answers, sound = evidence.answers(), evidence.sound
    stretches = [sound.between(answer.begin_ms, answer.end_ms) for answer in answers]
    written = transcribe(stretches, sound.rate_hz)
    alike = [likeness(text, answer.text) for text, answer in zip(written, answers, strict=True)]
    _report(written=written, alike=alike)
    whole = [share for number, share in enumerate(alike) if number != INTERRUPTED]
    assert min(whole) >= 0.8
    assert alike[INTERRUPTED] >= 0.6, "the interrupted answer: its last word may be cut"


def test_the_mouth_moves_while_there_is_sound(evidence):
    stirring = {part: stir(evidence.patches[:, :, part]) for part in (MOUTH, BROW)}
    loud, silent = _while_loud_and_silent(evidence)
    speaking, resting = np.median(stirring[MOUTH][loud]), np.median(stirring[MOUTH][silent])
    head = np.median(stirring[BROW][loud])
    _report(
        mouth_speaking=speaking, mouth_resting=resting, brow_speaking=head, looks=[sum(loud), sum(silent)]
    )
    assert min(sum(loud), sum(silent)) > 20, "enough pictures of both"
    assert speaking > 2 * resting
    assert speaking > 1.5 * head, "the mouth itself, and not only the head"


def test_lips_belong_to_their_sound_from_the_beginning(evidence, lag):
    received = evidence.inbound["audio"]
    waited_ms = 1000 * received["jitterBufferDelay"] / received["jitterBufferEmittedCount"]
    bridged_ms = 1000 * received["concealedSamples"] / evidence.sound.rate_hz
    _report(**dataclasses.asdict(lag), sound_waited_ms=waited_ms, sound_bridged_ms=bridged_ms)
    assert lag.agreement > 0.4, "the mouth says these words"
    assert abs(lag.all_ms) <= LATE_MS
    early_ms, late_ms = lag.begin_between_ms
    assert early_ms <= LATE_MS, "where answers begin, the pictures rule out that lips are in time"
    assert late_ms >= -LATE_MS, "where answers begin, the pictures rule out that lips are in time"


def test_it_falls_silent_when_interrupted(evidence):
    sent_ms = evidence.sent_ms[INTERRUPTED]
    silent_ms = evidence.sound.silent_from_ms(sent_ms, for_ms=120) - sent_ms
    interrupted = evidence.answers()[INTERRUPTED].text
    _report(silent_after_ms=silent_ms, interrupted=interrupted)
    assert evidence.sound.between(sent_ms - 300, sent_ms).std() > 0.01, "it was speaking"
    assert silent_ms < 800
    assert f"You said: {meeting.LONG}".startswith(interrupted)
    assert len(interrupted) < len(meeting.LONG)


def _while_loud_and_silent(evidence):
    """Say for each picture whether sound is heard all around it, and whether none is."""
    loud = evidence.sound.loud.astype(float)
    smooth = np.convolve(loud, np.ones(61) / 61, "same")  # 0.3 s to either side
    step = np.round((evidence.frame_ms - evidence.sound.begin_ms) / 10).astype(int)
    known = (step >= 30) & (step < len(smooth) - 30)
    share = smooth[np.clip(step, 0, len(smooth) - 1)]
    return known & (share > 0.6), known & (share == 0)


def _report(**figures):
    print(json.dumps(figures, default=lambda value: np.round(value, 3).tolist()))
