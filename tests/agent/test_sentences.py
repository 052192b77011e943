import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sentences import MAX_CHARS, SentenceSplitter, speakable


def split(*deltas: str) -> list[str]:
    splitter = SentenceSplitter()
    state = splitter.init_state()
    pieces: list[str] = []
    for delta in deltas:
        new, state = splitter.step(delta, state)
        pieces += new
    new, _ = splitter.flush(state)
    return pieces + list(new)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hello. How are you?", ["Hello.", "How are you?"]),
        ("Dr. Smith and J. Doe met. They spoke.", ["Dr. Smith and J. Doe met.", "They spoke."]),
        ("Pi is 3.14 or so. Yes!", ["Pi is 3.14 or so.", "Yes!"]),
        ("Eat e.g. apples. Good.", ["Eat e.g. apples.", "Good."]),
        ("You said: good day. Bye.", ["You said:", "good day.", "Bye."]),
        ("Well, then.", ["Well, then."]),
        ("So am I. And you?", ["So am I.", "And you?"]),
        ("1. First thing\n2. Second thing\n", ["First thing", "Second thing"]),
        ("- **Bold** point\n- `code` point", ["Bold point", "code point"]),
        ("See [the site](https://a.b/c.d) now. OK.", ["See the site now.", "OK."]),
        ("Great! 😀👍🏽 Bye.", ["Great!", "Bye."]),
        ("*smiles warmly* Hello!", ["Hello!"]),
        ("What?! “Really.” he said. Wait…  fine", ["What?!", "“Really.”", "he said.", "Wait…", "fine"]),
        ("It is 20 °C. snake_case stays.", ["It is 20 °C.", "snake_case stays."]),
        ("   \n\n ", []),
        ("🙂", []),
        ("no end", ["no end"]),
    ],
)
def test_splits_at_sentences(text, pieces):
    assert split(text) == pieces


def test_first_piece_ends_at_a_comma_and_later_ones_do_not():
    text = "That is a lovely question, and I like it a lot, truly. Well, I do think so, yes."
    assert split(text) == [
        "That is a lovely question,",
        "and I like it a lot, truly.",
        "Well, I do think so, yes.",
    ]


def test_gives_a_sentence_out_as_soon_as_the_next_begins():
    splitter = SentenceSplitter()
    pieces, state = splitter.step("Good morning.", splitter.init_state())
    assert pieces == []
    pieces, _ = splitter.step(" I", state)
    assert pieces == ["Good morning."]


def test_never_waits_for_a_piece_without_end():
    pieces = split("word " * 200)
    assert len(pieces) > 1
    assert max(map(len, pieces)) <= MAX_CHARS
    assert " ".join(pieces).split() == ["word"] * 200


PARTS = st.sampled_from(
    [
        "Hello",
        " ",
        "world",
        ". ",
        ", ",
        "Dr.",
        "3.14",
        "\n",
        "- ",
        "1. ",
        "**",
        "😀",
        "! ",
        "a",
        ")",
        "…",
        "e.g. ",
    ]
)


@given(st.lists(PARTS, max_size=120), st.lists(st.integers(1, 7), min_size=1, max_size=5))
def test_chunked_equals_whole(parts, sizes):
    text = "".join(parts)
    chunks, at = [], 0
    while at < len(text):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(text[at : at + size])
        at += size
    assert split(*chunks) == split(text)


def test_speakable_is_idempotent():
    text = "# Title *and* [link](x) 😀"
    assert speakable(speakable(text)) == speakable(text) == "Title and link"
