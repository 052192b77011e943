"""Hours in one stream, in short: blocks are cut where they should be, and a drift shows."""

import json

import numpy as np

from models.motion.frame import EXPRESSION_INDEX
from models.motion.stage import SAMPLES_PER_FRAME, Presence, StillMotion
from tests.motion.voices import buzz, sentence
from training.evaluation.endurance import converse, endure

ANSWER = buzz(sentence())


class Widening:
    """A fault to be found: the mouth opens a little further with every frame."""

    def init_state(self, seed):
        return 0

    def step(self, chunk, state):
        frames, after = StillMotion().step(chunk, state)
        for frame in frames:
            frame.expression[EXPRESSION_INDEX["jawOpen"]] += 1e-4 * state
        return frames, after


def test_blocks_cover_every_frame_once():
    blocks = list(endure(StillMotion(), [ANSWER], 950, 300))
    assert [(block.first_frame, block.frames) for block in blocks] == [
        (0, 300), (300, 300), (600, 300), (900, 50),
    ]  # fmt: skip
    assert all(block.finite for block in blocks)
    assert blocks[0].speaking_opening > 0.1
    assert blocks[0].quiet_opening == 0.0
    assert json.loads(blocks[0].as_json())["frames"] == 300


def test_a_drift_shows():
    steady = [block.quiet_opening for block in endure(StillMotion(), [ANSWER], 900, 300)]
    drifting = [block.quiet_opening for block in endure(Widening(), [ANSWER], 900, 300)]
    assert np.ptp(steady) == 0.0
    assert drifting[2] > drifting[1] > drifting[0] > 0.0


def test_the_conversation_waits_listens_and_speaks():
    other = 0.5 * ANSWER
    chunks, frames = [], 0
    for chunk in converse([ANSWER, other]):
        chunks.append(chunk)
        frames += chunk.frames
        if frames > 600:
            break
    assert {chunk.presence for chunk in chunks} == {Presence.IDLE, Presence.LISTENING, Presence.SPEAKING}
    said = np.concatenate([chunk.pcm for chunk in chunks if chunk.segment == 1])
    np.testing.assert_array_equal(said, other)
    first = next(chunk for chunk in chunks if chunk.segment == 1)
    assert len(first.ahead) == 5 * SAMPLES_PER_FRAME
