"""A change and how sure it is in, a verdict out: pass, fail, or not to be told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from bench.metrics.statistics import Interval

Ruling = Literal["pass", "fail", "inconclusive"]
Direction = Literal["lower", "higher"]
MOST_REPEATS = 1_000_000


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What a margin says about a change.

    `better` is the stronger claim: the change is an improvement, and not merely no harm. `needed`
    is how many observations would decide, None when it is decided or when no number would.
    """

    ruling: Ruling
    better: bool = False
    needed: int | None = None


def gate(
    estimate: float,
    interval: Interval | None,
    margin: float,
    *,
    n: int,
    direction: Direction = "lower",
) -> GateVerdict:
    """Judge new less base: pass when all of the interval lies below the margin, fail when all of it
    lies above, else inconclusive. `direction` says which way is better; `n` observations gave the
    interval, without one nothing can be told."""
    if interval is None:
        return GateVerdict("inconclusive")
    if direction == "higher":
        estimate, interval = -estimate, Interval(-interval.high, -interval.low)
    if interval.high < margin or interval.low == interval.high == margin:
        return GateVerdict("pass", better=interval.high < 0)
    if interval.low > margin:
        return GateVerdict("fail")
    return GateVerdict("inconclusive", needed=needed(estimate, interval, margin, n))


def needed(estimate: float, interval: Interval, margin: float, n: int) -> int | None:
    """How many observations would decide, if the estimate stays: an interval narrows with the root
    of their number. None when the estimate is on the margin, or the number beyond a million."""
    distance = abs(margin - estimate)
    half = max(interval.high - estimate, estimate - interval.low)
    if not distance or not n:
        return None
    repeats = math.ceil(n * (half / distance) ** 2) + 1
    return max(repeats, n + 1) if repeats <= MOST_REPEATS else None
