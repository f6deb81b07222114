"""Faults of a scenario in, what an emulator is to suffer out, request by request."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bench.simulation.faults import BREAKS, REFUSALS, Fault, FaultWatch


class Trouble:
    """The faults of one service.

    `turn` and `step` say what is being served; unless given, the n-th request is turn n.
    """

    def __init__(
        self,
        faults: Iterable[Fault],
        at: str,
        turn: Callable[[], int] | None = None,
        step: Callable[[], str] | None = None,
    ) -> None:
        self._watch = FaultWatch(faults, at)
        self._turn, self._step = turn, step
        self.requests = 0

    @property
    def turn(self) -> int:
        """Which turn is being served."""
        return self.requests if self._turn is None else self._turn()

    def begins(self) -> Fault | None:
        """A request comes: the refusal it meets, if any."""
        self.requests += 1
        return self.suffers(REFUSALS)

    def breaks(self, begin: float, end: float) -> Fault | None:
        """The fault in a stretch of the result, in the stage's own count."""
        return self.suffers(BREAKS, begin, end)

    def suffers(
        self, kinds: Iterable[str], begin: float = 0.0, end: float = float("inf")
    ) -> Fault | None:
        """The next fault of these kinds that is due; it counts as having happened."""
        step = "" if self._step is None else self._step()
        fault = self._watch.find(kinds, turn=self.turn, step=step, begin=begin, end=end)
        if fault is not None:
            self._watch.fired(fault)
        return fault
