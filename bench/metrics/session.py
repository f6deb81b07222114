"""A trace in, a conversation's figures out: medians, tails and how many there were."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.events import Underrun
from bench.metrics.interrupts import interrupts, pauses
from bench.metrics.turns import STAGES, turns
from bench.trace import Trace


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle and the tail of `n` durations, in seconds; None when there are none."""

    n: int
    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class Session:
    """What one conversation came to.

    `spreads` are by name: the stages of `turns.Stages`, `response`, `voice_to_voice`, and of the
    interrupts `detect`, `paused`, `decide`, `flush`, `interrupt` (their total) and `pause` (holds
    for nothing).
    """

    turns: int
    answered: int
    cut_off: int
    withdrawn: int
    underruns: int
    spreads: dict[str, Spread]


def session(trace: Trace) -> Session:
    """The figures of a conversation, finished or not."""
    had, cuts = turns(trace), interrupts(trace)
    stages = {name: [getattr(turn.stages, name) for turn in had] for name in STAGES}
    durations: dict[str, Iterable[float | None]] = {
        **stages,
        "response": [turn.stages.response for turn in had],
        "voice_to_voice": [turn.stages.voice_to_voice for turn in had],
        "detect": [cut.detect for cut in cuts],
        "paused": [cut.paused for cut in cuts],
        "decide": [cut.decide for cut in cuts],
        "flush": [cut.flush for cut in cuts],
        "interrupt": [cut.total for cut in cuts],
        "pause": pauses(trace),
    }
    return Session(
        turns=len(had),
        answered=sum(turn.played_seconds is not None for turn in had),
        cut_off=sum(turn.cut_off for turn in had),
        withdrawn=sum(turn.withdrawn for turn in had),
        underruns=len(trace.of(Underrun)),
        spreads={name: spread(values) for name, values in durations.items()},
    )


def spread(values: Iterable[float | None]) -> Spread:
    """The spread of what is known of `values`."""
    known = sorted(value for value in values if value is not None)
    return Spread(len(known), quantile(known, 0.5), quantile(known, 0.95))


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The value below which `share` of the ordered values lie, linear between neighbours (the
    `inclusive` method of the statistics module); None of nothing."""
    if not ordered:
        return None
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])
