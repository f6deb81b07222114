"""Pairs in, what changed out: shifts, their intervals and tests, for what was measured twice.

A pair is the same step of the same repeat, under the new build and under the old one. Steps of one
scenario are not independent, so what is drawn again is scenarios. Draws come from the seed alone.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from random import Random
from typing import TypeVar

from bench.metrics.session import quantile
from bench.metrics.statistics import NORMAL, Interval, binomial

T = TypeVar("T")

Pair = tuple[float, float]  # new, base
RESAMPLES = 2_000
PERMUTATIONS = 10_000
MANY_CLUSTERS = 30  # from here on the plain percentile will do


def hodges_lehmann(differences: Sequence[float]) -> float | None:
    """The shift of paired values: the median of the means of all two of them, each with itself
    included (Hodges and Lehmann 1963); None of nothing."""
    means = [(a + b) / 2 for i, a in enumerate(differences) for b in differences[i:]]
    return statistics.median(means) if means else None


def log_ratios(pairs: Iterable[Pair]) -> list[float]:
    """log(new / base) of every pair in which both are above 0; others have no ratio."""
    return [math.log(new / base) for new, base in pairs if new > 0 and base > 0]


def relative_shift(pairs: Iterable[Pair]) -> float | None:
    """By what share new is above base: the Hodges-Lehmann shift of the log ratios, as a ratio less
    1; 0.1 is 10 % slower."""
    shift = hodges_lehmann(log_ratios(pairs))
    return None if shift is None else math.expm1(shift)


def absolute_shift(pairs: Iterable[Pair]) -> float | None:
    """By how much new is above base: the Hodges-Lehmann shift of the differences."""
    return hodges_lehmann([new - base for new, base in pairs])


def quantile_shift(pairs: Iterable[Pair], share: float, *, relative: bool = False) -> float | None:
    """By how much a quantile of new is above that of base; as a share of it when `relative`."""
    kept = list(pairs)
    new = quantile(sorted(pair[0] for pair in kept), share)
    base = quantile(sorted(pair[1] for pair in kept), share)
    if new is None or base is None or (relative and base <= 0):
        return None
    return new / base - 1 if relative else new - base


def cluster_bootstrap(
    clusters: Mapping[str, Sequence[T]],
    statistic: Callable[[list[T]], float | None],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> Interval | None:
    """An interval of a statistic whose values come in clusters; None with fewer than two clusters.

    Whole clusters are drawn again. Below 30 of them the percentiles are moved outwards as a t
    distribution asks for (Hesterberg's expanded percentile): with few, the plain ones err towards
    certainty. Draws in which the statistic does not exist are left out.
    """
    names = sorted(name for name, values in clusters.items() if values)
    if len(names) < 2:
        return None
    random, found = Random(seed), list[float]()
    for _ in range(resamples):
        drawn = [names[int(random.random() * len(names))] for _ in names]
        value = statistic([value for name in drawn for value in clusters[name]])
        if value is not None:
            found.append(value)
    found.sort()
    tail = expanded_tail(len(names), confidence)
    low, high = quantile(found, tail), quantile(found, 1 - tail)
    return None if low is None or high is None else Interval(low, high, confidence)


def sign_flip(
    differences: Sequence[float], *, seed: int = 0, draws: int = PERMUTATIONS
) -> float | None:
    """How likely a mean so far from 0 is, if each difference might as well have the other sign
    (two-sided). Exact where all signs are no more than `draws`; None of nothing."""
    n, total = len(differences), abs(sum(differences))
    if not n:
        return None
    least = total - 1e-9 * (1 + total)
    if 2**n <= draws:
        sums = (
            abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
            for signs in product((1, -1), repeat=n)
        )
        return sum(value >= least for value in sums) / 2**n
    random = Random(seed)
    as_far = sum(
        abs(sum(d if random.random() < 0.5 else -d for d in differences)) >= least
        for _ in range(draws)
    )
    return (as_far + 1) / (draws + 1)


def swap_labels(
    pairs: Sequence[Pair],
    statistic: Callable[[list[Pair]], float | None],
    *,
    seed: int = 0,
    draws: int = PERMUTATIONS,
) -> float | None:
    """How likely a statistic of pairs is so far from 0, if new and base might as well change places
    within each (two-sided); for quantiles, whose differences have no signs to flip."""
    seen = statistic(list(pairs))
    if seen is None:
        return None
    random, as_far = Random(seed), 0
    least = abs(seen) - 1e-9 * (1 + abs(seen))
    for _ in range(draws):
        swapped = [(b, a) if random.random() < 0.5 else (a, b) for a, b in pairs]
        value = statistic(swapped)
        as_far += value is not None and abs(value) >= least
    return (as_far + 1) / (draws + 1)


def mcnemar(only_new: int, only_base: int) -> float:
    """How likely so uneven a split of the pairs is in which only one of the two succeeded, if it
    is even in truth (exact, two-sided)."""
    n, fewer = only_new + only_base, min(only_new, only_base)
    return min(1.0, 2 * sum(binomial(n, 0.5)[: fewer + 1])) if n else 1.0


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Each p-value as it is when all are looked at together (Holm 1979), by name."""
    ordered = sorted(p_values, key=lambda name: (p_values[name], name))
    adjusted, highest = dict[str, float](), 0.0
    for place, name in enumerate(ordered):
        highest = max(highest, min(1.0, (len(ordered) - place) * p_values[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in p_values}


def student(t: float, df: int) -> float:
    """The probability of less than t in Student's distribution with `df` degrees of freedom
    (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    angle = math.atan2(t, math.sqrt(df))
    cosine, term, series = math.cos(angle), 1.0, 0.0
    odd = df % 2
    term = cosine if odd else 1.0
    for k in range(2 + odd, df + 1, 2):
        series += term
        term *= cosine * cosine * (k - 1) / k
    inside = math.sin(angle) * series
    if odd:
        inside = 2 / math.pi * (angle + inside)
    return 0.5 + inside / 2


def student_quantile(share: float, df: int) -> float:
    """The t below which a share of Student's distribution lies."""
    low, high = -1e6, 1e6
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if student(middle, df) < share else (low, middle)
    return (low + high) / 2


def expanded_tail(clusters: int, confidence: float = 0.95) -> float:
    """The share of draws that is left out on each side; the plain one from 30 clusters on."""
    plain = (1 - confidence) / 2
    if clusters >= MANY_CLUSTERS:
        return plain
    wider = math.sqrt(clusters / (clusters - 1)) * student_quantile(plain, clusters - 1)
    return NORMAL.cdf(wider)
