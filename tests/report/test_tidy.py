"""Tables say where each row comes from, in which unit, and never more than is known."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from bench.metrics.cutoffs import cuts
from bench.metrics.response import responses
from bench.report import frames
from bench.report.columns import KEYS, STAGES, TABLES, table
from bench.trace import Entry
from bench.truths import StepMissed
from tests.report.some_runs import SCRIPT, one, play, scenario, several

pytestmark = pytest.mark.replay


@pytest.mark.parametrize("name", TABLES)
def test_every_row_says_where_it_comes_from(name):
    made = getattr(frames([one()]), name)
    assert len(made), name
    run = one()
    assert list(made.columns[: len(KEYS) - 4]) == ["scenario", "stack", "stt", "llm", "tts"]
    first = made.iloc[0]
    assert first["scenario"] == "opening-hours"
    assert first["stack"] == run.stack.name
    assert (first["seed"], first["repeat"], first["clock"]) == (7, 0, "virtual")
    assert bool(first["simulated"])
    assert first["profiles"]
    assert first["policy"] == "hold-then-decide"


def test_without_runs_the_tables_are_empty_and_keep_their_columns_and_types():
    none, some = frames([]), frames([one()])
    for name in TABLES:
        empty, full = getattr(none, name), getattr(some, name)
        assert len(empty) == 0
        assert list(empty.columns) == list(full.columns)
        assert list(empty.dtypes) == list(full.dtypes), name


def test_turns_hold_the_figures_of_the_metrics_and_add_up():
    made = frames([one()]).turns
    assert list(made["steps"]) == ["hello", "cut", "thanks"]
    assert list(made["v2v_seconds"]) == [told.v2v for told in responses(one().trace)]
    summed = made[[f"{name}_seconds" for name in STAGES]].sum(axis=1)
    assert list(summed) == pytest.approx(list(made["v2v_seconds"]), abs=1e-3)
    assert list(made["cut_off"]) == [True, False, False]


def test_interrupts_hold_the_stop_and_what_it_cost():
    made = frames([one()]).interrupts
    cough, cut = made.to_dict("records")
    assert (cough["step"], cough["censored"], cough["cut_off"]) == ("mhm", True, False)
    assert math.isnan(cough["latency_seconds"])
    assert cough["bound_seconds"] > 0
    (truth,) = cuts(one().trace)
    assert cut["latency_seconds"] == pytest.approx(cut["stopped_at"] - cut["began_at"])
    parts = cut["detect_seconds"] + cut["decide_seconds"] + cut["flush_seconds"]
    assert parts == pytest.approx(cut["latency_seconds"])
    assert (cut["heard"], cut["context"]) == (truth.heard, truth.context)
    assert cut["error_words"] == 0


def test_an_answer_that_a_button_cut_off_is_there_too():
    (row,) = frames([play(scenario(script=SCRIPT[:1]), button_at=5.0)]).interrupts.to_dict(
        "records"
    )
    assert (row["step"], row["role"], row["cut_off"]) == ("", "", True)
    assert row["heard"].startswith("We are")
    assert math.isnan(row["latency_seconds"])


def test_partials_count_the_utterances_that_became_final():
    made = frames([one()]).partials
    finals = made[made["final"]]
    assert list(finals["utterance"]) == [1, 2, 3, 4]
    assert list(finals["step"]) == ["hello", "mhm", "cut", "thanks"]
    assert list(finals["ignored"]) == [False, True, False, False]


def test_a_step_that_never_came_is_a_row_without_figures():
    run = play(scenario())
    run.trace.entries.append(Entry(30.0, StepMissed("late", "bot_word did not come", "skip")))
    late = frames([run]).steps.iloc[-1]
    assert (late["step"], late["played"]) == ("late", False)
    assert late["missed"] == "bot_word did not come"
    assert math.isnan(late["v2v_seconds"])
    assert late["interrupts"] is pd.NA


def test_spans_are_told_from_the_end_of_the_speech():
    spans = frames([one()]).spans
    first = spans[spans["turn"] == 1]
    assert list(first["stage"])[:2] == ["endpoint", "model"]
    assert first["after_seconds"].iloc[0] == 0.0
    playing = first[first["stage"] == "playing"]
    turn = frames([one()]).turns.iloc[0]
    assert playing["after_seconds"].iloc[0] == pytest.approx(turn["v2v_seconds"])
    assert len(playing) == 2  # before and after the hold
    assert (first["until_seconds"] >= first["after_seconds"]).all()


def test_runs_hold_shares_as_two_columns_and_list_prices():
    made = frames(several(1)).runs
    assert list(made["false_stops_of"]) == [1.0, 1.0]
    assert list(made["false_stops"]) == [0.0, 0.0]
    assert list(made["spurious_of"]) == [0.0, 0.0]
    assert made["spurious"].isna().all()
    assert (made["usd_per_minute"] > 0).all()
    assert list(made["status"]) == ["fail", "fail"]


def test_a_column_that_no_table_has_is_refused():
    with pytest.raises(KeyError, match="stop_ms"):
        table("verdicts", [{"stop_ms": 1}])
