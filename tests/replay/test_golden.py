"""A replay that is as before is told so; one that is not says what changed first, and when."""

from __future__ import annotations

import dataclasses

import pytest

from bench.errors import ConfigError
from bench.events import PlaybackStarted, TranscriptReceived
from bench.replay import golden
from bench.replay.scenario import Gate
from bench.trace import Entry
from bench.truths import ListenerHeard
from tests.replay.some_runs import CUT, HELLO, played, scenario

pytestmark = pytest.mark.replay


@pytest.fixture
def run():
    return played(scenario(HELLO, CUT))


def changed(run, kind, at=0.0, **fields):
    """The run with the first fact of a kind changed, or moved by `at` seconds."""
    for i, entry in enumerate(run.trace.entries):
        if isinstance(entry.fact, kind):
            fact = dataclasses.replace(entry.fact, **fields)
            run.trace.entries[i] = Entry(round(entry.at + at, 6), fact)
            return run
    raise AssertionError(kind)


def test_the_same_run_is_as_before(run, tmp_path):
    golden.store(run, tmp_path)
    same = golden.compare(played(scenario(HELLO, CUT)), tmp_path)
    assert (same.status, same.differences, same.notes) == ("pass", (), ())
    assert "as before" in same.text()


def test_other_words_heard_are_a_difference_with_its_instant(run, tmp_path):
    golden.store(run, tmp_path)
    like = golden.compare(changed(run, ListenerHeard, text="One two"), tmp_path)
    assert like.status == "fail"
    assert [d.part for d in like.differences] == ["event_order", "heard"]
    text = like.text()
    assert '- turn 1, utterance 1: "One two three four five six"' in text
    assert '+ turn 1, utterance 1: "One two"' in text
    assert "was 3.220000 ListenerHeard" in text


def test_another_order_of_events_is_a_difference(run, tmp_path):
    golden.store(run, tmp_path)
    entries = run.trace.entries
    entries[8], entries[9] = entries[9], entries[8]
    (difference,) = golden.compare(run, tmp_path).differences
    assert difference.part == "event_order"
    assert "first at line 9: was 1.500000 FirstToken" in difference.first


def test_an_event_more_at_the_end_is_a_difference(run, tmp_path):
    golden.store(run, tmp_path)
    run.trace.entries.append(run.trace.entries[-1])
    (difference,) = golden.compare(run, tmp_path).differences
    assert "was nothing more" in difference.first


def test_another_history_is_a_difference(run, tmp_path):
    golden.store(run, tmp_path)
    run.messages = (*run.messages[:-1], {"sender": "bot", "text": "One"})
    (difference,) = golden.compare(run, tmp_path).differences
    assert difference.part == "context"
    assert difference.diff.count("\n") >= 2


def test_what_only_moved_is_told_and_is_no_failure(run, tmp_path):
    golden.store(run, tmp_path)
    like = golden.compare(changed(run, PlaybackStarted, at=0.01), tmp_path)
    assert like.status == "pass"
    (note,) = like.notes
    assert "1 fact moved" in note
    assert "was 1.630000 PlaybackStarted" in note
    assert "now 1.640000 PlaybackStarted" in note


def test_nothing_is_left_out_in_silence(run, tmp_path):
    golden.store(run, tmp_path)
    words = (dataclasses.replace(HELLO_WORD, end_sample=9),)
    like = golden.compare(changed(run, TranscriptReceived, words=words), tmp_path)
    assert like.status == "pass"
    assert len(like.notes) == 1


HELLO_WORD = next(
    fact.words[0] for _, fact in played(scenario(HELLO)).trace if getattr(fact, "words", ())
)


def test_parts_that_need_not_be_exact_are_notes(run, tmp_path):
    golden.store(run, tmp_path)
    run.scenario = dataclasses.replace(run.scenario, gate=Gate(exact=("context",)))
    like = golden.compare(changed(run, ListenerHeard, text="One two"), tmp_path)
    assert like.status == "pass"
    assert [note.partition(":")[0] for note in like.notes] == ["event_order", "heard"]


def test_no_golden_file_is_no_pass(run, tmp_path):
    like = golden.compare(run, tmp_path)
    assert like.status == "void"
    assert "nothing stored" in like.text()


def test_the_wall_clock_has_no_golden_file(run, tmp_path):
    golden.store(run, tmp_path)
    run.clock = "wall"
    assert golden.compare(run, tmp_path).status == "void"
    with pytest.raises(ConfigError, match="virtual time"):
        golden.store(run, tmp_path)


@pytest.mark.parametrize(
    "junk", [b"", b"{}", b"[]\n", b'{"format": 1}\n', b"\xff", b'"kind"\n{"kind": 1}\n']
)
def test_junk_is_no_golden_file(run, tmp_path, junk):
    golden.store(run, tmp_path).write_bytes(junk)
    with pytest.raises(ConfigError, match="no golden file"):
        golden.compare(run, tmp_path)


def test_a_long_difference_is_cut_and_says_so(run, tmp_path):
    golden.store(run, tmp_path)
    del run.trace.entries[::2]
    run.trace.entries *= 4
    text = golden.compare(run, tmp_path).text()
    assert "lines more" in text
    assert len(text.splitlines()) < 3 * golden.MOST_DIFF_LINES
