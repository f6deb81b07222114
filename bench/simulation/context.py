"""What the simulated parts of one run share: its draws, its truth, its answers, its faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.simulation.draws import Draws
from bench.simulation.faults import Fault
from bench.simulation.truth import TruthFeed


@dataclass(frozen=True, slots=True)
class Reply:
    """A fixed answer: `say` is said to words that contain `match`, in any case; `*` is any."""

    match: str
    say: str


@dataclass(slots=True)
class Simulation:
    """Stands as `simulation` in the config of every simulated provider of a run.

    `overrides` change profiles, by name (`sim:gpt-4.1`), in the scenario's keys; `replies` are
    tried in order, and without any the front desk answers; `turn` tells which turn of the user's
    is being served.
    """

    draws: Draws = field(default_factory=Draws)
    feed: TruthFeed = field(default_factory=TruthFeed)
    replies: tuple[Reply, ...] = ()
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    faults: tuple[Fault, ...] = ()
    turn: Callable[[], int] = lambda: 0
