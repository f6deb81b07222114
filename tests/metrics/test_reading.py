"""Which turn belongs to which step, and which cut to which utterance."""

import pytest

from bench.events import (
    CutOff,
    PlaybackStarted,
    TranscriptIgnored,
    TurnCommitted,
    TurnWithdrawn,
    UserStartedSpeaking,
    UserStoppedSpeaking,
)
from bench.metrics.figures import step_figures
from bench.metrics.reading import Reading, read
from bench.metrics.steps import FOREVER
from bench.metrics.turns import turns
from bench.trace import Entry, Trace
from bench.truths import StepMissed
from tests.metrics.scripts import (
    ASKS,
    HOURS,
    MIC_AT,
    commits,
    heard,
    is_cut,
    prepares,
    says,
    sounds,
    trace,
)

pytestmark = pytest.mark.unit


def steps_of(told: Reading) -> list[tuple[str, ...]]:
    return [turn.steps for turn in told.turns]


def test_steps_lie_on_the_trace_s_clock() -> None:
    told = read(trace(says("b", "more", 5.0, 5.5), says("a", "one", 1.0, 2.0)))
    assert told.mic_at == MIC_AT
    assert [(step.step, step.began_at, step.ended_at) for step in told.steps] == [
        ("a", 1.0, 2.0),
        ("b", 5.0, 5.5),
    ]
    assert [step.until for step in told.steps] == [5.0, FOREVER]


def test_a_word_belongs_to_the_step_in_whose_sound_it_lies() -> None:
    told = read(
        trace(
            says("one", "book a table", 1.0, 2.0),
            says("two", "for four", 2.3, 3.0),
            heard(3.4, "book a table for four", (1.0, 3.0)),
            commits(1, 3.6, "book a table for four"),
        )
    )
    assert steps_of(told) == [("one", "two")]
    assert told.ended_speaking(told.turns[0]) == 3.0
    assert step_figures(told, "one").heard_wer == 0.0


def test_a_late_final_is_its_own_step_s_and_not_the_newest_one_s() -> None:
    told = read(
        trace(
            says("one", "book a table", 1.0, 2.0),
            says("two", "thanks", 2.2, 2.6),
            heard(2.5, "book a table", (1.0, 2.0)),
            commits(1, 2.55, "book a table"),
            heard(2.8, "thanks", (2.2, 2.6)),
            commits(2, 3.0, "thanks"),
        )
    )
    assert steps_of(told) == [("one",), ("two",)]


def test_without_places_the_arrival_decides_and_then_the_words() -> None:
    told = read(
        trace(
            says("one", "book a table", 1.0, 2.0),
            says("two", "for four", 2.2, 3.0),
            heard(2.3, "book a table"),  # two has begun, but these are one's words
            heard(3.2, "for more"),
            commits(1, 3.5, "book a table for more"),
        )
    )
    assert [dict(one.said or {}) for one in told.heard] == [
        {"one": ("book", "a", "table")},
        {"two": ("for", "more")},
    ]
    assert step_figures(told, "two").heard_wer == 0.5


def test_words_that_come_too_late_are_nobody_s() -> None:
    told = read(trace(says("one", "hello", 1.0, 2.0), heard(11.0, "hm"), commits(1, 11.5, "hm")))
    assert steps_of(told) == [()]
    assert told.ended_speaking(told.turns[0]) is None


def test_a_pause_may_split_a_step_into_two_turns() -> None:
    told = read(
        trace(
            says("think", "I would like to book a table", 1.0, 4.0),
            heard(2.0, "I would like", (1.0, 1.8)),
            commits(1, 2.5, "I would like"),
            heard(4.2, "to book a table", (2.8, 4.0)),
            commits(2, 4.5, "to book a table"),
        )
    )
    figures = step_figures(told, "think")
    assert figures.user_turns == 2
    assert figures.transcript == "I would like to book a table"
    assert figures.heard_wer == 0.0
    first, second = told.turns
    assert told.ended_speaking(first) == told.ended_speaking(second) == 4.0


def test_what_was_ignored_makes_no_turn() -> None:
    told = read(
        trace(
            ASKS,
            sounds(1, 1, HOURS, 3.0, 7.0),
            says("mhm", "mhm", 4.0, 4.3, "backchannel"),
            heard(4.35, "mm", (4.0, 4.3), final=False),
            heard(4.4, "mhm", (4.0, 4.3)),
            [(4.4, TranscriptIgnored("mhm", "backchannel"))],
            says("more", "and sundays", 8.0, 9.0),
            heard(9.1, "and sundays", (8.0, 9.0)),
            commits(2, 9.5, "and sundays"),
        )
    )
    assert steps_of(told) == [("ask",), ("more",)]
    assert [one.ignored for one in told.heard] == [False, True, True, False]
    figures = step_figures(told, "mhm")
    assert (figures.user_turns, figures.replies, figures.interrupts) == (0, False, False)


def test_an_ignored_word_that_is_said_again_counts_once() -> None:
    told = read(
        trace(
            says("mhm", "yes", 4.0, 4.3, "backchannel"),
            heard(4.4, "yes", (4.0, 4.3)),
            [(4.4, TranscriptIgnored("yes", "backchannel"))],
            says("more", "yes please", 8.0, 9.0),
            heard(9.1, "yes please", (8.0, 9.0)),
            commits(1, 9.5, "yes please"),
        )
    )
    assert steps_of(told) == [("more",)]


def test_a_turn_without_a_final_is_made_of_its_newest_partial() -> None:
    told = read(
        trace(
            says("one", "hello there", 1.0, 2.0),
            heard(1.6, "hello", (1.0, 1.5), final=False),
            heard(2.1, "hello there", (1.0, 2.0), final=False),
            commits(1, 3.0, "hello there"),
        )
    )
    assert [one.text for one in told.turns[0].made_of] == ["hello there"]
    assert step_figures(told, "one").heard_wer == 0.0


def test_a_turn_that_no_transcript_explains_is_the_newest_step_s() -> None:
    told = read(trace(says("one", "hello", 1.0, 2.0), commits(1, 2.5, "typed")))
    assert steps_of(told) == [("one",)]


def test_a_cut_is_that_of_the_utterance_that_was_not_played_out() -> None:
    told = read(
        trace(
            sounds(1, 0, "Welcome", 0.5, 0.9),
            ASKS,
            is_cut(2, 1, 3.0, 4.0, heard="We are", intended=HOURS),
        )
    )
    assert [said.cut is not None for said in told.utterances] == [False, True]
    assert told.utterances[1].decided_at == 4.0
    assert told.utterances[0].context == ""  # its text is not in the trace


def test_a_cut_before_the_first_report_is_found_by_its_samples() -> None:
    facts = [f for f in is_cut(1, 1, 3.0, 3.1, heard="", intended=HOURS)
             if not isinstance(f[1], PlaybackStarted)]  # fmt: skip
    told = read(trace(ASKS, facts))
    (said,) = told.utterances
    assert (said.id, said.interrupted) == (1, True)


def test_a_cut_of_which_nothing_sounded_is_an_utterance_too() -> None:
    told = read(trace(ASKS, [(3.0, CutOff("", HOURS, "", 0, 800, False, turn=1))]))
    assert [(said.id, said.began_at) for said in told.utterances] == [(0, None)]


def test_a_failure_that_ends_an_utterance_is_no_interrupt() -> None:
    facts = [f for f in is_cut(1, 1, 3.0, 4.0, heard="We are", intended=HOURS)
             if type(f[1]).__name__ != "InterruptDecided"]  # fmt: skip
    (said,) = read(trace(ASKS, facts)).utterances
    assert said.cut is not None
    assert not said.interrupted


def test_all_played_out_is_no_interrupt_however_it_ended() -> None:
    cut = is_cut(1, 1, 3.0, 7.0, heard=HOURS, intended=HOURS, dropped=0)
    (said,) = read(trace(ASKS, cut)).utterances
    assert not said.interrupted


def test_the_stages_prefer_truth_to_the_detector() -> None:
    detector = [
        (1.1, UserStartedSpeaking("script", 0)),
        (1.2, UserStartedSpeaking("vad", 0)),
        (2.0, UserStoppedSpeaking("script", 0)),
        (2.3, UserStoppedSpeaking("vad", 0)),
    ]
    (turn,) = turns(trace(ASKS, detector, sounds(1, 1, HOURS, 3.0, 7.0)))
    assert turn.stages.endpoint == pytest.approx(0.5)
    assert turn.stages.voice_to_voice == pytest.approx(1.0)


def test_without_a_script_the_detector_and_the_reports_serve() -> None:
    made = Trace()
    made.entries = [
        Entry(1.0, UserStartedSpeaking("vad", 0)),
        Entry(2.224, UserStoppedSpeaking("vad", 0)),
        Entry(2.5, TurnCommitted("hello", "silence", turn=1)),
        Entry(3.0, PlaybackStarted(1, False, turn=1)),
    ]
    told = read(made)
    assert told.ended_speaking(told.turns[0]) == pytest.approx(2.0)
    answer = told.answer(told.turns[0])
    assert answer is not None
    assert answer.began_at == 3.0
    assert not answer.truth


def test_a_missed_step_is_known_as_such() -> None:
    told = read(trace(says("one", "hello", 1.0, 2.0), [(9.0, StepMissed("two", "late", "skip"))]))
    assert told.missed == ("two",)
    figures = step_figures(told, "two")
    assert not figures.played
    assert (figures.v2v, figures.user_turns, figures.replies) == (None, None, None)


def test_a_withdrawn_turn_has_no_answer_and_the_next_one_has() -> None:
    told = read(
        trace(
            says("ask", "book a table for four", 1.0, 3.0),
            heard(2.0, "book a table", (1.0, 2.0)),
            commits(1, 2.2, "book a table"),
            [(2.5, TurnWithdrawn("book a table", "interrupted", turn=1))],
            heard(3.1, "for four", (2.2, 3.0)),
            commits(2, 3.4, "for four"),
            prepares(2, 3.4, "Done"),
            sounds(1, 2, "Done", 4.0, 4.5),
        )
    )
    assert [turn.withdrawn for turn in told.turns] == [True, False]
    figures = step_figures(told, "ask")
    assert figures.reply == "Done"
    assert figures.v2v == pytest.approx(1.0)
