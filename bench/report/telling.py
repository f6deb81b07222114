"""Runs and verdicts in, the words that every report tells them in out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from bench.replay.comparison import Comparison
from bench.replay.runs import Run, Status, Verdict

SIMULATED = "simulated providers: latencies are modelled, not measured; no ranking of vendors"
ORDER: tuple[Status, ...] = ("fail", "void", "inconclusive", "pass")


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of some, pass when there are none."""
    found = set(statuses)
    for status in ORDER:
        if status in found:
            return status
    return "pass"


def overall(
    runs: Sequence[Run], comparison: Comparison | None, across: Iterable[Verdict]
) -> Status:
    """The worst of everything; void when nothing was played."""
    statuses: set[Status] = {run.status for run in runs}
    statuses |= {verdict.status for verdict in across}
    if comparison is not None:
        statuses.add(comparison.status)
    return worst(statuses) if runs else "void"


def verdict_line(verdict: Verdict) -> str:
    """A verdict in one line."""
    wanted = f", wanted {verdict.wanted}" if verdict.wanted else ""
    why = f" ({verdict.why})" if verdict.why else ""
    return f"{verdict.status}: {verdict.expectation}: {verdict.got or 'no data'}{wanted}{why}"


def statuses_of(verdicts: Iterable[Verdict], status: Status) -> list[Verdict]:
    """The verdicts of one status."""
    return [verdict for verdict in verdicts if verdict.status == status]


def by_scenario(runs: Iterable[Run]) -> Iterator[tuple[str, list[Run]]]:
    """Runs by scenario, in the order of their names; stacks and repeats in order within."""
    ordered = sorted(runs, key=lambda run: (run.scenario.id, run.stack.name, run.repeat))
    for scenario, group in itertools.groupby(ordered, key=lambda run: run.scenario.id):
        yield scenario, list(group)


def cells(runs: Iterable[Run]) -> Iterator[tuple[str, str, list[Run]]]:
    """Runs by scenario and stack: the repeats of each."""
    for scenario, group in by_scenario(runs):
        for stack, repeats in itertools.groupby(group, key=lambda run: run.stack.name):
            yield scenario, stack, list(repeats)


def assumptions(runs: Sequence[Run]) -> list[str]:
    """Every assumption behind the figures of some runs, each once."""
    return list(dict.fromkeys(said for run in runs for said in run.assumptions))
