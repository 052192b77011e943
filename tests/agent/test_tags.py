"""Gestures in brackets: found however the text was cut, never spoken, timed by their words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.tags import SYNONYMS, ScriptReader, Sentence, cues_of
from agent.voice import ToneVoice
from models.motion.cue import Cue, Gesture

SMILE, NOD, WAVE, LAUGH = Gesture.SMILE, Gesture.NOD, Gesture.WAVE, Gesture.LAUGH


def read(*deltas: str) -> list[Sentence]:
    reader = ScriptReader()
    state = reader.init_state()
    sentences: list[Sentence] = []
    for delta in deltas:
        new, state = reader.step(delta, state)
        sentences += new
    new, _ = reader.flush(state)
    return sentences + list(new)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("[smile] Hello there!", [Sentence("Hello there!", ((SMILE, 0),))]),
        ("Hello [wave] there. Bye.", [Sentence("Hello there.", ((WAVE, 1),)), Sentence("Bye.")]),
        ("Yes! [nod] I see.", [Sentence("Yes!"), Sentence("I see.", ((NOD, 0),))]),
        ("Yes![nod] I see.", [Sentence("Yes!", ((NOD, 1),)), Sentence("I see.")]),
        ("Bye! [wave]", [Sentence("Bye!"), Sentence("", ((WAVE, 0),))]),
        ("Well [smile], you know.", [Sentence("Well, you know.", ((SMILE, 1),))]),
        ("[Smile][NOD] Hi.", [Sentence("Hi.", ((SMILE, 0), (NOD, 0)))]),
        ("[nods] Right. [shakes head] No.", None),
        ("[nod]", [Sentence("", ((NOD, 0),))]),
        ("See [the site](https://a.b) now.", [Sentence("See the site now.")]),
        ("[smile](https://a.b) is a link.", [Sentence("smile is a link.")]),
        ("A [dramatic] pause.", [Sentence("A pause.")]),
        ("Item [1] of [a list of many things] here.", None),
        ("An open [ bracket. [smile", [Sentence("An open [ bracket.")]),
        ("\U000f0001 Hello.", [Sentence("Hello.")]),
    ],
)
def test_tags_become_gestures(text, sentences):
    found = read(text)
    if sentences is not None:
        assert found == sentences


def test_two_words_and_citations():
    assert read("[nods] Right. [shakes head] No.") == [
        Sentence("Right.", ((NOD, 0),)),
        Sentence("No.", ((Gesture.SHAKE, 0),)),
    ]
    assert read("Item [1] of [a list of many things] here.") == [
        Sentence("Item [1] of [a list of many things] here.")
    ]


TEXT = (
    "[smile] Hello, and welcome! [wave] I [nod] see [1] it: [the site](http://a.b). *Bold* [laughs] end [nod"
)


@given(st.lists(st.integers(1, 9), min_size=1))
def test_how_it_was_cut_into_tokens_changes_nothing(sizes):
    deltas, at, turn = [], 0, 0
    while at < len(TEXT):
        deltas.append(TEXT[at : at + sizes[turn % len(sizes)]])
        at, turn = at + len(deltas[-1]), turn + 1
    assert read(*deltas) == read(TEXT)
    assert [g for s in read(*deltas) for g, _ in s.gestures] == [SMILE, WAVE, NOD, LAUGH]


def test_text_after_a_tag_does_not_wait():
    reader = ScriptReader()
    sentences, state = reader.step("[smi", reader.init_state())
    assert not sentences
    sentences, state = reader.step("le] Good morning. How", state)
    assert sentences == [Sentence("Good morning.", ((SMILE, 0),))]


@pytest.mark.parametrize("name", [*Gesture, *SYNONYMS])
def test_no_known_word_is_ever_spoken(name):
    (sentence,) = read(f"Oh [{name}] dear.")
    assert sentence.text == "Oh dear."
    assert len(sentence.gestures) == 1


async def test_cues_come_at_their_words():
    sentence = Sentence("one two three", ((SMILE, 0), (NOD, 2), (WAVE, 3)))
    cues, spoken, at_s = [], 0, 0.0
    async for piece in ToneVoice().speak(sentence.text):
        cues += [Cue(c.gesture, round(at_s + c.at_s, 3)) for c in cues_of(sentence, piece, spoken)]
        spoken, at_s = spoken + len(piece.words), at_s + piece.duration_s
    assert [(c.gesture, c.at_s) for c in cues] == [
        (SMILE, 0.0),
        (NOD, 2 * (3 * 0.06 + 0.06)),
        (WAVE, pytest.approx(at_s - 0.12)),
    ]
