"""The wait for an answer: every stage, their sum, and who was answered."""

import pytest

from bench.events import Fact, ToolCalled, ToolReturned, TurnCommitted
from bench.metrics.figures import run_figures, step_figures
from bench.metrics.response import (
    first_turn_penalty,
    promptness,
    response_rate,
    responses,
    rtf_tts,
)
from bench.trace import Entry, Trace
from bench.truths import Sounded
from tests.metrics.scripts import (
    ASKS,
    HOURS,
    commits,
    heard,
    prepares,
    says,
    sounds,
    trace,
)

pytestmark = pytest.mark.unit

ANSWERED = (ASKS, sounds(1, 1, HOURS, 3.0, 7.0))


def test_each_stage_is_what_it_says() -> None:
    (found,) = responses(trace(*ANSWERED))
    assert found.truth
    assert found.v2v == pytest.approx(1.0)
    assert found.endpoint_delay == pytest.approx(0.5)
    assert found.commit_gap == pytest.approx(0.01)
    assert found.ttft == pytest.approx(0.2)
    assert found.flush_gap == pytest.approx(0.05)
    assert found.tts_queue == pytest.approx(0.005)
    assert found.ttfb == pytest.approx(0.12)
    assert found.ttfa == pytest.approx(0.15)
    assert found.lead_silence == pytest.approx(0.03)
    assert found.out_buffer == pytest.approx(3.0 - 2.915)
    assert found.vart == pytest.approx(3.0 - 2.51)
    assert found.ttfs == pytest.approx(0.2)
    assert found.ttfp is None
    assert found.tool_time is None


def test_the_stages_add_up_to_what_was_measured_by_itself() -> None:
    (found,) = responses(trace(*ANSWERED))
    assert found.residual == pytest.approx(0.0, abs=1e-6)


def test_a_sum_with_a_stage_unknown_is_no_sum() -> None:
    without = [fact for fact in ASKS if type(fact[1]).__name__ != "FirstToken"]
    (found,) = responses(trace(without, ANSWERED[1]))
    assert found.v2v == pytest.approx(1.0)
    assert found.total is None
    assert found.residual is None


def test_an_answer_that_begins_early_is_below_zero_and_is_not_clamped() -> None:
    found = trace(
        says("think", "I would like to book", 1.0, 4.0),
        heard(2.0, "I would like", (1.0, 2.0)),
        commits(1, 2.5, "I would like"),
        prepares(1, 2.5, "What would you like?"),
        sounds(1, 1, "What would you like?", 3.0, 3.8),
    )
    (one,) = responses(found)
    assert one.v2v == pytest.approx(-1.0)
    assert one.endpoint_delay == pytest.approx(-1.5)
    assert promptness(found) == (1, 0, 0)


def test_a_filler_is_sound_but_no_content() -> None:
    filler = [(3.2, Sounded(1, 3.0, 3.2, 0, 3200, "dry", turn=1))]
    rest = [(7.0, Sounded(1, 3.9, 7.0, 3200, 49_600, "finished", turn=1))]
    (found,) = responses(trace(ASKS, filler, rest))
    assert found.v2v == pytest.approx(1.0)
    assert found.v2v_content == pytest.approx(1.9)


def test_partials_and_the_transcriber_s_lag() -> None:
    told = (
        heard(1.4, "when", (1.0, 1.25), final=False),
        heard(1.7, "when do", (1.0, 1.5), final=False),
    )
    (found,) = responses(trace(*told, *ANSWERED))
    assert found.ttfp == pytest.approx(0.4)
    assert found.stt_lag == pytest.approx(0.2)  # of 0.15, 0.2 and 0.2


def test_tools_are_added_up() -> None:
    calls: list[tuple[float, Fact]] = [
        (2.6, ToolCalled("look", turn=1)),
        (2.9, ToolReturned("look", turn=1)),
        (3.0, ToolCalled("book", turn=1)),
        (3.1, ToolReturned("book", turn=1)),
        (3.2, ToolCalled("never back", turn=1)),
    ]
    (found,) = responses(trace(ASKS, calls))
    assert found.tool_time == pytest.approx(0.4)


def test_a_greeting_is_nobody_s_answer() -> None:
    found = trace(sounds(1, 0, "Welcome", 0.3, 0.9), ASKS, sounds(2, 1, HOURS, 3.0, 7.0))
    (one,) = responses(found)
    assert one.v2v == pytest.approx(1.0)
    assert run_figures(found).bot_turns == 2


def test_a_later_prompt_of_the_turn_is_not_its_answer() -> None:
    found = trace(*ANSWERED, sounds(2, 1, "Are you still there?", 15.0, 16.0))
    assert responses(found)[0].v2v == pytest.approx(1.0)
    figures = step_figures(found, "ask")
    assert figures.reply == HOURS
    assert [said.text for said in figures.says] == [HOURS, "Are you still there?"]
    assert figures.says[1].after == pytest.approx(14.0)


def test_who_was_answered_of_those_who_asked() -> None:
    unheard = says("lost", "hello", 9.0, 9.5)
    noise = says("cough", "", 12.0, 12.3, "noise")
    late = (
        says("late", "anyone", 13.0, 13.5),
        heard(13.6, "anyone", (13.0, 13.5)),
        commits(2, 14.0, "anyone"),
        sounds(2, 2, "Yes", 25.0, 26.0),
    )
    found = trace(*ANSWERED, unheard, noise, *late, ends=30.0)
    assert response_rate(found) == (1, 3)
    assert response_rate(found, timeout_seconds=12.0) == (2, 3)
    assert promptness(found) == (0, 1, 1)


def test_the_first_turn_against_the_others() -> None:
    assert first_turn_penalty([3.0, 1.0, 2.0, None]) == pytest.approx(2.0)
    assert first_turn_penalty([3.0]) is None
    assert first_turn_penalty([None, 1.0]) is None
    assert first_turn_penalty([1.0, -0.5]) is None


def test_synthesis_against_its_audio() -> None:
    assert rtf_tts(trace(*ANSWERED)) == pytest.approx(0.135 / 2)
    unfinished = [fact for fact in ASKS if type(fact[1]).__name__ != "SynthesisFinished"]
    assert rtf_tts(trace(unfinished)) is None


def test_nothing_is_not_zero() -> None:
    empty = trace(ends=None)
    assert responses(empty) == []
    assert promptness(empty) is None
    assert response_rate(empty) == (0, 0)
    assert run_figures(empty).v2v == ()


def test_without_truth_the_figure_says_so() -> None:
    made = Trace()
    made.entries = [Entry(2.5, TurnCommitted("hello", "silence", turn=1))]
    (found,) = responses(made)
    assert not found.truth
    assert found.v2v is None
