"""JUnit that any reader takes: one case a run, one outcome a case, whatever the words."""

from __future__ import annotations

import dataclasses
import json
import xml.etree.ElementTree as ET

import pytest

from bench.replay.comparison import Comparison
from bench.replay.golden import Difference, Likeness
from bench.replay.runs import Verdict
from bench.report.junit import junit
from bench.report.summary_json import summary_json
from tests.report.some_runs import one, play, scenario

pytestmark = pytest.mark.unit

HOSTILE = "</failure><x>&\x00\x1b[31m]]>\ud800\ufffe\"' \U0001f600"
FAILED = Verdict("steps.cut.heard", "fail", "We are", HOSTILE, "1 word more")


def run_with(*verdicts, **changes):
    return dataclasses.replace(one(), verdicts=list(verdicts), **changes)


def cases(text):
    return {case.get("name"): case for case in ET.fromstring(text).iter("testcase")}


def test_every_run_is_a_case_and_the_sums_are_right():
    passed = run_with(Verdict("run.turns", "pass", "2", "2"), wall_seconds=0.25)
    failed = run_with(FAILED, repeat=1, wall_seconds=0.5)
    few = Verdict("run.rate", "inconclusive", "at most 0.1", "1 of 2", "fewer than 10 events")
    open_ = run_with(few, repeat=2)
    root = ET.fromstring(junit([failed, passed, open_]))
    (suite,) = root
    assert (root.tag, suite.get("name")) == ("testsuites", "opening-hours")
    for element in (root, suite):
        sums = [element.get(name) for name in ("tests", "failures", "errors", "skipped")]
        assert sums == ["3", "1", "0", "1"]
    assert suite.get("time") == f"{0.75 + open_.wall_seconds:.3f}"
    names = [case.get("name") for case in suite]
    assert names == [f"{passed.stack.name}/{k}" for k in range(3)]
    assert suite[2].find("skipped").get("message").startswith("inconclusive: run.rate: 1 of 2")


def test_every_reason_of_a_failure_is_in_the_one_failure():
    other = Verdict("run.turns", "fail", "2", "3")
    (case,) = cases(junit([run_with(FAILED, other)])).values()
    (failure,) = case.findall("failure")
    assert "steps.cut.heard" in failure.text
    assert "run.turns: 3, wanted 2" in failure.text


def test_a_run_that_counts_for_nothing_is_skipped_and_says_why():
    (case,) = cases(junit([run_with(FAILED, void="a frame left 40 ms late")])).values()
    assert case.find("failure") is None
    assert case.find("skipped").get("message") == "void: a frame left 40 ms late"


def test_simulated_figures_are_labelled_and_runs_can_be_told_again():
    (case,) = cases(junit([run_with()])).values()
    properties = {p.get("name"): p.get("value") for p in case.find("properties")}
    assert "simulated" in properties["figures"]
    assert properties["seed"] == "7"
    assert properties["trace"] == one().digest


def test_hostile_words_are_words():
    odd = dataclasses.replace(scenario(), id=HOSTILE)
    text = junit([run_with(FAILED, scenario=odd, void="")])
    (case,) = cases(text).values()
    assert "</failure><x>&" in case.find("failure").text
    assert "\N{REPLACEMENT CHARACTER}" in case.find("failure").text
    assert case.get("classname").startswith("</failure><x>&")
    assert len(list(ET.fromstring(text).iter("x"))) == 0
    text.encode("utf-8")


def test_all_repeats_and_the_baseline_are_suites():
    difference = Difference("heard", "first at line 1: was a – now b", "- a\n+ b")
    compared = Comparison(
        likenesses=(
            Likeness("a/s/0"),
            Likeness("a/s/1", (difference,)),
            Likeness("a/s/2", missing="stored with seed 3"),
            Likeness("a/s/3", notes=("1 fact moved",)),
        ),
        gate=(Verdict("a/s v2v_ms p50", "fail", "at most 5 % higher", "+9 %"),),
        new=("b/s/0",),
    )
    across = [Verdict("across_repeats.v2v_ms", "fail", "p50 at most 1 ms", "p50 2 ms")]
    text = junit([], compared, across)
    found = cases(text)
    assert found["across_repeats.v2v_ms"].find("failure") is not None
    assert found["a/s/0"].find("failure") is None
    assert "+ b" in found["a/s/1"].find("failure").text
    assert found["a/s/2"].find("skipped").get("message") == "stored with seed 3"
    assert found["a/s/3"].find("system-out").text == "1 fact moved"
    assert "+9 %" in found["a/s v2v_ms p50"].find("failure").text
    assert found["b/s/0"].find("skipped") is not None
    assert [suite.get("name") for suite in ET.fromstring(text)] == ["across repeats", "baseline"]


def test_nothing_played_is_a_document_too():
    assert ET.fromstring(junit([])).get("tests") == "0"


def test_json_holds_the_verdicts_and_the_figures():
    told = json.loads(summary_json([play(scenario(), one().stack), run_with(FAILED)]))
    assert told["status"] == "fail"
    assert "simulated" in told["simulated"]
    first, second = told["runs"]
    assert second["verdicts"][0]["got"].startswith("</failure>")
    assert [stop["step"] for stop in first["stops"]].count("cut") == 1
    assert all(answer["v2v"] > 0 for answer in first["answers"] if answer["v2v"])
    assert first["cuts"][0]["error_words"] is not None
    assert told["baseline"] is None
    assert json.loads(summary_json([]))["status"] == "void"


def test_json_tells_of_the_baseline():
    compared = Comparison(likenesses=(Likeness("a/s/0"),), gone=("c/s/0",))
    baseline = json.loads(summary_json([run_with()], compared))["baseline"]
    assert (baseline["status"], baseline["gone"]) == ("pass", ["c/s/0"])
    assert baseline["runs"][0]["status"] == "pass"
