import numpy as np
import pytest

from agent.piper_voice import PiperConfig, PiperVoice
from agent.voice import SilentVoice, ToneVoice, VoiceError, VoiceMissingError, spread_words

TEXT = "Hello there, it costs 25 dollars."


@pytest.fixture(scope="module", params=[ToneVoice, SilentVoice, lambda: PiperVoice(PiperConfig())])
def voice(request):
    return request.param()


async def pieces_of(voice, text=TEXT):
    return [piece async for piece in voice.speak(text)]


class TestVoiceContract:
    async def test_speaks_every_word_in_order(self, voice):
        words = [word.text for piece in await pieces_of(voice) for word in piece.words]
        assert words == TEXT.split()

    async def test_words_and_phones_lie_within_their_piece(self, voice):
        for piece in await pieces_of(voice):
            assert piece.pcm.dtype == np.int16
            edges = [edge for word in piece.words for edge in (word.start_s, word.end_s)]
            assert edges == sorted(edges)
            assert 0 <= edges[0] <= edges[-1] <= piece.duration_s + 1e-6
            assert piece.phones[0].start_s == 0
            assert piece.phones[-1].end_s == pytest.approx(piece.duration_s, abs=1e-6)

    async def test_pieces_share_one_rate(self, voice):
        assert len({piece.sample_rate_hz for piece in await pieces_of(voice)}) == 1


async def test_a_tone_voice_fails_where_it_is_told_to():
    with pytest.raises(VoiceError, match="costs"):
        await pieces_of(ToneVoice(fails_on="costs"))


def test_no_such_voice(tmp_path):
    with pytest.raises(VoiceMissingError, match=r"nobody\.onnx"):
        PiperVoice(PiperConfig(model=str(tmp_path / "nobody.onnx")))


def test_words_are_spread_by_their_letters():
    short, long = spread_words(["a", "bbbbbbb"], 1.0)
    assert (short.start_s, short.end_s, long.end_s) == (0.0, 0.2, 1.0)
    assert spread_words([], 1.0) == ()
