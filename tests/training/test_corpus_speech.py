"""The speech of the corpus: what is said, when each phone sounds, and how the sound is varied."""

from itertools import pairwise

import numpy as np
import pytest

from models.motion.stage import SPEECH_RATE_HZ, Phone
from training.corpus import augment, noises
from training.corpus.alignment import is_plausible, retimed
from training.corpus.collect import collect, open_sources
from training.corpus.kokoro_phones import phones_from_kokoro, pieces_of
from training.corpus.piper import PiperSource
from training.corpus.recordings import asterisk, found_in, librivox
from training.corpus.sentences import is_clean, sentences
from training.corpus.sound import finish, to_float
from training.corpus.utterance import utterances

SECOND = SPEECH_RATE_HZ
PHONES = (Phone("SIL", 0.0, 0.2), Phone("B", 0.2, 0.3), Phone("AA", 0.3, 0.7, 1), Phone("SIL", 0.7, 1.0))


def assert_tiles(phones, duration_s):
    assert phones[0].start_s == 0.0
    assert phones[-1].end_s == pytest.approx(duration_s, abs=1e-4)
    assert all(before.end_s == after.start_s for before, after in pairwise(phones))
    assert all(phone.end_s > phone.start_s for phone in phones)


def phones(said, pause_s=0.2, phone_s=0.1):
    """Phones of a line such as `SIL B AA1 SIL`, of even length."""
    timed, at_s = [], 0.0
    for symbol in said.split():
        end_s = at_s + (pause_s if symbol == "SIL" else phone_s)
        timed.append(Phone(symbol.rstrip("12"), at_s, end_s, int(symbol[-1]) if symbol[-1] in "12" else 0))
        at_s = end_s
    return tuple(timed)


def vowel(samples=SECOND):
    time_s = np.arange(samples) / SECOND
    return (0.3 * np.sin(2 * np.pi * 150 * time_s) * np.sin(np.pi * time_s)).astype(np.float32)


class Numbered:
    """Fake source: tone `number`; every third one is unusable."""

    name = "numbered"

    def __init__(self):
        self.made = []

    def __len__(self):
        return 6

    def make(self, number):
        self.made.append(number)
        return None if number % 3 == 2 else finish("fake", str(number), vowel(), SECOND, PHONES)


@pytest.fixture(scope="module")
def spoken():
    """Four utterances of Piper's."""
    pytest.importorskip("piper")
    source = PiperSource(seed=5, count=4)
    return [source.make(number) for number in range(len(source))]


def test_sentences_are_the_same_for_a_seed_and_differ_otherwise(tmp_path):
    texts = sentences(3, 200, fortunes=tmp_path)
    assert texts == sentences(3, 200, fortunes=tmp_path)
    assert texts != sentences(4, 200, fortunes=tmp_path)
    assert len(set(texts)) == 200


def test_no_slot_stays_open_and_every_sentence_ends(tmp_path):
    for text in sentences(0, 500, fortunes=tmp_path):
        assert text.isascii()
        assert "{" not in text
        assert text[-1] in ".!?"


def test_prose_is_taken_from_fortunes_without_authors_and_dialogue(tmp_path):
    prose = "A cloud does not know\nwhy it moves.\n\t\t-- Messiah"
    (tmp_path / "wisdom").write_text(f'{prose}\n%\n"Sir," he said, "I exist!"\n%\nNO WAY OUT HERE.\n')
    found = set(sentences(0, 40, tmp_path)) - set(sentences(0, 400, tmp_path / "nothing"))
    assert "A cloud does not know why it moves." in found
    assert not any("Sir" in text or "NO WAY" in text for text in found)


@pytest.mark.parametrize(
    "line", ["Too short.", "It has no end", "It is 20% off, they say.", "He left ... then."]
)
def test_what_cannot_be_read_aloud_is_not_clean(line):
    assert not is_clean(line)


def test_an_utterance_survives_the_disk(tmp_path):
    utterance = finish("somebody", "Bah.", vowel(), SECOND, PHONES)
    utterance.save(tmp_path / "a.npz")
    (read,) = utterances(tmp_path)
    assert (read.voice, read.text) == ("somebody", "Bah.")
    assert [(p.symbol, p.stress) for p in read.phones] == [(p.symbol, p.stress) for p in PHONES]
    assert [p.end_s for p in read.phones] == pytest.approx([p.end_s for p in PHONES])
    np.testing.assert_array_equal(read.pcm, utterance.pcm)


def test_another_rate_keeps_duration_level_and_phones():
    time_s = np.arange(22_050) / 22_050
    pcm = (0.5 * np.sin(2 * np.pi * 200 * time_s)).astype(np.float32)
    utterance = finish("somebody", "Ah.", pcm, 22_050, PHONES)
    assert len(utterance.pcm) == SECOND
    assert np.abs(to_float(utterance.pcm)).max() == pytest.approx(0.5, abs=0.02)
    assert_tiles(utterance.phones, 1.0)


def test_piper_tells_phones_that_tile_its_sound(spoken):
    for utterance in spoken:
        assert_tiles(utterance.phones, len(utterance.pcm) / SECOND)
        assert sum(phone.symbol != "SIL" for phone in utterance.phones) > 3


def test_closed_lips_of_piper_are_quieter_than_its_vowels(spoken):
    levels = {"lips": [], "vowels": []}
    for utterance in spoken:
        pcm = to_float(utterance.pcm)
        for phone in utterance.phones:
            kind = {"P": "lips", "B": "lips"}.get(phone.symbol) or ("vowels" if phone.stress == 1 else None)
            if kind:
                middle = pcm[int(phone.start_s * SECOND) : int(phone.end_s * SECOND)]
                levels[kind].append(float(np.sqrt(np.mean(middle**2))))
    assert levels["lips"]
    assert np.median(levels["lips"]) < 0.5 * np.median(levels["vowels"])


def test_a_broken_off_run_makes_only_what_is_missing(tmp_path):
    first = Numbered()
    assert collect(tmp_path, [first]) == {"numbered": 2}
    assert first.made == [0, 1, 2, 3, 4, 5]
    (tmp_path / "speech" / "numbered" / "00003.npz").unlink()
    again = Numbered()
    collect(tmp_path, [again])
    assert again.made == [2, 3, 5]
    assert [utterance.text for utterance in utterances(tmp_path)] == ["0", "1", "3", "4"]


@pytest.mark.parametrize("names", [["festival"], ["kokoro"], ["recordings"]])
def test_a_source_without_its_folder_is_refused(names):
    with pytest.raises(ValueError, match=names[0]):
        open_sources(names, recordings=None, kokoro=None, counts={}, seed=0)


@pytest.mark.parametrize(
    ("ipa", "british", "symbols", "phones"),
    [
        ("tʃˈɜːtʃ", False, "ʧˈɜɹʧ", ["CH", "ER", "CH"]),
        ("tʃˈɜːtʃ", True, "ʧˈɜːʧ", ["CH", "ER", "CH"]),
        ("bˈoʊt", False, "bˈOt", ["B", "OW", "T"]),
        ("bˈəʊt", True, "bˈQt", ["B", "OW", "T"]),
        ("lˈɪɾɚ", False, "lˈɪTəɹ", ["L", "IH", "D", "ER"]),
        ("bˈʌʔn̩", False, "bˈʌtn", ["B", "AH", "T", "N"]),
    ],
)
def test_kokoro_reads_espeak_and_gives_its_phones_back(ipa, british, symbols, phones):
    pieces = pieces_of(ipa, british)
    assert "".join(piece.symbols for piece in pieces) == symbols
    durations = [4800, *[2400] * len(symbols), 7200]
    timed = phones_from_kokoro(pieces, durations, 24_000)
    assert [phone.symbol for phone in timed] == ["SIL", *phones, "SIL"]
    assert_tiles(timed, sum(durations) / 24_000)


def test_an_alignment_that_got_lost_is_implausible():
    pcm = np.full(SECOND, 0.1, np.float32)
    pcm[: SECOND // 2] = 0.001
    speech = phones("SIL AA B AA B AA", pause_s=0.5)
    assert is_plausible(pcm, speech)
    assert not is_plausible(pcm, phones("SIL AA", phone_s=0.7))
    assert not is_plausible(pcm, [*speech[:4], *phones("T T T T T T T T", phone_s=0.01)])
    assert not is_plausible(pcm, phones("SIL", pause_s=1.0))


def test_speech_in_a_pause_is_implausible():
    pcm = np.full(SECOND, 0.1, np.float32)
    assert is_plausible(pcm, phones("AA B AA B AA B AA B AA B"))
    assert not is_plausible(pcm, phones("SIL AA B AA B AA B AA B"))


def test_agreeing_phones_take_the_times_and_keep_the_stress():
    rough = phones("SIL B AA1 B SIL", pause_s=0.15, phone_s=0.15)
    heard = phones("SIL B AA B SIL", pause_s=0.225)
    assert retimed(rough, heard) == phones("SIL B AA1 B SIL", pause_s=0.225)


@pytest.mark.parametrize(
    ("rough", "heard", "expected"),
    [
        ("SIL B AA1 SIL K AA SIL", "SIL B AA K AA SIL", "SIL B AA1 K AA SIL"),
        ("SIL B AA1 K AA SIL", "SIL B AA SIL K AA SIL", "SIL B AA1 SIL K AA SIL"),
        ("B AA1 K", "B AE K", "B AA1 K"),
        ("AA B", "SIL AA B SIL", "SIL AA B SIL"),
    ],
    ids=["pause unheard", "pause heard", "another vowel", "pauses around"],
)
def test_pauses_are_as_heard_and_sounds_as_said(rough, heard, expected):
    timed = retimed(phones(rough), phones(heard))
    assert [(p.symbol, p.stress) for p in timed] == [(p.symbol, p.stress) for p in phones(expected)]
    assert [p.end_s for p in timed] == pytest.approx([p.end_s for p in phones(heard)])


def test_sounds_that_only_one_side_knows_leave_no_gap():
    heard = phones("SIL K AA R T SIL Z SIL")
    timed = retimed(phones("SIL K AA1 T SIL B IH Z SIL"), heard)
    assert_tiles(timed, heard[-1].end_s)
    assert [phone.symbol for phone in timed if phone.symbol in ("K", "T", "Z")] == ["K", "T", "Z"]
    assert next(p.start_s for p in timed if p.symbol == "T") == pytest.approx(0.5)


def test_recordings_are_named_after_their_speakers(tmp_path):
    for name in ("books/12-3-0.flac", "lj/LJ001-0001.wav", "president.flac"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "lj" / "metadata.csv").write_text("LJ001-0001|In 1455|In fourteen fifty-five\n")
    found = {(recording.voice, recording.text) for recording in found_in(tmp_path)}
    assert found == {("books-12", None), ("lj", "In fourteen fifty-five"), ("president", None)}
    assert not list(asterisk(tmp_path / "none", tmp_path)) + list(librivox(tmp_path))


@pytest.mark.parametrize("factor", [0.85, 1.2])
def test_a_resampled_voice_takes_its_phones_along(factor):
    pcm, phones = augment.resample_voice(vowel(), PHONES, factor)
    assert len(pcm) == pytest.approx(SECOND / factor, abs=2)
    assert_tiles(phones, len(pcm) / SECOND)
    assert [p.start_s * factor for p in phones] == pytest.approx([p.start_s for p in PHONES], abs=1e-3)


@pytest.mark.parametrize(
    "pcm", [vowel(), np.zeros(SECOND, np.float32), vowel(7)], ids=["voice", "still", "few"]
)
def test_augmented_sound_keeps_length_and_range_and_follows_the_seed(pcm):
    sounds = [augment.augment(pcm, np.random.default_rng(seed), vowel(5000)) for seed in range(12)]
    for seed, sound in enumerate(sounds):
        assert sound.shape == pcm.shape
        assert sound.dtype == np.float32
        assert np.abs(sound).max() <= 1.0
        np.testing.assert_array_equal(sound, augment.augment(pcm, np.random.default_rng(seed), vowel(5000)))
    assert len({sound.tobytes() for sound in sounds}) == 12 or not pcm.any()


@pytest.mark.parametrize(
    "change",
    [
        lambda pcm, random: augment.in_room(pcm, 0.4, 3.0, random),
        lambda pcm, random: augment.tilted(pcm, -4.0),
        lambda pcm, random: augment.over_telephone(pcm),
    ],
    ids=["room", "tilt", "telephone"],
)
def test_a_click_stays_where_it_is(change):
    pcm = np.zeros(SECOND, np.float32)
    pcm[5000] = 0.5
    changed = change(pcm, np.random.default_rng(0))
    assert np.abs(changed).argmax() == pytest.approx(5000, abs=1)


def test_noise_lies_as_far_below_as_asked():
    noisy = augment.add_noise(vowel(), noises.coloured(np.random.default_rng(0), SECOND, 1.0), 10.0)
    added = noisy - vowel()
    assert 20 * np.log10(np.std(vowel()) / np.std(added)) == pytest.approx(10.0, abs=0.1)


@pytest.mark.parametrize("kind", [noises.music, noises.clicks, noises.bursts, noises.hum, noises.not_speech])
def test_other_sounds_are_finite_and_seeded(kind):
    sound = kind(np.random.default_rng(1), SECOND)
    assert sound.shape == (SECOND,)
    assert np.isfinite(sound).all()
    assert np.std(sound) > 0
    np.testing.assert_array_equal(sound, kind(np.random.default_rng(1), SECOND))


@pytest.mark.corpus
def test_the_shared_recordings_are_found(corpus):
    voices = {recording.voice for recording in found_in(corpus / "speech")}
    assert {"jfk", "ljspeech"} < voices
    assert sum(voice.startswith("librispeech-") for voice in voices) > 200
