"""The blocks `expect` and `gate` in, what must be true out."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from bench.replay.document import Node, ScenarioError, nearest
from bench.replay.expectations_table import STATISTICS, TABLE, Kind, Metric, Where
from bench.replay.scenario import Expectation, Gate, GateMetric
from bench.replay.sections import (
    Section,
    choice,
    flag,
    items,
    mapping,
    number,
    text,
    whole,
)
from bench.trace import KINDS

STATS = ("p50", "p90", "p95", "p99", "mean", "median_paired", "rate")
EXACT = ("event_order", "heard", "context")
_MARGIN = re.compile(r"(\d+(?:\.\d+)?)\s*(%|ms|pp|)")
_MATCHES = ("contains", "equals", "regex", "lacks")
_MATCHES_SHOWN = "{contains: text}, {equals: text}, {regex: text}, {lacks: text}"
_MOST = 1e9


def expectations_of(node: Node | None, steps: Collection[str]) -> tuple[Expectation, ...]:
    """All expectations, in the file's order."""
    if node is None:
        return ()
    section = Section(node, ("steps", "run", "across_repeats"))
    expected: list[Expectation] = []
    for name, block in mapping(section["steps"]).items() if "steps" in section else ():
        if name not in steps:
            raise block.wrong(f"there is no step {name!r}{nearest(name, steps)}", steps)
        expected += _block(block, "step", name)
    if "run" in section:
        expected += _block(section["run"], "run")
    if "across_repeats" in section:
        expected += _block(section["across_repeats"], "across")
    return tuple(expected)


def gate_of(node: Node | None) -> Gate:
    """The comparison with a stored run; the defaults when the block is not there."""
    if node is None:
        return Gate()
    section = Section(
        node,
        ("baseline", "metrics", "alpha", "correction", "inconclusive", "exact_in_virtual_time"),
    )
    metrics = mapping(section["metrics"]) if "metrics" in section else {}
    exact = section.get("exact_in_virtual_time")
    return Gate(
        metrics=tuple(_gate_metric(name, value) for name, value in metrics.items()),
        alpha=section.number("alpha", 0.05, 0.000_1, 0.5),
        correction=section.choice("correction", ("holm", "none"), "holm"),
        inconclusive=section.choice("inconclusive", ("warn", "fail"), "warn"),
        exact=Gate().exact if exact is None else _exact(exact),
        baseline=section.text("baseline"),
    )


def _block(node: Node, where: Where, step: str = "") -> list[Expectation]:
    known = TABLE[where]
    values = Section(node, tuple(known))
    expected: list[Expectation] = []
    for name in values.keys():
        value, metric = values[name], known[name]
        if metric.modifies and metric.modifies not in values:
            raise value.wrong(f"says more about {metric.modifies}, which is not expected here")
        wanted = _OPERANDS[metric.kind](value, metric)
        expected.append(Expectation(where, name, wanted, step, value.line))
    return expected


def _range(node: Node, metric: Metric) -> dict[str, float]:
    if not isinstance(node.value, dict):
        unit = f" in {metric.unit}" if metric.unit else ""
        raise node.wrong(f"is {node.shown}", f"{{max: number}}, {{min: number}} or both{unit}")
    section = Section(node, ("max", "min", "min_events"))
    if "max" not in section and "min" not in section:
        raise node.wrong("has no limit", "max, min")
    wanted = {key: number(section[key], -_MOST, _MOST) for key in ("max", "min") if key in section}
    if wanted.get("min", -_MOST) > wanted.get("max", _MOST):
        raise node.wrong(f"min {wanted['min']:g} is above max {wanted['max']:g}")
    if "min_events" in section:
        wanted["min_events"] = whole(section["min_events"], 1, 1_000_000)
    return wanted


def _flag(node: Node, metric: Metric) -> bool:
    return flag(node)


def _text(node: Node, metric: Metric) -> str:
    return text(node)


def _count(node: Node, metric: Metric) -> object:
    if isinstance(node.value, list):
        return _pair(node)
    if isinstance(node.value, dict):
        return _range(node, metric)
    if isinstance(node.value, bool) or not isinstance(node.value, int) or node.value < 0:
        raise node.wrong(f"is {node.shown}", "a whole number, [low, high], {max: …}, {min: …}")
    return node.value


def _pair(node: Node) -> list[float]:
    both = items(node)
    if len(both) != 2:
        raise node.wrong(f"holds {len(both)} values", "[low, high]")
    low, high = (number(value, 0, _MOST) for value in both)
    if low > high:
        raise node.wrong(f"{low:g} is above {high:g}", "[low, high]")
    return [low, high]


def _window(node: Node, metric: Metric) -> list[float]:
    if not isinstance(node.value, list):
        raise node.wrong(f"is {node.shown}", f"[low, high] in {metric.unit}")
    return _pair(node)


def _match(node: Node, metric: Metric) -> dict[str, str]:
    if not isinstance(node.value, dict):
        raise node.wrong(f"is {node.shown}", _MATCHES_SHOWN)
    section = Section(node, _MATCHES)
    wanted = {key: section.text(key) for key in section.keys()}
    if not wanted:
        raise node.wrong("says nothing", _MATCHES)
    if "regex" in wanted:
        try:
            re.compile(wanted["regex"])
        except re.error as error:
            raise section["regex"].wrong(f"is no regular expression: {error}") from None
    return wanted


def _events(node: Node, metric: Metric) -> dict[str, list[str]]:
    section = Section(node, ("absent", "present"))
    wanted = {
        key: [choice(item, tuple(KINDS)) for item in items(section[key])] for key in section.keys()
    }
    if not wanted:
        raise node.wrong("says nothing", "absent, present")
    return wanted


def _turns(node: Node, metric: Metric) -> dict[str, object]:
    section = Section(node, ("bot", "user"))
    if not section.keys():
        raise node.wrong("says nothing", "bot, user")
    return {key: _count(section[key], metric) for key in section.keys()}


def _spread(node: Node, metric: Metric) -> dict[str, object]:
    section = Section(node, (*STATISTICS, "min_events"))
    wanted: dict[str, object] = {
        key: _range(section[key], metric) for key in section.keys() if key != "min_events"
    }
    if not wanted:
        raise node.wrong("has no limit", STATISTICS)
    if "min_events" in section:
        wanted["min_events"] = whole(section["min_events"], 1, 1_000_000)
    return wanted


_OPERANDS: dict[Kind, Callable[[Node, Metric], Any]] = {
    "range": _range,
    "flag": _flag,
    "text": _text,
    "count": _count,
    "match": _match,
    "window": _window,
    "events": _events,
    "turns": _turns,
    "spread": _spread,
}


def _gate_metric(name: str, node: Node) -> GateMetric:
    metric, _, stat_in_name = name.partition("@")
    known = [n for n, row in TABLE["across"].items() if row.kind in ("range", "spread")]
    known += [n for n, row in TABLE["step"].items() if row.kind == "range" and n not in known]
    if metric not in known:
        raise ScenarioError(
            node.file, node.line, node.key, f"unknown metric{nearest(metric, known)}", known
        )
    section = Section(node, ("stat", "margin", "direction"), required=("stat", "margin"))
    stat = section.choice("stat", STATS, "p50")
    if stat_in_name and stat_in_name != stat:
        raise section["stat"].wrong(f"is {stat}, and the name says {stat_in_name}", "the same")
    margin, relative = _margin(section["margin"])
    return GateMetric(
        metric, stat, margin, relative, section.choice("direction", ("lower", "higher"), "lower")
    )


def _margin(node: Node) -> tuple[float, bool]:
    if isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return number(node, 0, _MOST), False
    match = _MARGIN.fullmatch(text(node))
    if match is None:
        raise node.wrong(f"is {node.shown}", "5%, 30ms, 2pp, or a number in the metric's unit")
    amount = float(match[1])
    if match[2] in ("%", "pp"):
        return amount / 100, match[2] == "%"
    return amount, False


def _exact(node: Node) -> tuple[str, ...]:
    if node.value == []:
        return ()
    return tuple(choice(item, EXACT) for item in items(node))
