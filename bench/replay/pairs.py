"""Runs then and runs now in, the same things measured twice out."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.metrics.comparison import Pair
from bench.metrics.figures import RunFigures, run_figures
from bench.replay import evidence
from bench.replay.run import Run

Shares = tuple[evidence.Share, evidence.Share]  # new, base


@dataclass(frozen=True, slots=True)
class Paired:
    """One repeat, played now and then: the figures of both."""

    repeat: int
    new: RunFigures
    base: RunFigures


@dataclass(slots=True)
class Values:
    """Values of a metric by repeat, new beside base; `lost` had one then and have none now."""

    by_repeat: dict[str, list[Pair]] = field(default_factory=dict[str, list[Pair]])
    lost: int = 0

    @property
    def pairs(self) -> list[Pair]:
        """All of them."""
        return [pair for pairs in self.by_repeat.values() for pair in pairs]


def paired(new: Sequence[Run], base: Sequence[Run]) -> list[Paired]:
    """The repeats that were played both now and then, void ones left out."""
    then = {run.repeat: run for run in base if not run.void}
    return [
        Paired(run.repeat, run_figures(run.trace), run_figures(then[run.repeat].trace))
        for run in new
        if not run.void and run.repeat in then
    ]


def values(metric: str, repeats: Sequence[Paired]) -> Values:
    """A metric's values, step beside step; of what has no steps, run beside run."""
    found = Values()
    for repeat in repeats:
        new, base = _by_step(metric, repeat.new), _by_step(metric, repeat.base)
        both = [(new[step], base[step]) for step in base if step in new]
        found.lost += len(base) - len(both)
        if both:
            found.by_repeat[str(repeat.repeat)] = both
    return found


def shares(metric: str, repeats: Sequence[Paired]) -> dict[str, list[Shares]]:
    """How often something was so, by repeat; repeats in which neither had an event left out."""
    found: dict[str, list[Shares]] = {}
    for repeat in repeats:
        new, base = (evidence.share(metric, [side]) for side in (repeat.new, repeat.base))
        if new[1] or base[1]:
            found[str(repeat.repeat)] = [(new, base)]
    return found


def middles(by_repeat: Mapping[str, Sequence[float]]) -> list[float]:
    """One value a repeat, for what is not independent within one: their mean."""
    return [statistics.fmean(values) for values in by_repeat.values() if values]


def _by_step(metric: str, figures: RunFigures) -> dict[str, float]:
    if not evidence.is_of_steps(metric):
        return dict(zip(("run",), evidence.values(metric, [figures]), strict=False))
    found = {step.step: evidence.figure_of(step, metric) for step in figures.steps if step.played}
    return {step: float(value) for step, value in found.items() if value is not None}
