"""A coroutine in, its figures out: the three clocks a figure can be measured on.

`core` is a dedicated core: the CPU time of this thread plus the sleeps the loop asks for, so that
neighbours on a shared machine do not show; neither do kernel timer slack, sockets or other threads.
Asking it costs a system call, ten times the ordinary clock, which is taken off again.
`wall` is the machine's own clock with everything that happens on it. `virtual` jumps, and measures
truth instead of speed.
"""

from __future__ import annotations

import asyncio
import gc
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from bench.clock import VirtualLoop

T = TypeVar("T")


def cost_of_asking() -> float:
    """Seconds of CPU that a call of `thread_time` takes at least, beyond one of `monotonic`."""
    return min(_cost(time.thread_time) - _cost(time.monotonic) for _ in range(20)) * 0.9


def _cost(ask: Callable[[], float], times: int = 500) -> float:
    began = time.thread_time()
    for _ in range(times):
        ask()
    return (time.thread_time() - began) / times


class CoreLoop(asyncio.SelectorEventLoop):
    """An event loop on a core of its own: where it would sleep, its clock jumps.

    `jumped` is the sum of those jumps in seconds; `slept` the same, less what asking for the time
    has cost.
    """

    def __init__(self) -> None:
        self.slept = self.jumped = 0.0
        self._each = max(0.0, cost_of_asking())
        super().__init__(_CoreSelector(self))

    def time(self) -> float:
        self.slept -= self._each
        return time.thread_time() + self.slept


class _CoreSelector(selectors.DefaultSelector):
    def __init__(self, loop: CoreLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)  # polled as often as on the wall clock: its cost is counted
        if ready or timeout == 0:
            return ready
        if timeout is None:
            return super().select(None)
        self._loop.slept += max(0.0, timeout)
        self._loop.jumped += max(0.0, timeout)
        return ready


def busy_seconds() -> float:
    """CPU that this thread has used, without what asking a dedicated core for the time costs."""
    loop = asyncio.get_running_loop()
    return loop.time() - loop.jumped if isinstance(loop, CoreLoop) else time.thread_time()


LOOPS = {"core": CoreLoop, "wall": asyncio.SelectorEventLoop, "virtual": VirtualLoop}


def run(main: Coroutine[Any, Any, T], clock: str = "core") -> T:
    """Run to the end on the clock of that name; what earlier runs left is collected before."""
    gc.collect()
    with asyncio.Runner(loop_factory=LOOPS[clock]) as runner:
        return runner.run(main)
