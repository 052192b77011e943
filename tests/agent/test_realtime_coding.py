"""Sound as the Realtime API codes it, by itself and in a conversation over the telephone's eight bits."""

import base64

import numpy as np
import pytest

from agent.asr import ScriptedAsr
from agent.mind import ScriptedMind
from agent.realtime.coding import CODINGS
from tests.agent.realtime import scripted
from tests.agent.test_realtime_turns import call

PCM, MU, A = (CODINGS[name] for name in ("audio/pcm", "audio/pcmu", "audio/pcma"))
ALL = np.arange(-32768, 32768).astype(np.int16)
EVERY_CODE = bytes(range(256))


@pytest.mark.parametrize(
    ("coding", "code", "sample"),
    [
        (MU, 0xFF, 0),
        (MU, 0x80, 32124),
        (MU, 0x00, -32124),
        (MU, 0xEF, 132),
        (A, 0xD5, 8),
        (A, 0x55, -8),
        (A, 0xAA, 32256),
    ],
)
def test_codes_stand_for_what_the_standard_says(coding, code, sample):
    """ITU-T G.711, tables 1 and 2, brought to 16 bits."""
    assert coding.decode(bytes([code])).tolist() == [sample]


@pytest.mark.parametrize("coding", [MU, A])
def test_what_is_sent_is_the_nearest_there_is(coding):
    levels = np.unique(coding.decode(EVERY_CODE)).astype(int)
    got = coding.decode(coding.encode(ALL)).astype(int)
    nearest = np.abs(levels[None] - ALL[::97, None]).min(1)
    np.testing.assert_array_equal(np.abs(got - ALL)[::97], nearest)


@pytest.mark.parametrize("coding", [PCM, MU, A])
def test_what_was_coded_stays_as_it_is(coding):
    pcm = coding.decode(coding.encode(ALL))
    np.testing.assert_array_equal(coding.decode(coding.encode(pcm)), pcm)
    assert pcm.dtype == np.int16


def test_half_a_sample_is_none():
    with pytest.raises(ValueError, match="multiple"):
        PCM.decode(b"abc")


@pytest.mark.virtual_time
@pytest.mark.parametrize("coding", [MU, A])
async def test_a_telephone_is_heard_and_answered_in_its_own_code(coding):
    asr = ScriptedAsr(["Good day."])
    told = {"type": coding.name}
    async with call(scripted(ScriptedMind([["Hello there."]]), asr)) as one:
        session = {"type": "realtime", "audio": {"input": {"format": told}, "output": {"format": told}}}
        await one.send(type="session.update", session=session)
        one.coding = coding
        await one.speak(0.6)
        await one.hush(4)
    (updated,) = [fields["session"] for _, kind, fields in one.told if kind == "session.updated"]
    assert [updated["audio"][way]["format"] for way in ("input", "output")] == [told, told]
    deltas = [fields["delta"] for _, kind, fields in one.told if kind == "response.output_audio.delta"]
    sound = coding.decode(b"".join(base64.b64decode(delta) for delta in deltas))
    spoken_s = sum(np.count_nonzero(pcm) for pcm in one.played) / 24_000
    assert len(sound) / coding.rate_hz == pytest.approx(spoken_s, rel=0.2)
    assert np.sqrt(np.mean(sound.astype(float) ** 2)) > 500
