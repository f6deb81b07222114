"""A summary that reads well in a pull request, and in which nobody's words are markup."""

from __future__ import annotations

import dataclasses
import re

import pytest

from bench.replay.comparison import Comparison
from bench.replay.golden import Difference, Likeness
from bench.replay.runs import Verdict
from bench.report.markdown import LARGEST, block, code, markdown
from tests.report.some_runs import one, scenario, several

pytestmark = pytest.mark.unit

HOSTILE = "@everyone `x` | <img src=x onerror=alert(1)>\n# heading ```\n\u202ebidi\x07"


def run_with(*verdicts, **changes):
    return dataclasses.replace(one(), verdicts=list(verdicts), **changes)


def outside_code(text):
    """What is left of a Markdown text when its code is taken out."""
    kept, fence = [], ""
    for line in text.splitlines():
        mark = re.match("(`{3,})", line)
        if fence:
            fence = "" if line == fence else fence
        elif mark:
            fence = mark[1]
        else:
            kept.append(re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", line))
    return "\n".join(kept)


def test_a_table_of_scenarios_and_stacks_with_their_figures():
    text = markdown(several())
    rows = [line for line in text.splitlines() if line.startswith("| `opening-hours`")]
    assert len(rows) == 2
    assert all(row.count("|") == 9 for row in rows)
    assert all(re.search(r"\| \d+ ms \| – \| \d+ ms \| 18 \|$", row) for row in rows)
    assert "12 runs: 12 fail." in text


def test_simulated_figures_are_labelled_and_assumptions_told():
    text = markdown([run_with()])
    assert "simulated" in text.splitlines()[4].lower()
    assert all("simulated" in line for line in text.splitlines() if line.startswith("| `opening"))
    assert "`word times of the partials`" in text


def test_failures_come_with_what_was_wanted_and_a_word_diff():
    failed = Verdict("steps.cut.heard", "fail", '"a b"', '"a c"', "1 word off: a [-b-] {+c+}")
    text = markdown([run_with(failed, Verdict("run.turns", "pass", "2", "2"))])
    assert '- ❌ fail `steps.cut.heard`: got `"a c"`, wanted `"a b"`' in text
    assert "`1 word off: a [-b-] {+c+}`" in text
    assert "run.turns" not in text
    assert text.startswith("### Replay: ❌ fail")


def test_a_passing_run_says_no_more_than_that():
    text = markdown([run_with(Verdict("run.turns", "pass", "2", "2"))])
    assert text.startswith("### Replay: ✅ pass")
    assert "did not pass" not in text
    assert markdown([]).startswith("### Replay: nothing was played")


def test_what_is_void_or_undecided_is_not_hidden():
    few = Verdict("across_repeats.rate", "inconclusive", "at most 0.1", "1 of 2", "few events")
    text = markdown([run_with(void="a frame left late")], across=[few])
    assert "⚪ void" in text
    assert "`a frame left late`" in text
    assert "❔ inconclusive `across_repeats.rate`" in text


def test_hostile_words_stay_in_code():
    odd = dataclasses.replace(scenario(), id=HOSTILE)
    bad = Verdict(HOSTILE, "fail", HOSTILE, HOSTILE, HOSTILE)
    like = Likeness(HOSTILE, (Difference("heard", HOSTILE, HOSTILE),), (HOSTILE,))
    compared = Comparison((like,), (bad,), (HOSTILE,), (HOSTILE,))
    text = markdown([run_with(bad, scenario=odd)], compared, [bad])
    plain = outside_code(text)
    for word in ("@everyone", "<img", "# heading", "bidi"):
        assert word not in plain
    assert "\u202e" not in text
    assert "\x07" not in text


@pytest.mark.parametrize("text", ["`", "``", "a`b", "`a`", "a|b", "x" * 50, "a\n\nb"])
def test_a_code_span_ends_where_it_should(text):
    span = code(text)
    mark = re.match("`+", span)[0]
    inside = span[len(mark) : -len(mark)]
    assert mark not in re.findall("`+", inside)
    assert inside.strip(" ") == " ".join(text.split())
    assert "\n" not in span


def test_a_pipe_in_a_table_stays_in_its_cell():
    assert code("a|b", cell=True) == r"`a\|b`"
    assert code("") == ""


def test_a_block_is_fenced_longer_than_what_is_in_it():
    assert block("````\nx", "diff").startswith("`````diff\n")


def test_the_baseline_is_told_with_its_diffs():
    like = Likeness(
        "a/s/0",
        (Difference("heard", "first at line 2: was x – now y", "- x\n+ y"),),
        ("3 facts moved",),
    )
    gate = Verdict("a/s v2v_ms p50", "inconclusive", "at most 5 %", "+4 %", "about 90 would decide")
    text = markdown([run_with()], Comparison((like, Likeness("b/s/0")), (gate,), ("n",), ("g",)))
    assert "1 of 2 runs compared are as before" in text
    assert "```diff\n- x\n+ y\n```" in text
    assert "`3 facts moved`" in text
    assert "| `a/s v2v_ms p50` | ❔ inconclusive | `+4 %` | `at most 5 %` |" in text
    assert "New, nothing stored: `n`" in text
    assert "Stored, not run now: `g`" in text


def test_a_summary_fits_a_comment_and_closes_what_it_opened():
    long = Likeness("a/s/0", (Difference("heard", "first", "+ word\n" * 20_000),))
    text = markdown([run_with()], Comparison((long,)))
    assert len(text) < LARGEST + 200
    assert "… cut" in text
    assert len(re.findall(r"^```", text, re.MULTILINE)) % 2 == 0
