"""Runs and baseline runs in, a verdict on every metric that a scenario guards out.

Repeats of one scenario with one stack are compared with those that were stored, the same step of
the same repeat side by side. A verdict says pass or fail only when the whole interval lies on one
side of the margin; a failure must also stand when all metrics are looked at together.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from bench.metrics.comparison import (
    Pair,
    cluster_bootstrap,
    hodges_lehmann,
    holm,
    quantile_shift,
    sign_flip,
)
from bench.metrics.gates import gate as ruling
from bench.metrics.statistics import Interval, minimum_n, newcombe
from bench.replay import evidence
from bench.replay.expectations_table import Unit, metric
from bench.replay.operands import figure
from bench.replay.pairs import Paired, Values, middles, paired, shares, swapped, values
from bench.replay.runs import Run, Status, Verdict
from bench.replay.scenario import Gate, GateMetric

DRAWS = 2_000
UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Change:
    """What a metric did: `estimate` is new less base, in its unit, or as a share of base when the
    margin is one; `n` observations, `p` of no change at all. `void`: nothing to compare."""

    estimate: float = 0.0
    interval: Interval | None = None
    n: int = 0
    p: float | None = None
    exact: bool = False  # not one draw differs
    least: int = 0  # observations that it takes
    lost: int = 0
    void: str = ""


def gate(runs: Iterable[Run], stored: Iterable[Run]) -> list[Verdict]:
    """Judge every scenario and stack that has gate metrics, in the order of their names.

    They are compared with the stored runs of the same stack, or with the runs of the stack that the
    gate's `baseline` names.
    """
    now, then = _cells(runs), _cells(stored)
    verdicts: list[Verdict] = []
    for (scenario, stack), cell in now.items():
        rules = cell[0].scenario.gate
        if not rules.metrics or rules.baseline == stack:
            continue
        base = now.get((scenario, rules.baseline)) or then.get((scenario, stack), [])
        if base:
            verdicts += _cell(f"{scenario}/{stack}", rules, cell, base)
    return verdicts


def _cells(runs: Iterable[Run]) -> dict[tuple[str, str], list[Run]]:
    ordered = sorted(runs, key=lambda run: (run.scenario.id, run.stack.name, run.repeat))
    grouped = itertools.groupby(ordered, key=lambda run: (run.scenario.id, run.stack.name))
    return {key: list(group) for key, group in grouped}


def _cell(name: str, rules: Gate, new: Sequence[Run], base: Sequence[Run]) -> list[Verdict]:
    repeats, unlike = paired(new, base), _unlike(new, base)
    virtual = {run.clock for run in (*new, *base)} == {"virtual"}
    changes = {
        f"{asked.metric} {asked.stat}": (asked, _change(asked, rules, repeats, unlike))
        for asked in rules.metrics
    }
    p_values = {label: change.p for label, (_, change) in changes.items() if change.p is not None}
    adjusted = holm(p_values) if rules.correction == "holm" else p_values
    verdicts: list[Verdict] = []
    for label, (asked, change) in changes.items():
        change = replace(change, exact=change.exact and virtual, p=adjusted.get(label))
        verdicts.append(_verdict(f"{name} {label}", asked, rules, change))
    return verdicts


def _unlike(new: Sequence[Run], base: Sequence[Run]) -> str:
    """Why repeats are not to be paired; "" when they are."""
    now, then = ({(run.seed, run.clock) for run in side} for side in (new, base))
    if now == then:
        return ""
    return f"now {_shown(now)}, then {_shown(then)}"


def _shown(kinds: Iterable[tuple[int, str]]) -> str:
    return " and ".join(f"seed {seed} on the {clock} clock" for seed, clock in sorted(kinds))


# What changed


def _change(asked: GateMetric, rules: Gate, repeats: Sequence[Paired], unlike: str) -> Change:
    if unlike:
        return Change(void=f"not comparable: {unlike}")
    if not repeats:
        return Change(void="no repeat was played both now and then")
    if evidence.has_share(asked.metric) != (asked.stat == "rate"):
        return Change(void=f"{asked.metric} has no {asked.stat}")
    if asked.stat == "rate":
        return _rate(asked, rules, repeats)
    found = values(asked.metric, repeats)
    if not found.pairs:
        return Change(void="no data in both")
    if asked.stat == "median_paired":
        return _shift(asked, rules, found)
    return _statistic(asked, rules, found)


def _shift(asked: GateMetric, rules: Gate, found: Values) -> Change:
    """Of paired values: Hodges and Lehmann's, over the repeats' means."""
    if asked.relative and any(min(pair) <= 0 for pair in found.pairs):
        return Change(void="a share of a figure that is not above 0")
    differences = {
        repeat: [_difference(pair, asked.relative) for pair in pairs]
        for repeat, pairs in found.by_repeat.items()
    }
    clusters = {repeat: middles({repeat: values}) for repeat, values in differences.items()}
    back = math.expm1 if asked.relative else float
    interval = cluster_bootstrap(
        clusters, hodges_lehmann, resamples=DRAWS, confidence=1 - rules.alpha
    )
    if interval is not None:
        interval = replace(interval, low=back(interval.low), high=back(interval.high))
    each = middles(differences)
    return Change(
        back(hodges_lehmann(each) or 0.0),
        interval,
        len(found.pairs),
        sign_flip(each, draws=DRAWS),
        _same(found.pairs),
        lost=found.lost,
    )


def _difference(pair: Pair, relative: bool) -> float:
    return math.log(pair[0] / pair[1]) if relative else pair[0] - pair[1]


def _statistic(asked: GateMetric, rules: Gate, found: Values) -> Change:
    """Of the mean or a quantile of all values, new less base, on the same draws for both."""
    shift = _shift_of(asked)
    estimate = shift(found.pairs)
    if estimate is None:
        return Change(void="a share of a figure that is not above 0")
    return Change(
        estimate,
        cluster_bootstrap(found.by_repeat, shift, resamples=DRAWS, confidence=1 - rules.alpha),
        len(found.pairs),
        swapped(found.by_repeat, shift, DRAWS),
        _same(found.pairs),
        0 if asked.stat == "mean" else minimum_n(_share_of(asked.stat), 1 - rules.alpha),
        found.lost,
    )


def _shift_of(asked: GateMetric) -> Callable[[list[Pair]], float | None]:
    if asked.stat == "mean":
        return lambda pairs: _mean_shift(pairs, asked.relative)
    share = _share_of(asked.stat)
    return lambda pairs: quantile_shift(pairs, share, relative=asked.relative)


def _share_of(stat: str) -> float:
    return int(stat.removeprefix("p")) / 100


def _mean_shift(pairs: Sequence[Pair], relative: bool) -> float | None:
    if not pairs:
        return None
    new, base = (math.fsum(pair[side] for pair in pairs) / len(pairs) for side in (0, 1))
    if not relative:
        return new - base
    return new / base - 1 if base > 0 else None


def _rate(asked: GateMetric, rules: Gate, repeats: Sequence[Paired]) -> Change:
    """Of how often something was so; its interval takes the events of both for independent, which
    is wider than that of pairs."""
    found = [pair for pairs in shares(asked.metric, repeats).values() for pair in pairs]
    new, base = (_sum(pair[side] for pair in found) for side in (0, 1))
    if not new[1] or not base[1]:
        return Change(void="no events in both")
    then = base[0] / base[1]
    interval = newcombe(new, base, 1 - rules.alpha)
    estimate = new[0] / new[1] - then
    if asked.relative:
        if not then:
            return Change(void="a share of a rate of 0")
        estimate /= then
        interval = interval and replace(
            interval, low=interval.low / then, high=interval.high / then
        )
    differences = [a[0] / a[1] - b[0] / b[1] for a, b in found if a[1] and b[1]]
    return Change(
        estimate,
        interval,
        min(new[1], base[1]),
        sign_flip(differences, draws=DRAWS),
        all(a == b for a, b in found),
        lost=max(0, base[1] - new[1]),
    )


def _sum(found: Iterable[evidence.Share]) -> evidence.Share:
    kept = list(found)
    return sum(some for some, _ in kept), sum(all for _, all in kept)


def _same(pairs: Sequence[Pair]) -> bool:
    return all(new == base for new, base in pairs)


# The verdict


def _verdict(name: str, asked: GateMetric, rules: Gate, change: Change) -> Verdict:
    unit = _unit(asked)
    wanted = f"at most {_amount(asked.margin, unit)} {_worse(asked)}"
    if change.void:
        return Verdict(name, "void", wanted, "", change.void)
    got = f"{_amount(change.estimate, unit, signed=True)}{_shown_interval(change, rules, unit)}"
    status, why = _ruling(asked, rules, change)
    return Verdict(name, status, wanted, f"{got}, n = {change.n}", why)


def _ruling(asked: GateMetric, rules: Gate, change: Change) -> tuple[Status, str]:
    if change.lost:
        return "inconclusive", f"{change.lost} that were there before are missing now"
    if change.exact:
        return "pass", UNCHANGED
    if change.n < change.least:
        return "inconclusive", f"{asked.stat} takes {change.least} or more"
    if change.interval is None:
        return "inconclusive", "one repeat has no interval"
    told = ruling(
        change.estimate, change.interval, asked.margin, n=change.n, direction=asked.direction
    )
    p = "" if change.p is None else f"p = {change.p:.3g}"
    if told.ruling == "fail" and change.p is not None and change.p > rules.alpha:
        return "inconclusive", f"beyond the margin, but {p} with all metrics in view"
    if told.ruling == "inconclusive" and told.needed:
        return told.ruling, f"about {told.needed} would decide"
    return told.ruling, "better" if told.better else p


def _unit(asked: GateMetric) -> Unit | str:
    if asked.relative:
        return "%"
    if asked.stat == "rate":
        return "pp"
    where = "step" if evidence.is_of_steps(asked.metric) else "across"
    return metric(where, asked.metric).unit


def _worse(asked: GateMetric) -> str:
    return "higher" if asked.direction == "lower" else "lower"


def _shown_interval(change: Change, rules: Gate, unit: str) -> str:
    if change.interval is None:
        return ""
    low, high = (
        _amount(end, unit, signed=True) for end in (change.interval.low, change.interval.high)
    )
    return f" ({100 * (1 - rules.alpha):g} % interval {low} to {high})"


def _amount(value: float, unit: str, *, signed: bool = False) -> str:
    sign = "+" if signed and value >= 0 else ""
    if unit in ("%", "pp"):
        return f"{sign}{figure(round(100 * value, 2), '')} {unit}"
    return f"{sign}{figure(value, unit)}"
