"""Numbers in, how sure one may be of them out: intervals, curves and censoring.

Nothing here assumes a distribution but the normal one where it says so. Shares lie from 0 to 1.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import NormalDist

NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, with at least the `confidence` that is stated."""

    low: float
    high: float
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Point:
    """One step of a curve: at `value` the curve comes to `share`, which lies between `low` and
    `high` at this point alone (a pointwise band)."""

    value: float
    share: float
    low: float
    high: float


# Quantiles


def minimum_n(share: float, confidence: float = 0.95) -> int:
    """How many values it takes for any interval of a quantile that holds for every distribution:
    6 for the median, 29, 59 and 299 for p90, p95 and p99 at 95 %."""
    n = 1
    while 1 - share**n - (1 - share) ** n < confidence:
        n += 1
    return n


def quantile_interval(
    values: Iterable[float], share: float, confidence: float = 0.95
) -> Interval | None:
    """Two of the values between which the quantile lies; None when there are too few of them.

    The number of values below a quantile is binomial whatever the distribution, so two ranks hold
    it with a known confidence: the two nearest ones that reach it, the surer among equals.
    """
    ordered = sorted(values)
    ranks = _ranks(len(ordered), share, confidence)
    if ranks is None:
        return None
    low, high, reached = ranks
    return Interval(ordered[low - 1], ordered[high - 1], reached)


def binomial(n: int, share: float) -> list[float]:
    """The probabilities of 0 to n successes."""
    if share in (0.0, 1.0):
        return [float(k == round(n * share)) for k in range(n + 1)]
    logs = (math.log(share), math.log1p(-share))
    return [math.exp(_log_choose(n, k) + k * logs[0] + (n - k) * logs[1]) for k in range(n + 1)]


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _ranks(n: int, share: float, confidence: float) -> tuple[int, int, float] | None:
    """The lower and the upper rank (from 1) and what they reach."""
    below = [0.0]  # below[k]: that fewer than k values lie below the quantile
    for probability in binomial(n, share):
        below.append(below[-1] + probability)
    best: tuple[int, float, int] | None = None
    high = 2
    for low in range(1, n):
        high = max(high, low + 1)
        while high <= n and below[high] - below[low] < confidence - 1e-12:
            high += 1
        if high > n:
            break
        found = (high - low, -(below[high] - below[low]), low)
        best = found if best is None else min(best, found)
    if best is None:
        return None
    width, reached, low = best
    return low, low + width, -reached


# Shares


def wilson(some: int, of: int, confidence: float = 0.95) -> Interval | None:
    """The score interval of a share (Wilson 1927); None of nothing."""
    if not of:
        return None
    z, p = _z(confidence), some / of
    middle, spread = p + z * z / (2 * of), z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    whole = 1 + z * z / of
    low = 0.0 if some == 0 else (middle - spread) / whole
    return Interval(low, 1.0 if some == of else (middle + spread) / whole, confidence)


def rule_of_three(of: int) -> float | None:
    """The highest share that is still likely (95 %) when none of so many failed: 3/n."""
    return min(1.0, 3 / of) if of else None


def newcombe(
    new: tuple[int, int], base: tuple[int, int], confidence: float = 0.95
) -> Interval | None:
    """The difference of two independent shares, new less base (Newcombe 1998, method 10)."""
    a, b = wilson(*new, confidence), wilson(*base, confidence)
    if a is None or b is None:
        return None
    p, q = new[0] / new[1], base[0] / base[1]
    low = p - q - math.hypot(p - a.low, b.high - q)
    return Interval(low, p - q + math.hypot(a.high - p, q - b.low), confidence)


def newcombe_paired(
    both: int, only_new: int, only_base: int, neither: int, confidence: float = 0.95
) -> Interval | None:
    """The difference of two shares of the same things, new less base (Newcombe 1998, paired method
    10): the arguments count the things in which both, one or neither succeeded."""
    n = both + only_new + only_base + neither
    new, base = both + only_new, both + only_base
    a, b = wilson(new, n, confidence), wilson(base, n, confidence)
    if a is None or b is None:
        return None
    p, q = new / n, base / n
    phi = _phi(both, only_new, only_base, neither)
    low = p - q - _correlated(p - a.low, b.high - q, phi)
    return Interval(low, p - q + _correlated(a.high - p, q - b.low, phi), confidence)


def _phi(both: int, only_new: int, only_base: int, neither: int) -> float:
    """The correlation of the two, corrected for few things where it is positive."""
    new, base = both + only_new, both + only_base
    n = new + only_base + neither
    product = new * (n - new) * base * (n - base)
    if not product:
        return 0.0
    excess = both * neither - only_new * only_base
    if excess > 0:
        excess = max(excess - n / 2, 0)
    return excess / math.sqrt(product)


def _correlated(a: float, b: float, phi: float) -> float:
    return math.sqrt(max(0.0, a * a - 2 * phi * a * b + b * b))


# Curves


def ecdf(values: Iterable[float], confidence: float = 0.95) -> list[Point]:
    """The share of values up to each of them, with Wilson's band; one point for equal values."""
    ordered = sorted(values)
    points = list[Point]()
    for value, _ in groupby(ordered):
        some = bisect_right(ordered, value)
        band = wilson(some, len(ordered), confidence)
        assert band is not None
        points.append(Point(value, some / len(ordered), band.low, band.high))
    return points


def kaplan_meier(observed: Iterable[tuple[float, bool]], confidence: float = 0.95) -> list[Point]:
    """The share that has stopped by each instant at which one did.

    `observed` are (seconds, whether it stopped): one that did not is only known to have gone on for
    so long, and leaves without counting as stopped. The band is Greenwood's, on the scale of
    log(-log), so that it stays between 0 and 1; where all have stopped it has no width.
    """
    ordered = sorted(observed)
    left, going, variance = len(ordered), 1.0, 0.0
    points = list[Point]()
    for value, group in groupby(ordered, key=lambda pair: pair[0]):
        ends = [stopped for _, stopped in group]
        stops = sum(ends)
        if stops:
            going *= 1 - stops / left
            variance += stops / (left * (left - stops)) if left > stops else 0.0
            low, high = _greenwood(going, variance, _z(confidence))
            points.append(Point(value, 1 - going, 1 - high, 1 - low))
        left -= len(ends)
    return points


def greenwood_error(points: Sequence[Point], observed: Sequence[tuple[float, bool]]) -> list[float]:
    """The standard errors of the shares of a curve of `kaplan_meier`, by Greenwood's formula."""
    errors, variance = list[float](), 0.0
    for point in points:
        left = sum(seconds >= point.value for seconds, _ in observed)
        stops = sum(seconds == point.value and stopped for seconds, stopped in observed)
        variance += stops / (left * (left - stops)) if left > stops else 0.0
        errors.append((1 - point.share) * math.sqrt(variance))
    return errors


def stopped_by(points: Sequence[Point], share: float) -> float | None:
    """When a share has stopped, by a curve of `kaplan_meier`; None when it was not seen to."""
    return next((point.value for point in points if point.share >= share - 1e-12), None)


def restricted_mean(points: Sequence[Point], up_to: float) -> float:
    """The mean time until a stop when every time counts as `up_to` at most: the area above the
    curve of `kaplan_meier`."""
    area, since, going = 0.0, 0.0, 1.0
    for point in points:
        if point.value >= up_to:
            break
        area += going * (point.value - since)
        since, going = point.value, 1 - point.share
    return area + going * (up_to - since)


def _greenwood(going: float, variance: float, z: float) -> tuple[float, float]:
    """The lower and upper end of the share that goes on."""
    if going in (0.0, 1.0):
        return going, going
    spread = z * math.sqrt(variance) / math.log(going)
    return going ** math.exp(-spread), going ** math.exp(spread)


def _z(confidence: float) -> float:
    return NORMAL.inv_cdf(0.5 + confidence / 2)
