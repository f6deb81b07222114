"""Runs in, JUnit XML out: a test case for every run, as build servers read them."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence

from bench.replay.comparison import Comparison
from bench.replay.runs import Run, Status, Verdict
from bench.report.telling import SIMULATED, by_scenario, statuses_of, verdict_line

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(
    runs: Sequence[Run], comparison: Comparison | None = None, across: Iterable[Verdict] = ()
) -> str:
    """A suite for each scenario, a case for each stack and repeat.

    What failed is a failure with every reason in it; what is inconclusive or void is skipped and
    says why, for JUnit has no third colour. `across` and `comparison` are suites of their own.
    """
    root = ET.Element("testsuites", name="talkbench")
    for scenario, group in by_scenario(runs):
        suite = ET.SubElement(root, "testsuite", name=_clean(scenario))
        for run in group:
            _run(suite, run)
    _verdicts(root, "across repeats", list(across))
    if comparison is not None:
        _comparison(root, comparison)
    for suite in root:
        _count(suite, list(suite))
    _count(root, list(itertools.chain.from_iterable(root)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _run(suite: ET.Element, run: Run) -> None:
    case = _case(suite, run.scenario.id, f"{run.stack.name}/{run.repeat}", run.wall_seconds)
    properties = ET.SubElement(case, "properties")
    for name, value in _properties(run):
        ET.SubElement(properties, "property", name=name, value=_clean(value))
    _outcome(case, run.status, run.void, run.verdicts)
    lines = [verdict_line(verdict) for verdict in run.verdicts] or ["nothing was expected"]
    ET.SubElement(case, "system-out").text = _clean("\n".join(lines))


def _properties(run: Run) -> Iterable[tuple[str, str]]:
    yield "seed", str(run.seed)
    yield "repeat", str(run.repeat)
    yield "clock", run.clock
    yield "trace", run.digest
    if run.simulated:
        yield "figures", SIMULATED
    for assumption in run.assumptions:
        yield "assumption", assumption


def _verdicts(root: ET.Element, name: str, verdicts: Sequence[Verdict]) -> None:
    if not verdicts:
        return
    suite = ET.SubElement(root, "testsuite", name=name)
    for verdict in verdicts:
        case = _case(suite, name, verdict.expectation)
        _outcome(case, verdict.status, "", [verdict])


def _comparison(root: ET.Element, comparison: Comparison) -> None:
    suite = ET.SubElement(root, "testsuite", name="baseline")
    for like in comparison.likenesses:
        case = _case(suite, "baseline", like.name)
        if like.status == "fail":
            failure = ET.SubElement(case, "failure", type="golden", message="not as before")
            failure.text = _clean(like.text())
        elif like.status == "void":
            ET.SubElement(case, "skipped", message=_clean(like.missing))
        elif like.notes:
            ET.SubElement(case, "system-out").text = _clean("\n".join(like.notes))
    for verdict in comparison.gate:
        _outcome(_case(suite, "gate", verdict.expectation), verdict.status, "", [verdict])
    for name in comparison.new:
        skipped = ET.SubElement(_case(suite, "baseline", name), "skipped")
        skipped.set("message", "new: nothing stored to compare with")


def _case(suite: ET.Element, group: str, name: str, seconds: float = 0.0) -> ET.Element:
    return ET.SubElement(
        suite,
        "testcase",
        classname=_clean(group),
        name=_clean(name),
        time=f"{seconds:.3f}",
    )


def _outcome(case: ET.Element, status: Status, void: str, verdicts: Sequence[Verdict]) -> None:
    """One element at most: several readers take only the first."""
    if status == "pass":
        return
    told = statuses_of(verdicts, status)
    lines = [f"void: {void}"] if void else [verdict_line(verdict) for verdict in told]
    message = _clean(lines[0] if lines else status)
    if status == "fail":
        failure = ET.SubElement(case, "failure", type="expectation", message=message)
        failure.text = _clean("\n".join(lines))
    else:
        ET.SubElement(case, "skipped", message=message).text = _clean("\n".join(lines))


def _count(suite: ET.Element, cases: Sequence[ET.Element]) -> None:
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    suite.set("errors", "0")
    suite.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
    suite.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")


def _clean(text: str) -> str:
    """The text without what XML cannot hold, not even escaped."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
