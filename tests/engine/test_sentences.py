"""Text as it streams, sentences as they are whole."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.engine.sentences import Sentences, joined

pytestmark = pytest.mark.unit


def cut(*pieces: str) -> list[str]:
    sentences = Sentences()
    whole = [sentence for piece in pieces for sentence in sentences.feed(piece)]
    rest = sentences.flush()
    return [*whole, rest] if rest else whole


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two? Three! Four", ["One.", "Two?", "Three!", "Four"]),
        ("Mr. Brown met Dr. Green. They spoke.", ["Mr. Brown met Dr. Green.", "They spoke."]),
        ("It is 3.50 euros. Fine.", ["It is 3.50 euros.", "Fine."]),
        ("J. R. Smith is here. Yes.", ["J. R. Smith is here.", "Yes."]),
        ('He said "Stop." She did.', ['He said "Stop."', "She did."]),
        ("E.g. this one. And that.", ["E.g. this one.", "And that."]),
        ("Wait… what? (Really.) Yes", ["Wait…", "what?", "(Really.)", "Yes"]),
        ("Line one.\nLine two.\n", ["Line one.", "Line two."]),
        ("So do I. And you?", ["So do I.", "And you?"]),
        ("", []),
        ("   ", []),
        ("no end", ["no end"]),
    ],
)
def test_sentences(text: str, sentences: list[str]):
    assert cut(text) == sentences
    assert cut(*text) == sentences  # letter by letter


def test_a_sentence_is_handed_over_with_the_first_white_space_after_it():
    sentences = Sentences()
    assert sentences.feed("We are open") == []
    assert sentences.feed(".") == []
    assert sentences.feed(" ") == ["We are open."]
    assert sentences.flush() == ""


def test_pieces_that_are_sentences_of_their_own_get_their_space():
    assert joined("One.", "Two.") == "One. Two."
    assert joined("One", "two") == "Onetwo"
    assert joined("3.", "50") == "3.50"
    assert joined("", "Two") == "Two"
    assert joined("One.", "") == "One."
    assert cut("One is here.", "Two is here.", "Three") == ["One is here.", "Two is here.", "Three"]


TEXT = st.lists(st.sampled_from(["a", "Dr", ".", "?", " ", "\n", '"', "1", "…", "Yes", "I"])).map(
    "".join
)


@given(TEXT)
@settings(max_examples=200, deadline=None)
def test_nothing_is_lost_and_nothing_is_added(text: str):
    assert "".join("".join(cut(text)).split()) == "".join(text.split())


@given(TEXT, st.integers(1, 5))
@settings(max_examples=200, deadline=None)
def test_the_pieces_make_no_difference_to_the_letters(text: str, size: int):
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    assert "".join("".join(cut(*pieces)).split()) == "".join(text.split())


def test_a_long_text_in_small_pieces_is_quick():
    words = ("word " * 20 + "end. ") * 500
    assert len(cut(*words)) == 500
