import numpy as np
import pytest
import soundfile

from agent.asr import ScriptedAsr
from agent.render import RenderError, read_recording, recognise_phones, speak
from agent.voice import ToneVoice


async def test_a_text_becomes_one_utterance_whose_phones_tile_it():
    speech = await speak(ToneVoice(), "One two. Three **four**!")
    assert speech.phones[0].start_s == 0
    assert all(
        a.end_s == pytest.approx(b.start_s) for a, b in zip(speech.phones, speech.phones[1:], strict=False)
    )
    assert speech.phones[-1].end_s == pytest.approx(speech.length_s)


async def test_nothing_to_say():
    with pytest.raises(RenderError, match="nothing to say"):
        await speak(ToneVoice(), " \n 🙂 ")


def test_a_stereo_recording_becomes_mono(tmp_path):
    file = tmp_path / "a.wav"
    soundfile.write(file, np.stack([np.full(100, 0.5), np.zeros(100)], axis=1), 8000)
    pcm, rate_hz = read_recording(file)
    assert (rate_hz, pcm.dtype, len(pcm)) == (8000, np.int16, 100)
    np.testing.assert_allclose(pcm, 0.25 * 32767, atol=2)


@pytest.mark.parametrize("content", [b"", b"no sound at all"])
def test_what_is_no_recording_is_refused(tmp_path, content):
    file = tmp_path / "a.wav"
    file.write_bytes(content)
    with pytest.raises(RenderError, match=r"a\.wav"):
        read_recording(file)


async def test_silence_has_no_phones():
    assert await recognise_phones(ScriptedAsr(), np.zeros(16000, np.float32)) is None
