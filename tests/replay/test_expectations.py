"""Every expectation can pass and can fail; what has no data has not passed."""

from __future__ import annotations

import dataclasses

import pytest

from bench.events import Held, ProviderFailed, Underrun
from bench.replay.expectations import judge, judge_across
from bench.replay.expectations_table import ACROSS, RUN, STEP, TABLE
from bench.replay.operands import check
from bench.replay.scenario import Anchor
from bench.trace import Entry
from bench.truths import ListenerHeard, Sounded, StepPlayed
from tests.replay.some_calls import step
from tests.replay.some_runs import CUT, HELLO, expecting, played, scenario

pytestmark = pytest.mark.replay

ANSWER = "We are open from nine to five. Come by."
MHM = step("mhm", Anchor("bot_starts", 0.4), "mhm", role="backchannel")
IDLE = step("idle", Anchor("bot_ends", 0.1), "", silence=4.0)


@pytest.fixture(scope="module")
def cut_off():
    """The bot says "We are open" and a few words more, is cut off, and says all of it again."""
    return played(scenario(HELLO, CUT), [ANSWER])


def verdict(run, path, wanted, **more):
    run.scenario = dataclasses.replace(
        run.scenario,
        expect=expecting(
            (path, wanted), *((f"{path.split('.')[0]}.{k}", v) for k, v in more.items())
        ),
    )
    return next(v for v in judge(run) if v.expectation.endswith(path.split(".", 1)[1]))


EXPECTED = [
    ("hello.v2v_ms", {"max": 700}, {"max": 600}),
    ("hello.v2v_ms", {"min": 600}, {"min": 700}),
    ("hello.endpoint_delay_ms", {"max": 150}, {"max": 50}),
    ("hello.ttft_ms", {"min": 499, "max": 501}, {"max": 499}),
    ("hello.ttfs_ms", {"min": 99, "max": 101}, {"max": 99}),
    ("hello.replies", True, False),
    ("hello.reply", {"contains": "open from nine"}, {"contains": "nine to five"}),
    ("hello.reply", {"regex": "(?i)WE are"}, {"regex": "^open"}),
    ("hello.reply", {"lacks": "come by"}, {"lacks": "OPEN"}),
    ("cut.reply", {"equals": ANSWER.lower()}, {"equals": "We are open"}),
    ("hello.user_turns", 1, 2),
    ("hello.user_turns", [0, 1], [2, 3]),
    ("hello.user_turns", {"max": 1}, {"min": 2}),
    ("hello.transcript", {"equals": "Hello there!"}, {"contains": "goodbye"}),
    ("hello.heard_wer", {"max": 0.0}, {"min": 0.1}),
    ("hello.interrupts", False, True),
    ("hello.missed", False, True),
    ("hello.bot_says", {"contains": "open"}, {"contains": "goodbye"}),
    ("cut.interrupts", True, False),
    ("cut.stop_ms", {"max": 720}, {"max": 700}),
    ("cut.detect_ms", {"max": 720}, {"max": 700}),
    ("cut.flush_ms", {"max": 0}, {"min": 1}),
    ("cut.cut_ms", {"min": 100}, {"max": 100}),
    ("cut.overlap_ms", {"max": 720}, {"max": 10}),
    ("cut.heard", "we are open from nine to", "We are open from nine to five. Come by."),
    ("cut.context_equals_heard", True, False),
    ("cut.cutoff_error_words", {"min": 0, "max": 0}, {"min": 1}),
    ("cut.cut_words", {"min": 3, "max": 3}, {"max": 2}),
    ("cut.phantom_characters", {"max": 0}, {"min": 1}),
    ("cut.resume", False, True),
    ("cut.not_said_after", "seven", "come by"),
    ("run.turns", {"bot": 2, "user": [1, 2]}, {"bot": 3}),
    ("run.interrupts", 1, 0),
    ("run.overlap_ms", {"max": 720}, {"max": 10}),
    ("run.underruns", {"max": 0}, {"min": 1}),
    ("run.underrun_ms", {"max": 0}, {"min": 1}),
    ("run.v2v_ms", {"p50": {"max": 700}}, {"p50": {"max": 600}}),
    ("run.stop_ms", {"max": {"max": 720}}, {"max": {"max": 700}}),
    ("run.duration_s", {"max": 20}, {"max": 2}),
    ("run.longest_silence_ms", {"max": 9000}, {"max": 20}),
    ("run.heard_wer", {"max": 0}, {"min": 0.5}),
    ("run.cutoff_exact", {"min": 1}, {"max": 0.5}),
    ("run.failures", 0, 1),
    ("run.events", {"present": ["CutOff"]}, {"absent": ["CutOff"]}),
    ("run.events", {"absent": ["Underrun"]}, {"present": ["Underrun"]}),
    ("run.bot_says", {"contains": "come by"}, {"lacks": "come by"}),
    ("run.ends", "terminated", "idle"),
]


@pytest.mark.parametrize(("path", "holds", "fails"), EXPECTED, ids=lambda value: str(value)[:40])
def test_an_expectation_can_pass_and_can_fail(cut_off, path, holds, fails):
    passed = verdict(cut_off, path, holds)
    assert (passed.status, passed.why) == ("pass", ""), passed
    failed = verdict(cut_off, path, fails)
    assert failed.status == "fail", failed
    assert failed.wanted
    assert failed.got
    assert failed.got != "no data"


def test_heard_may_be_off_by_some_words(cut_off):
    assert verdict(
        cut_off, "cut.heard", "We are open from nine", heard_tolerance_words=1
    ).status == ("pass")
    off = verdict(cut_off, "cut.heard", "We are open at eight", heard_tolerance_words=1)
    assert off.status == "fail"
    assert off.wanted == '"We are open at eight", within 1 word'
    assert off.got == '"We are open from nine to"'
    assert off.why == "3 words off: We are open [-at eight-] {+from nine to+}"


def test_a_cough_holds_the_bot_and_it_goes_on():
    run = played(scenario(HELLO, MHM), [ANSWER])
    assert verdict(run, "mhm.interrupts", False).status == "pass"
    assert verdict(run, "mhm.replies", False).status == "pass"
    assert verdict(run, "run.false_interrupts", 0).status == "pass"
    never_paused = verdict(run, "mhm.hold_ms", {"max": 5000})
    assert (never_paused.status, never_paused.got) == ("fail", "no data")


@pytest.mark.parametrize(("first_sample", "what"), [(16_000, "resumes"), (8_000, "restarts")])
def test_going_on_is_from_where_it_was(first_sample, what):
    run = played(scenario(HELLO, MHM), [ANSWER])
    (sounded,) = run.trace.of(Sounded)
    at = sounded.began_at
    held = dataclasses.replace(sounded, ended_at=at + 1, samples=16_000, reason="held")
    again = dataclasses.replace(sounded, began_at=at + 2, at_sample=first_sample)
    kept = [e for e in run.trace.entries if e.fact is not sounded]
    told = [Entry(at + 1, Held("voice", "", 16_000)), Entry(at + 1, held), Entry(at + 3, again)]
    run.trace.entries = sorted([*kept, *told], key=lambda entry: entry.at)
    judged = verdict(run, "mhm.resume", True)
    assert judged.status == ("pass" if what == "resumes" else "fail")
    assert judged.got == ("yes" if what == "resumes" else "restarts")
    assert verdict(run, "mhm.resume", False).status == "fail"
    assert verdict(run, "mhm.hold_ms", {"min": 999, "max": 1001}).status == "pass"


def test_what_the_bot_says_during_silence_and_when():
    run = played(scenario(HELLO, IDLE), [ANSWER], idle_seconds=2.0, idle_prompts=("Still there?",))
    assert verdict(run, "idle.bot_says", {"contains": "still there"}).status == "pass"
    during = verdict(run, "idle.between_s", [1.5, 2.5], bot_says={"contains": "still there"})
    assert during.status == "pass", during
    early = verdict(run, "idle.between_s", [0, 1], bot_says={"contains": "still there"})
    assert early.status == "fail"
    other = verdict(run, "idle.between_s", [0, 9], bot_says={"contains": "you have won"})
    assert (other.status, other.got) == ("fail", "no data")


@pytest.mark.parametrize("row", [r for r in STEP if r.modifies != "heard"], ids=lambda r: r.name)
def test_no_data_of_a_step_is_no_pass(row):
    """A step that sounded while nothing else happened."""
    run = played(scenario(HELLO))
    keep = [e for e in run.trace.entries if isinstance(e.fact, StepPlayed) or e.at == 0]
    run.trace.entries = keep
    for operand in OPERANDS[row.kind]:
        judged = verdict(run, f"hello.{row.name}", operand, **also(row.modifies))
        if row.name not in ALWAYS_KNOWN:
            assert judged.status == "fail", judged


# Of a step nothing came of it is known that nothing did.
ALWAYS_KNOWN = {
    *("replies", "interrupts", "resume", "not_said_after", "user_turns", "missed"),
    *("overlap_ms", "heard_wer"),
}
OPERANDS = {
    "range": [{"min": -1e9, "max": 1e9}],
    "flag": [True, False],
    "text": ["x"],
    "count": [[0, 1000]],
    "match": [{"lacks": "x"}],
    "window": [[0, 1e9]],
    "spread": [{"p50": {"max": 1e9}}],
}


def also(modified):
    return {modified: {"lacks": "x"}} if modified == "bot_says" else {}


@pytest.mark.parametrize("row", RUN, ids=lambda row: row.name)
def test_every_metric_of_a_run_is_judged(row, cut_off):
    operand = {"events": {"absent": ["Underrun"]}, "turns": {"bot": 2}}.get(row.name)
    operand = operand or OPERANDS[row.kind][0]
    judged = verdict(cut_off, f"run.{row.name}", operand)
    assert judged.expectation == f"run.{row.name}"


def test_an_empty_trace_passes_no_figure_of_a_run():
    run = played(scenario(HELLO))
    run.trace.entries = run.trace.entries[:1]
    for name in ("v2v_ms", "stop_ms", "heard_wer", "cutoff_exact", "bot_says", "ends"):
        judged = verdict(run, f"run.{name}", OPERANDS[TABLE["run"][name].kind][0])
        assert (judged.status, judged.got) == ("fail", "no data"), name


def test_failures_and_gaps_are_counted():
    run = played(scenario(HELLO))
    run.trace.entries.append(Entry(5.0, ProviderFailed("sim:x", "Stalled", 3.0)))
    assert verdict(run, "run.failures", 0).got == "1"
    absent = verdict(run, "run.events", {"absent": ["ProviderFailed"], "present": ["CutOff"]})
    assert absent.wanted == "CutOff at least once, no ProviderFailed"
    assert absent.got == "no CutOff, 1 × ProviderFailed"
    (sounded,) = run.trace.of(Sounded)
    at = next(i for i, entry in enumerate(run.trace.entries) if entry.fact is sounded)
    half = sounded.samples // 2
    middle = sounded.began_at + 0.5
    run.trace.entries[at : at + 1] = [
        Entry(3.0, dataclasses.replace(sounded, ended_at=middle, samples=half, reason="dry")),
        Entry(3.5, dataclasses.replace(sounded, began_at=middle + 0.1, at_sample=half)),
    ]
    assert not run.trace.of(Underrun)
    assert verdict(run, "run.underruns", {"max": 0}).got == "1"
    assert verdict(run, "run.underrun_ms", {"max": 50}).got == "100 ms"


def test_a_stop_that_never_came_says_so():
    run = played(scenario(HELLO, CUT), [ANSWER], barge_in="never")
    judged = verdict(run, "cut.stop_ms", {"max": 400})
    assert judged.status == "fail"
    assert judged.got == "no data"
    assert "the bot did not stop" in judged.why


# Steps that were not played


def test_a_step_whose_anchor_never_came_fails_the_run():
    late = step("late", Anchor("bot_word", word=40), timeout_seconds=2.0)
    run = played(scenario(HELLO, late, CUT, expect=expecting(("cut.interrupts", False))))
    assert run.verdicts == []
    missed, after, expected = run.verdicts = judge(run)
    assert missed.expectation == "script.late"
    assert missed.status == "fail"
    assert "after word 40 of the bot's answer" in missed.wanted
    assert missed.why == "bot_word did not come within 2 s"
    assert (after.expectation, after.status) == ("script.cut", "fail")
    assert (expected.expectation, expected.status) == ("steps.cut.interrupts", "fail")
    assert run.status == "fail"


def test_a_step_that_may_be_skipped_counts_for_nothing():
    late = step("late", Anchor("bot_word", word=40), timeout_seconds=2.0, if_missed="skip")
    expect = expecting(("late.replies", True), ("late.missed", True), ("hello.replies", True))
    run = played(scenario(HELLO, late, expect=expect))
    assert [(v.expectation, v.status) for v in judge(run)] == [
        ("steps.late.replies", "void"),
        ("steps.late.missed", "pass"),
        ("steps.hello.replies", "pass"),
    ]


def test_a_step_said_without_its_anchor_is_judged_as_any():
    late = step("late", Anchor("bot_word", word=40), timeout_seconds=2.0, if_missed="say_now")
    expect = expecting(("late.replies", True), ("late.missed", True))
    assert [v.status for v in judge(played(scenario(HELLO, late, expect=expect)))] == ["pass"] * 2


# Many runs


def runs_of(expect, *, cuts=3, mhms=2):
    asked = [scenario(HELLO, CUT, expect=expect)] * cuts + [
        scenario(HELLO, MHM, expect=expect)
    ] * mhms
    runs = [played(each, [ANSWER], repeat=k) for k, each in enumerate(asked)]
    for run in runs:
        run.verdicts = judge(run)
    return runs


def across(expect, **counts):
    (judged,) = judge_across(runs_of(expecting(expect), **counts))
    return judged


def test_figures_of_all_steps_of_all_repeats():
    judged = across(("across.v2v_ms", {"p50": {"max": 700}, "p95": {"max": 710}}))
    assert judged.status == "pass"
    assert judged.got.endswith("(n = 8)")
    assert across(("across.v2v_ms", {"p50": {"max": 100}})).status == "fail"
    assert across(("across.stop_ms", {"max": {"max": 720}})).got == "max 710 ms (n = 3)"


def test_too_few_values_are_inconclusive():
    judged = across(("across.stop_ms", {"p95": {"max": 900}, "min_events": 59}))
    assert (judged.status, judged.got, judged.why) == (
        "inconclusive",
        "n = 3",
        "fewer than 59 values",
    )


def test_rates_need_events():
    assert across(("across.false_interrupt_rate", {"max": 0.0})).got == "0 (0 of 2)"
    few = across(("across.false_interrupt_rate", {"max": 0.02, "min_events": 10}))
    assert (few.status, few.got) == ("inconclusive", "0 of 2")
    none = across(("across.false_interrupt_rate", {"max": 0.02}), mhms=0)
    assert (none.status, none.got) == ("fail", "no data")
    assert across(("across.response_rate", {"min": 1.0})).status == "pass"
    assert across(("across.yield_rate", {"max": 0.5})).status == "fail"


@pytest.mark.parametrize("row", ACROSS, ids=lambda row: row.name)
def test_every_metric_of_many_runs_is_judged_and_none_without_runs(row):
    runs = runs_of(expecting((f"across.{row.name}", OPERANDS[row.kind][0])), cuts=1, mhms=0)
    (judged,) = judge_across(runs)
    assert judged.expectation == f"across_repeats.{row.name}"
    for run in runs:
        run.void = "the machine was late"
    (void,) = judge_across(runs)
    assert (void.status, void.got) == ("fail", "no data")
    assert judge_across([]) == []


def test_the_share_of_repeats_that_passed():
    runs = runs_of(expecting(("run.interrupts", 1), ("across.pass_rate", {"min": 0.9})))
    assert [run.status for run in runs] == ["pass"] * 3 + ["fail"] * 2
    (judged,) = judge_across(runs)
    assert (judged.status, judged.got) == ("fail", "0.6 (3 of 5)")


def test_hostile_words_stay_in_one_short_line():
    run = played(scenario(HELLO), ["A <b>bold</b>\n| claim | ]]> & more " * 40])
    judged = verdict(run, "hello.reply", {"equals": "nothing of it"})
    assert judged.status == "fail"
    assert "\n" not in judged.got
    assert len(judged.got) < 300


def test_figures_read_as_short_as_they_can():
    row = TABLE["step"]["stop_ms"]
    assert check(row, {"max": 400}, 152.64).got == "152.6 ms"
    assert check(row, {"min": 1, "max": 3}, 2.0).wanted == "1 to 3 ms"
    assert check(row, {"max": 0}, -0.04).got == "0 ms"
    assert check(TABLE["run"]["cost_per_min_usd"], {"max": 0.06}, 0.027612).got == "0.02761 USD"


def test_the_words_heard_are_the_loudspeakers(cut_off):
    """Not those the history holds: with a word more in the truth the two are no longer equal."""
    run = played(scenario(HELLO, CUT), [ANSWER])
    for i, (at, fact) in enumerate(run.trace.entries):
        if isinstance(fact, ListenerHeard):
            longer = dataclasses.replace(fact, text=f"{fact.text} five")
            run.trace.entries[i] = Entry(at, longer)
            break
    judged = verdict(run, "cut.context_equals_heard", True)
    assert judged.status == "fail"
    assert judged.why == (
        'heard "We are open from nine to five", context "We are open from nine to"'
    )
