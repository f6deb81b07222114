"""What a metric is: its name, unit, definition, and the function that measures it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from bench.metrics.reading import Readable

Per = Literal["turn", "step", "cut", "word", "partial", "run", "recording"]
Section = Literal["response", "interruption", "transcript", "partials", "audio", "money"]
Values = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure. `values` gives every value that a trace holds, in seconds where `unit` is "s"
    (a file writes `v2v_ms`: those times 1000); without any, an empty tuple. It is None for what a
    trace alone does not tell; `function` then takes what it names.
    """

    name: str
    unit: str
    per: Per
    section: Section
    definition: str
    origin: str
    values: Callable[[Readable], Values] | None
    function: Callable[..., object]


Row = tuple[str, str, str, str, Callable[[Readable], Values], Callable[..., object]]
"""Name, unit, definition, origin, values, function."""


def metrics(section: Section, per: Per, rows: Iterable[Row]) -> list[Metric]:
    """Rows of one section."""
    return [
        Metric(name, unit, per, section, definition, origin, values, function)
        for name, unit, definition, origin, values, function in rows
    ]


def known(values: Iterable[float | None]) -> Values:
    """The values that are known."""
    return tuple(value for value in values if value is not None)


def rate(share: tuple[int, int] | None) -> Values:
    """How many, of how many, as one share; nothing of nothing."""
    return (share[0] / share[1],) if share is not None and share[1] else ()
