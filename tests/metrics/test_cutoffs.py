"""What the history holds beside what was heard: signed errors, phantoms, what was thrown away."""

import pytest

from bench.metrics.cutoffs import Cut, cuts, within
from bench.metrics.reading import read
from bench.trace import Trace
from bench.truths import ListenerHeard, ReplayStarted, Sounded
from tests.metrics.scripts import ASKS, HOURS, is_cut, says, trace

pytestmark = pytest.mark.unit


def cut_with(context: str, heard: str = "We are open", **changes: int) -> Trace:
    cut = is_cut(1, 1, 3.0, 4.5, heard=heard, intended=HOURS, context=context, **changes)
    return trace(ASKS, says("cut", "stop", 4.3, 4.8, "interrupt"), cut)


def only(found: Trace) -> Cut:
    (cut,) = cuts(found)
    return cut


@pytest.mark.parametrize(
    ("context", "error", "off", "phantoms"),
    [
        ("We are open", 0, 0, 0),
        ("we are, open.", 0, 0, 0),
        ("We are open from nine", 2, 2, len("from nine")),
        ("We are", -1, 1, 0),
        ("We were open", 0, 1, len("were")),
        ("", -3, 3, 0),
    ],
)
def test_errors_are_signed_and_counted_in_words(
    context: str, error: int, off: int, phantoms: int
) -> None:
    cut = only(cut_with(context))
    assert (cut.error_words, cut.off_words, cut.phantom_characters) == (error, off, phantoms)
    assert within(cut_with(context), 0) == (int(off == 0), 1)
    assert within(cut_with(context), 1) == (int(off <= 1), 1)


def test_what_was_never_heard_is_counted_in_words_and_seconds() -> None:
    cut = only(cut_with("We are open"))
    assert cut.step == "cut"
    assert cut.cut_words == 6
    assert cut.unplayed_seconds == pytest.approx(0.2)
    assert cut.cut_seconds == pytest.approx(0.5)  # 2 s were made, 1.5 s of them played


def test_what_was_sent_was_made_even_if_no_call_ended() -> None:
    unfinished = [fact for fact in ASKS if type(fact[1]).__name__ != "SynthesisFinished"]
    cut = is_cut(1, 1, 3.0, 4.5, heard="We are open", intended=HOURS)
    assert only(trace(unfinished, cut)).cut_seconds == pytest.approx(0.2)


def test_nothing_heard_is_an_error_like_any_other() -> None:
    cut = only(cut_with("We are open", heard=""))
    assert cut.error_words == 3
    assert cut.cut_words == 9


def test_without_the_loudspeaker_s_word_there_is_no_error() -> None:
    found = cut_with("We are open from")
    found.entries = [
        entry
        for entry in found.entries
        if not isinstance(entry.fact, ListenerHeard | Sounded | ReplayStarted)
    ]
    cut = only(found)
    assert (cut.heard, cut.error_words, cut.phantom_characters) == (None, None, None)
    assert within(found, 0) is None


def test_no_cut_is_no_share() -> None:
    assert cuts(trace(ASKS)) == []
    assert within(trace(ASKS), 0) is None
    assert read(trace(ASKS)).utterances == ()
