"""How well the user was understood: words, numbers, partials that come and go, late finals."""

import pytest

from bench.events import TurnWithdrawn
from bench.metrics.figures import step_figures
from bench.metrics.partials import flicker, hypotheses, perceived, prefix_ok, settled, upwr
from bench.metrics.user_words import (
    number_accuracy,
    numbers_in,
    orphan_finals,
    partial_wers,
    truth_wer,
)
from bench.metrics.words import (
    alignment,
    common_prefix,
    contains,
    distance,
    distance_to_prefix,
    word_errors,
    words_of,
)
from tests.metrics.scripts import commits, heard, says, trace

pytestmark = pytest.mark.unit


def test_words_are_compared_without_case_and_punctuation() -> None:
    assert words_of("It’s 9:30, o'clock — “Mr. Well-Known”!") == [
        "it's", "9", "30", "o'clock", "mr", "well", "known",
    ]  # fmt: skip
    assert word_errors("Hello, there.", "hello there").rate == 0.0


@pytest.mark.parametrize(
    ("reference", "hypothesis", "edits"),
    [("a b c", "a b c", 0), ("a b c", "a x c", 1), ("a b c", "a c", 1), ("a b c", "a b b c", 1),
     ("a b c", "", 3), ("", "a b", 2), ("kitten", "sitting", 1), ("a b c d", "b c d e", 2)],
)  # fmt: skip
def test_levenshtein(reference: str, hypothesis: str, edits: int) -> None:
    wanted, got = reference.split(), hypothesis.split()
    assert distance(wanted, got) == edits
    pairs = alignment(wanted, got)
    assert [i for i, _ in pairs if i is not None] == list(range(len(wanted)))
    assert [j for _, j in pairs if j is not None] == list(range(len(got)))
    changed = sum(i is None or j is None or wanted[i] != got[j] for i, j in pairs)
    assert changed == edits


def test_letters_are_words_to_levenshtein() -> None:
    assert distance("kitten", "sitting") == 3


def test_beginnings() -> None:
    assert common_prefix("abcd", "abxd") == 2
    assert common_prefix("ab", "abc") == 2
    assert distance_to_prefix("a b c d".split(), "a b".split()) == 0
    assert distance_to_prefix("a b c d".split(), "a x".split()) == 1
    assert contains([1, 2, 3], [2, 3])
    assert not contains([1, 2, 3], [1, 3])
    assert word_errors("", "a").rate is None


def test_word_errors_go_against_the_script_and_a_lost_step_is_lost_whole() -> None:
    found = trace(
        says("one", "book a table", 1.0, 2.0),
        heard(2.2, "book the table", (1.0, 2.0)),
        commits(1, 2.5, "book the table"),
        says("two", "for four", 5.0, 6.0),
        says("cough", "ahem", 8.0, 8.2, "noise"),
    )
    assert truth_wer(found) == pytest.approx(3 / 5)
    assert step_figures(found, "one").heard_wer == pytest.approx(1 / 3)
    assert step_figures(found, "two").heard_wer == 1.0
    assert step_figures(found, "cough").heard_wer is None
    assert truth_wer(trace()) is None


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("from nine to five", ["9", "5"]), ("twenty three people", ["23"]), ("room 101", ["101"]),
     ("one two three", ["123"]), ("twenty four seven", ["247"]), ("nineteen", ["19"]),
     ("at 9 30", ["9", "30"]), ("no number", []), ("fifteen twenty", ["15", "20"])],
)  # fmt: skip
def test_numbers(text: str, numbers: list[str]) -> None:
    assert numbers_in(text) == numbers


def test_numbers_are_right_or_not() -> None:
    found = trace(
        says("one", "table for four at nine", 1.0, 2.0),
        heard(2.2, "table for 4 at five", (1.0, 2.0)),
        commits(1, 2.5, "table for 4 at five"),
    )
    assert number_accuracy(found) == (1, 2)
    assert number_accuracy(trace()) is None


PARTIALS = (
    says("one", "book a table now", 1.0, 2.0),
    heard(1.4, "book", (1.0, 1.25), final=False),
    heard(1.6, "book the", (1.0, 1.5), final=False),
    heard(1.9, "book a table", (1.0, 1.75), final=False),
    heard(2.4, "book a table now", (1.0, 2.0)),
    commits(1, 2.5, "book a table now"),
)


def test_words_that_were_taken_back() -> None:
    found = hypotheses(trace(*PARTIALS))
    assert [told.taken_back for told in found] == [1]
    assert upwr(found) == pytest.approx(1 / 4)
    assert flicker(found) == pytest.approx(1.0)  # in one second
    assert prefix_ok(found) == pytest.approx(2 / 3)
    assert partial_wers(trace(*PARTIALS)) == pytest.approx([0.0, 0.5, 0.0])
    assert step_figures(trace(*PARTIALS), "one").partials == 3


def test_a_word_settles_when_nothing_before_it_changes_any_more() -> None:
    assert settled(trace(*PARTIALS)) == pytest.approx([0.15, 0.4, 0.15, 0.4])
    assert perceived(trace(*PARTIALS)) == pytest.approx([0.4])


def test_without_partials_there_is_nothing_to_be_unsteady() -> None:
    found = hypotheses(trace(PARTIALS[0], *PARTIALS[4:]))
    assert (upwr(found), flicker(found), prefix_ok(found)) == (None, None, None)
    assert hypotheses(trace()) == []


def test_a_final_that_comes_after_its_turn_is_an_orphan() -> None:
    late = heard(3.0, "book a table now", (1.0, 2.0))
    early = (*PARTIALS[:4], commits(1, 2.2, "book a table"), late)
    assert orphan_finals(trace(*early)) == 1
    assert orphan_finals(trace(*PARTIALS)) == 0
    withdrawn = [(2.6, TurnWithdrawn("book a table", "interrupted", turn=1))]
    assert orphan_finals(trace(*early, withdrawn)) == 0
    assert orphan_finals(trace(heard(2.0, "no places"))) is None
