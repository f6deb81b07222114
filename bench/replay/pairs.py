"""Runs then and runs now in, the same things measured twice out."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from bench.metrics.comparison import Pair
from bench.metrics.figures import RunFigures
from bench.replay import evidence
from bench.replay.runs import Run

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
        Paired(run.repeat, evidence.figures_of(run), evidence.figures_of(then[run.repeat]))
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


def swapped(
    by_repeat: Mapping[str, Sequence[Pair]],
    statistic: Callable[[list[Pair]], float | None],
    draws: int,
) -> float | None:
    """How likely a statistic of all pairs is so far from 0, if new and base might as well change
    places in each repeat as a whole (two-sided; exact where that is possible in few ways)."""
    seen = statistic([pair for pairs in by_repeat.values() for pair in pairs])
    if seen is None:
        return None
    sides = [(list(pairs), [(b, a) for a, b in pairs]) for pairs in by_repeat.values()]
    least, as_far, exact = abs(seen) * (1 - 1e-9), 0, 2 ** len(sides) <= draws
    for choice in itertools.product((0, 1), repeat=len(sides)) if exact else _coins(sides, draws):
        value = statistic([pair for side, k in zip(sides, choice, strict=True) for pair in side[k]])
        as_far += value is not None and abs(value) >= least
    return as_far / 2 ** len(sides) if exact else (as_far + 1) / (draws + 1)


def _coins(sides: Sequence[object], draws: int) -> Iterator[tuple[int, ...]]:
    random = Random(0)
    for _ in range(draws):
        yield tuple(random.random() < 0.5 for _ in sides)


def middles(by_repeat: Mapping[str, Sequence[float]]) -> list[float]:
    """One value a repeat, for what is not independent within one: their mean."""
    return [statistics.fmean(values) for values in by_repeat.values() if values]


def _by_step(metric: str, figures: RunFigures) -> dict[str, float]:
    if not evidence.is_of_steps(metric):
        return dict(zip(("run",), evidence.values(metric, [figures]), strict=False))
    found = {step.step: evidence.figure_of(step, metric) for step in figures.steps if step.played}
    return {step: float(value) for step, value in found.items() if value is not None}
