import numpy as np
import pytest

from agent.asr import AsrConfig, AsrError, NoAsr, ScriptedAsr, WhisperAsr


@pytest.fixture(scope="module", params=["scripted", "whisper"])
def asr(request):
    return ScriptedAsr(delay_s=0) if request.param == "scripted" else WhisperAsr(AsrConfig())


class TestAsrContract:
    @pytest.mark.parametrize("seconds", [0.0, 0.1, 2.0])
    async def test_silence_is_the_empty_text(self, asr, seconds):
        assert (await asr.transcribe(np.zeros(round(16000 * seconds), np.float32))).text == ""


async def test_noise_is_no_thank_you():
    noise = np.random.default_rng(1).normal(0, 0.01, 32000).astype(np.float32)
    assert (await WhisperAsr(AsrConfig()).transcribe(noise)).text == ""


def test_no_such_model():
    with pytest.raises(AsrError, match=r"whisper_tiny_en.*large-v3"):
        WhisperAsr(AsrConfig(model="whisper_huge"))


async def test_a_machine_without_recogniser_says_so():
    with pytest.raises(AsrError, match="not installed"):
        await NoAsr("not installed").transcribe(np.ones(16000, np.float32))


@pytest.mark.parametrize("seconds", [1.0, 3.0])
async def test_a_hum_is_not_words(seconds):
    asr = WhisperAsr(AsrConfig())
    hum = (0.1 * np.sin(np.arange(round(16000 * seconds)) * 0.047)).astype(np.float32)
    assert (await asr.transcribe(hum)).text == ""
    await asr.aclose()
