"""Measurements in, figures out: a number with its unit, its baseline, its goal and its clock."""

from __future__ import annotations

import gc
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

_COMPARE = {"<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. `raw` is the baseline's, from the same run; `goal` reads "<= 0.8"."""

    key: str  # "turn.p50"; peers' figures are found by it
    name: str
    value: float
    unit: str
    clock: str  # core, wall, virtual, or process (CPU time and memory as the system counts them)
    raw: float | None = None
    goal: str | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times the baseline's."""
        return self.value / self.raw if self.raw else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        if self.goal is None:
            return None
        sign, _, limit = self.goal.partition(" ")
        return _COMPARE[sign](self.value, float(limit))

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self) | {"ratio": self.ratio, "met": self.met}


Progress = Callable[[str], None]


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank: the smallest value that at least `share` of the values do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def percentiles(
    key: str,
    name: str,
    ours: Sequence[float],
    raw: Sequence[float] | None,
    *,
    clock: str,
    goals: dict[str, str] | None = None,
    note: str = "",
) -> list[Figure]:
    """p50, p95 and p99 of seconds, as milliseconds; the note stands at the last."""
    return [
        Figure(
            f"{key}.{label}",
            f"{name}, {label}",
            1e3 * percentile(ours, share),
            "ms",
            clock,
            1e3 * percentile(raw, share) if raw else None,
            (goals or {}).get(label) if clock == "core" else None,
            note if label == "p99" else "",
        )
        for label, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    ]


def settle_memory() -> None:
    """Collect, then leave what lives to itself, once, when the process is ready: as the server
    does. A full collection later need not walk what was imported."""
    gc.collect()
    gc.freeze()
