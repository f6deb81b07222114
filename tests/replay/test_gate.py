"""A gate passes what is no worse, fails what is, and says when it cannot tell."""

from __future__ import annotations

import dataclasses
import functools

import pytest

from bench.errors import ConfigError
from bench.replay import folder, golden
from bench.replay.comparison import compare
from bench.replay.gate import gate
from bench.replay.scenario import Anchor, Gate, GateMetric, Stack
from bench.trace import Trace
from bench.truths import ListenerHeard, Sounded
from tests.replay.some_calls import step
from tests.replay.some_runs import CUT, HELLO, played, scenario

pytestmark = pytest.mark.replay

ANSWER = "We are open from nine to five. Come by."
V2V = GateMetric("v2v_ms", "median_paired", 30, False)
CUTS = GateMetric("cutoff_exact", "rate", 0.02, False, "higher")


def runs_of(*metrics: GateMetric, thinking: tuple[float, ...] = (0.3,) * 8, **changes) -> list:
    """A run for each of the agent's thinking times."""
    asked = scenario(HELLO, CUT, gate=Gate(metrics=metrics, **changes))
    return [
        dataclasses.replace(one, scenario=asked, repeat=k, trace=again(one.trace))
        for k, one in enumerate(map(thinking_for, thinking))
    ]


@functools.cache
def thinking_for(seconds, line=ANSWER):
    return played(scenario(HELLO, CUT), [line], think_seconds=seconds)


def again(trace):
    copy = Trace()
    copy.entries = list(trace.entries)
    return copy


SPREAD = (0.3, 0.42, 0.35, 0.5, 0.38, 0.33, 0.47, 0.4)


def slower(by: float) -> tuple[float, ...]:
    return tuple(seconds + by for seconds in SPREAD)


def test_no_change_passes_however_few_the_repeats():
    (verdict,) = gate(runs_of(V2V, thinking=(0.3,)), runs_of(V2V, thinking=(0.3,)))
    assert (verdict.status, verdict.why) == ("pass", "unchanged")
    assert verdict.expectation.endswith(" v2v_ms median_paired")
    assert verdict.wanted == "at most 30 ms higher"


def test_slower_beyond_the_margin_fails_and_within_it_passes():
    base = runs_of(V2V, thinking=SPREAD)
    (fails,) = gate(runs_of(V2V, thinking=slower(0.1)), base)
    assert fails.status == "fail"
    assert fails.got == "+100 ms (95 % interval +100 ms to +100 ms), n = 16"
    (passes,) = gate(runs_of(V2V, thinking=slower(0.02)), base)
    assert passes.status == "pass"
    (better,) = gate(runs_of(V2V, thinking=slower(-0.1)), base)
    assert (better.status, better.why) == ("pass", "better")


def test_a_share_of_the_baseline_is_a_ratio():
    relative = GateMetric("v2v_ms", "median_paired", 0.05, True)
    base = runs_of(relative, thinking=SPREAD)
    (fails,) = gate(runs_of(relative, thinking=slower(0.1)), base)
    assert fails.status == "fail"
    assert fails.wanted == "at most 5 % higher"
    assert "%" in fails.got
    (passes,) = gate(runs_of(relative, thinking=slower(0.005)), base)
    assert passes.status == "pass"


def test_what_varies_too_much_to_tell_is_inconclusive():
    (verdict,) = gate(
        runs_of(V2V, thinking=(0.2, 0.6, 0.2, 0.6)), runs_of(V2V, thinking=(0.35,) * 4)
    )
    assert verdict.status == "inconclusive"
    assert verdict.why.startswith("about ")


def test_a_difference_of_few_repeats_is_not_yet_one():
    """Two repeats, both 100 ms slower: beyond the margin, and as likely as a coin."""
    (verdict,) = gate(runs_of(V2V, thinking=(0.5, 0.6)), runs_of(V2V, thinking=(0.4, 0.5)))
    assert verdict.status == "inconclusive"
    assert "p = 0.5" in verdict.why
    (one,) = gate(runs_of(V2V, thinking=(0.5,)), runs_of(V2V, thinking=(0.4,)))
    assert (one.status, one.why) == ("inconclusive", "one repeat has no interval")


def test_looking_at_many_metrics_asks_for_more():
    """Six repeats give p = 0.03: enough alone, not as one of three."""
    thinking = slower(0.1)[:6]
    alone = gate(runs_of(V2V, thinking=thinking), runs_of(V2V, thinking=SPREAD[:6]))
    assert [v.status for v in alone] == ["fail"]
    three = (
        V2V,
        GateMetric("ttft_ms", "median_paired", 1, False),
        dataclasses.replace(V2V, stat="mean"),
    )
    among = gate(runs_of(*three, thinking=thinking), runs_of(*three, thinking=SPREAD[:6]))
    assert [v.status for v in among] == ["inconclusive"] * 3
    uncorrected = gate(
        runs_of(*three, thinking=thinking, correction="none"),
        runs_of(*three, thinking=SPREAD[:6], correction="none"),
    )
    assert [v.status for v in uncorrected] == ["fail"] * 3


def test_a_quantile_takes_its_number_of_values():
    p95 = GateMetric("v2v_ms", "p95", 0.1, True)
    (verdict,) = gate(runs_of(p95, thinking=slower(0.1)), runs_of(p95, thinking=SPREAD))
    assert (verdict.status, verdict.why) == ("inconclusive", "p95 takes 59 or more")
    p50 = GateMetric("v2v_ms", "p50", 30, False)
    (verdict,) = gate(runs_of(p50, thinking=slower(0.2)), runs_of(p50, thinking=SPREAD))
    assert verdict.status == "fail"


def test_a_rate_that_falls_fails_and_higher_is_better():
    base = runs_of(CUTS, thinking=(0.3,) * 30)
    worse = runs_of(CUTS, thinking=(0.3,) * 30)
    for run in worse[::2]:
        entries = run.trace.entries
        at = next(i for i, entry in enumerate(entries) if isinstance(entry.fact, ListenerHeard))
        lost = dataclasses.replace(entries[at].fact, text="We")
        entries[at] = entries[at]._replace(fact=lost)
    (verdict,) = gate(worse, base)
    assert verdict.status == "fail"
    assert verdict.wanted == "at most 2 pp lower"
    assert verdict.got.startswith("-50 pp")
    (same,) = gate(base, base)
    assert (same.status, same.why) == ("pass", "unchanged")


def test_an_answer_that_is_missing_now_is_not_passed_over():
    base, now = runs_of(V2V), runs_of(V2V)
    for run in now[:1]:
        run.trace.entries = [e for e in run.trace.entries if not isinstance(e.fact, Sounded)]
    (verdict,) = gate(now, base)
    assert verdict.status == "inconclusive"
    assert verdict.why == "2 that were there before are missing now"


def test_what_cannot_be_compared_is_void():
    base = runs_of(V2V)
    for run in base:
        run.seed = 8
    (verdict,) = gate(runs_of(V2V), base)
    assert verdict.status == "void"
    assert "then seed 8" in verdict.why
    no_such = GateMetric("stop_ms", "rate", 1, False)
    assert gate(runs_of(no_such), runs_of(no_such))[0].why == "stop_ms has no rate"
    nothing = GateMetric("hold_ms", "p50", 1, False)
    assert gate(runs_of(nothing), runs_of(nothing))[0].why == "no data in both"
    assert gate(runs_of(V2V), []) == []
    assert gate(runs_of(), runs_of()) == []


def test_another_stack_can_be_the_baseline():
    other = Stack(stt="sim:other")
    now, base = (
        runs_of(V2V, thinking=slower(0.1), baseline=other.name),
        runs_of(V2V, thinking=SPREAD),
    )
    for run in base:
        run.stack = other
        run.scenario = now[0].scenario
    (verdict,) = gate([*now, *base], [])
    assert verdict.status == "fail"
    assert Stack().name in verdict.expectation


# A folder of runs


def kept(runs, directory):
    for run in runs:
        folder.write(run, directory)
    return directory


def test_runs_beside_a_folder_of_runs(tmp_path):
    base = kept(runs_of(V2V, thinking=SPREAD), tmp_path)
    same = compare(runs_of(V2V, thinking=SPREAD), base)
    assert same.status == "pass"
    assert same.text().splitlines()[0] == "baseline: 8 of 8 runs compared are just as before"
    assert [verdict.why for verdict in same.gate] == ["unchanged"]


def test_the_same_words_later_are_for_statistics_to_judge(tmp_path):
    base = kept(runs_of(V2V, thinking=SPREAD), tmp_path)
    later = compare(runs_of(V2V, thinking=slower(0.02)), base)
    assert later.status == "pass"
    assert all(like.notes for like in later.likenesses)
    too_late = compare(runs_of(V2V, thinking=slower(0.1)), base)
    assert too_late.status == "fail"
    assert too_late.failed == ()
    assert "fail: short/" in too_late.text()


def test_other_words_fail_whatever_the_statistics_say(tmp_path):
    base = kept(runs_of(V2V, thinking=SPREAD), tmp_path)
    now = runs_of(V2V, thinking=SPREAD)
    for run, seconds in zip(now, SPREAD, strict=True):
        run.trace = thinking_for(seconds, "We are closed.").trace
    other = compare(now, base)
    assert other.status == "fail"
    assert len(other.failed) == 8
    assert '"We are closed."' in other.text()


def test_inconclusive_warns_or_fails_as_the_gate_says(tmp_path):
    wide, narrow = (0.2, 0.6, 0.2, 0.6), (0.35,) * 4
    base = kept(runs_of(V2V, thinking=narrow, exact=()), tmp_path)
    warned = compare(runs_of(V2V, thinking=wide, exact=()), base)
    assert [verdict.status for verdict in warned.gate] == ["inconclusive"]
    assert warned.status == "pass"
    failed = compare(runs_of(V2V, thinking=wide, exact=(), inconclusive="fail"), base)
    assert failed.status == "inconclusive"


def test_new_and_gone_runs_are_told(tmp_path):
    kept(runs_of(V2V, thinking=(0.3,)), tmp_path)
    new = scenario(HELLO, id="new")
    told = compare([played(new)], tmp_path)
    assert told.status == "void"
    assert told.new == (f"new/{Stack().name}/0",)
    assert told.gone == (f"short/{Stack().name}/0",)
    assert "new, nothing stored: new/" in told.text()


def test_golden_files_will_do_without_runs(tmp_path):
    (run,) = runs_of(thinking=(0.3,))
    golden.store(run, tmp_path)
    assert compare([run], tmp_path).status == "pass"
    other = played(scenario(HELLO, step("cut", Anchor("bot_word", word=2), "no stop")), [ANSWER])
    assert compare([other], tmp_path).status == "fail"


def test_void_runs_are_not_compared(tmp_path):
    runs = runs_of(V2V, thinking=(0.3,))
    kept(runs, tmp_path)
    now = runs_of(V2V, thinking=(0.3,))
    now[0].void = "the machine was late"
    assert compare(now, tmp_path).status == "void"


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="no folder of runs"):
        compare(runs_of(thinking=(0.3,)), tmp_path / "nowhere")
