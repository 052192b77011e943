import json
import shutil
from itertools import pairwise

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from models.audio import log_mel
from models.motion.frame import EXPRESSION_INDEX
from models.motion.phones import PHONES
from models.motion.stage import Presence
from models.motion.style import Style
from tests.motion.voices import buzz, sentence
from tests.shape_checks import switched_off
from training.corpus.conversation import Stretch, compose
from training.corpus.pack import act, pack, pack_scene
from training.corpus.plan import Line, plan_scenes, split_lines, survey
from training.corpus.sound import to_int16
from training.corpus.utterance import Utterance

SPEAKING = list(Presence).index(Presence.SPEAKING)
JAW, CLOSE = EXPRESSION_INDEX["jawOpen"], EXPRESSION_INDEX["mouthClose"]
BILABIALS = [PHONES.index(symbol) + 1 for symbol in "PBM"]


def utterance(voice, pitch_hz=120.0):
    phones = sentence(times=2, phone_s=0.11)
    return Utterance(voice, "big waves move past people come home", to_int16(buzz(phones, pitch_hz)), phones)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Three utterances of each of thirty voices, packed twice in other places."""
    once, again = (tmp_path_factory.mktemp(name) for name in ("once", "again"))
    for number in range(90):
        voice = f"voice-{number % 30}"
        utterance(voice, 100.0 + number).save(once / "speech" / "buzzer" / f"{number:05d}.npz")
    shutil.copytree(once / "speech", again / "speech")
    return once, again


@pytest.fixture(scope="module")
def packed(corpus):
    with switched_off():
        return pack(corpus[0], conversations=3, takes=2, seed=4, workers=2)


def files(packed):
    return sorted(packed.glob("*/*.safetensors"))


def stretches(seed=0, times=4):
    return compose([utterance("a")] * times, [utterance("b")], np.random.default_rng(seed))


def test_all_parts_have_the_same_length(packed):
    assert len(files(packed)) == 3
    for path in files(packed):
        data = load_file(path)
        frames = len(data["presence"])
        assert data["motion"].shape == (frames, 98)
        assert data["mel"].shape == (2, 4 * frames, 80)
        assert data["phones"].shape == (4 * frames,)
        assert {name: array.dtype for name, array in data.items()} == {
            "mel": np.float16, "motion": np.float16, "presence": np.uint8, "phones": np.uint8,
            "style": np.float32,
        }  # fmt: skip
        assert all(np.isfinite(array).all() for array in data.values())


def test_phones_are_told_while_speaking_and_sound_with_the_mel(packed):
    spoken = frames = 0
    for path in files(packed):
        data = load_file(path)
        speaking = np.repeat(data["presence"] == SPEAKING, 4)
        assert not data["phones"][~speaking].any()
        vowels = np.isin(data["phones"], [PHONES.index(s) + 1 for s in ("EY", "AH", "OW", "UW", "IH")])
        silent = data["phones"] == PHONES.index("SIL") + 1
        loud = data["mel"][0].astype(np.float32).mean(axis=1)
        assert loud[vowels].mean() > loud[silent].mean() + 2.0
        spoken, frames = spoken + speaking.sum(), frames + len(speaking)
    assert spoken / frames > 0.6


def test_lips_are_closed_in_bilabials_and_open_in_vowels(packed):
    for path in files(packed):
        data = load_file(path)
        parted = data["motion"][:, JAW].astype(np.float32) - data["motion"][:, CLOSE]
        # Lips lead: what a bilabial asks for is there some frames before its middle.
        ids = data["phones"].reshape(-1, 4)[:, 1]
        starts = np.flatnonzero(np.isin(ids, BILABIALS) & ~np.isin(np.roll(ids, 1), BILABIALS))
        closed = [parted[max(0, i - 2) : i + 3].min() for i in starts]
        assert np.mean(np.array(closed) < 0.03) > 0.9
        assert parted.max() > 0.2


def test_the_first_take_is_clean_and_the_others_are_not(corpus):
    scene = plan_scenes(survey(corpus[0] / "speech"), 1, seed=4)[0]
    takes = pack_scene(scene, takes=3)["mel"].astype(np.float32)
    own, others = ([Utterance.load(path) for path in paths] for paths in (scene.own, scene.others))
    composed = compose(own, others, np.random.default_rng(scene.seed))
    clean = log_mel(np.concatenate([stretch.pcm for stretch in composed]))
    np.testing.assert_allclose(takes[0], clean, atol=0.02)
    assert np.abs(takes[1] - takes[0]).mean() > 0.05
    assert np.abs(takes[2] - takes[1]).mean() > 0.05


def test_seeds_reproduce(corpus, packed, unchecked):
    again = pack(corpus[1], conversations=3, takes=2, seed=4, workers=1)
    for one, other in zip(files(packed), files(again), strict=True):
        assert one.name == other.name
        for name, array in load_file(one).items():
            np.testing.assert_array_equal(array, load_file(other)[name])


def test_style_belongs_to_the_seed_in_the_header(packed):
    styles = set()
    for path in files(packed):
        with safe_open(path, "np") as file:
            seed = int(file.metadata()["seed"])
        np.testing.assert_array_equal(load_file(path)["style"], Style.draw(seed).vector())
        styles.add(seed)
    assert len(styles) == 3


def test_held_out_voices_are_never_trained_on(packed):
    plan = json.loads((packed / "plan.json").read_text())
    heard = {"train": set(), "val": set()}
    for scene in plan["scenes"]:
        paths = [*scene["own"], *scene["others"]]
        heard[scene["file"].split("/")[0]] |= {Utterance.load(path).voice for path in paths}
    assert heard["train"]
    assert not heard["train"] & heard["val"]


def test_a_growing_corpus_moves_no_voice_to_the_other_side():
    lines = [Line(f"{n}.npz", f"voice-{n % 200}", 5.0) for n in range(800)]
    few, all_ = split_lines(lines[:300]), split_lines(lines)
    held = {line.voice for line in all_["val"]}
    assert 4 <= len(held) <= 24
    assert {line.voice for line in few["val"]} <= held
    assert not held & {line.voice for line in few["train"]}


def test_a_voice_that_fills_the_corpus_is_on_both_sides_with_other_words():
    lines = [Line(f"{n}.npz", "main", 5.0) for n in range(400)]
    splits = split_lines(lines)
    assert 5 <= len(splits["val"]) <= 60
    assert not {line.path for line in splits["val"]} & {line.path for line in splits["train"]}


def test_every_line_is_said_once_before_any_is_said_twice():
    lines = [Line(f"{n}.npz", f"voice-{n % 7}", 6.0) for n in range(140)]
    scenes = plan_scenes(lines, 1000, seed=0)
    first = [path for scene in scenes[:18] for path in scene.own]
    assert max(first.count(path) for path in set(first)) <= 2
    assert len({scene.seed for scene in scenes}) == 1000


def test_sound_that_is_no_speech_keeps_the_mouth_shut():
    noise = (0.3 * np.random.default_rng(0).standard_normal(75 * 640)).astype(np.float32)
    for stretch in stretches():
        if stretch.presence is Presence.SPEAKING:
            noisy = Stretch(Presence.SPEAKING, noise, 1, (stretch.phones[0],), spoken=False)
            break
    motion = act([noisy], seed=1)
    assert motion[:, JAW].max() < 0.02
    assert not noisy.columns().any()


def test_conversations_have_speechless_floors_and_heard_partners(unchecked):
    wordless = silent = heard = deaf = 0
    for seed in range(60):
        for stretch in stretches(seed):
            if stretch.presence is Presence.SPEAKING:
                wordless += not stretch.spoken
                silent += not stretch.pcm.any()
            elif stretch.presence is Presence.LISTENING:
                heard, deaf = heard + stretch.pcm.any(), deaf + (not stretch.pcm.any())
            else:
                assert not stretch.pcm.any()
    assert 1 <= wordless <= 15
    assert 2 <= silent <= 20
    assert 0.35 < heard / (heard + deaf) < 0.65


def test_segments_count_up_and_phones_tile_them():
    numbers = []
    for stretch in stretches(2):
        if stretch.presence is not Presence.SPEAKING:
            assert (stretch.segment, stretch.phones) == (0, None)
            continue
        numbers.append(stretch.segment)
        ends = [phone.end_s for phone in stretch.phones]
        assert [phone.start_s for phone in stretch.phones[1:]] == pytest.approx(ends[:-1])
        assert not any(a.symbol == b.symbol == "SIL" for a, b in pairwise(stretch.phones))
    assert numbers == list(range(1, len(numbers) + 1))


def test_work_goes_on_where_it_was_broken_off(corpus, packed, unchecked):
    partial = corpus[0] / "packed.partial"
    shutil.copytree(packed, partial)
    first, *_, last = files(partial)
    before, lost = first.stat().st_mtime_ns, load_file(last)["motion"]
    last.unlink()
    done = files(pack(corpus[0], conversations=3, takes=2, seed=4, workers=1))
    assert [path.name for path in done] == [f"{number:05d}.safetensors" for number in range(3)]
    assert done[0].stat().st_mtime_ns == before
    np.testing.assert_array_equal(load_file(done[-1])["motion"], lost)
    assert not partial.exists()


def test_no_speech_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no utterance"):
        pack(tmp_path, conversations=1, takes=1, seed=0, workers=1)
