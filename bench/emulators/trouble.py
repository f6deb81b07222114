"""Faults of a scenario in, what an emulator is to suffer out, request by request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from bench import clock
from bench.emulators.serving import Answer
from bench.simulation.faults import BREAKS, REFUSALS, Fault, FaultWatch


class Trouble:
    """The faults of one service.

    `turn` says what is being served; unless given, the n-th request is turn n. Where it has a
    `step` beside, that is the script's, by which a fault may be named as well.
    """

    def __init__(
        self,
        faults: Iterable[Fault],
        at: str,
        turn: Callable[[], int] | None = None,
    ) -> None:
        self._watch = FaultWatch(faults, at)
        self._turn = turn
        self._spoken = 0, 0.0  # the turn, and its audio so far in seconds
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

    def spoken(self, seconds: float) -> float:
        """Note so much more audio of the turn; how much of it there was before."""
        turn, before = self._spoken
        before = before if turn == self.turn else 0.0
        self._spoken = self.turn, before + seconds
        return before

    def suffers(
        self, kinds: Iterable[str], begin: float = 0.0, end: float = float("inf")
    ) -> Fault | None:
        """The next fault of these kinds that is due; it counts as having happened."""
        step = str(getattr(self._turn, "step", ""))
        fault = self._watch.find(kinds, turn=self.turn, step=step, begin=begin, end=end)
        if fault is not None:
            self._watch.fired(fault)
        return fault


async def refuse(fault: Fault, answer: Answer, errors: Mapping[int, object]) -> None:
    """Turn a request down; `errors` are the vendor's bodies by status."""
    if fault.kind == "connect_timeout":  # accepts, and is never heard of again
        await asyncio.Event().wait()
    if fault.kind == "http_429":
        answer.whole(429, errors[429], {"retry-after": f"{fault.retry_after_seconds:g}"})
    else:
        answer.whole(503, errors[503])


async def suffer(fault: Fault, answer: Answer, malformed: bytes) -> bool:
    """Stall, spoil or break off an answer under way; whether it is over.

    `malformed` is a piece that the vendor's protocol does not allow.
    """
    match fault.kind:
        case "stall":
            await clock.sleep(fault.for_seconds)
            return False
        case "malformed":
            answer.write(malformed)
            answer.end()
        case _:
            answer.abort()
    return True
