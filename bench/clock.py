"""Coroutines in, time out: the one door to time, on the wall clock or on one that jumps.

On the wall clock these functions are asyncio's own. On a `VirtualLoop` the same code lives through
minutes in milliseconds, and the same inputs give the same order of events, to the microsecond.
"""

import asyncio
import collections
import contextlib
import datetime
import heapq
import itertools
import math
import selectors
import time
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextvars import Context
from typing import Any, TypeVar

from bench.network import VirtualNetwork

T = TypeVar("T")

TICKS_PER_SECOND = 1_000_000
NAMED_WHEN_STUCK = 20


def now() -> float:
    """Seconds on the running loop's clock, virtual or monotonic; monotonic where no loop runs."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()


async def sleep(seconds: float) -> None:
    """Wait; zero lets everybody who is ready run once."""
    await asyncio.sleep(seconds)


async def sleep_until(at: float) -> None:
    """Wait for an instant of `now()`; one that has passed does not even yield."""
    loop = asyncio.get_running_loop()
    if at <= loop.time():
        return
    instant = loop.create_future()
    timer = loop.call_at(at, _come, instant)
    try:
        await instant
    except BaseException:
        timer.cancel()
        raise


def _come(instant: asyncio.Future[None]) -> None:
    if not instant.done():
        instant.set_result(None)


def deadline(seconds: float | None) -> asyncio.Timeout:
    """An async context that raises TimeoutError when it outlasts `seconds`; None sets no limit."""
    return asyncio.timeout(seconds)


def run(main: Coroutine[Any, Any, T], *, virtual: bool = False, start: float = 0.0) -> T:
    """Run to the end and clean up; `start` is what the virtual clock reads at first."""
    factory = (lambda: VirtualLoop(start)) if virtual else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def wall() -> float:
    """Unix time, for the record of a run; never for a trace."""
    return time.time()


def wall_iso() -> str:
    """UTC in ISO 8601, to the second, for the record of a run; never for a trace."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def cpu_seconds() -> float:
    """What this process has used of the CPU: all threads, user and system."""
    return time.process_time()


class Deadlock(RuntimeError):
    """Nothing is ready, no timer is set, nobody outside owes anything: these tasks wait forever."""


class VirtualLoop(VirtualNetwork):
    """An event loop whose clock jumps to the next timer, with a network inside it.

    The clock counts whole microseconds. It moves only when nothing is ready, no socket is readable,
    no thread job is out and nobody holds it. Thread jobs (`run_in_executor`, `to_thread`) really
    run, in no virtual time, and return in the order of submission, so how long they took cannot
    show. What arrives from any other thread or process must be awaited under `hold()`.
    """

    # Private names of the standard library; the tests hold them on every interpreter present.
    _ready: collections.deque[asyncio.Handle]
    _selector: selectors.BaseSelector
    _stopping: bool
    _process_events: Callable[[list[tuple[selectors.SelectorKey, int]]], None]
    _default_executor: Executor | None

    def __init__(self, start: float = 0.0) -> None:
        self.jumps = 0
        self._ticks = round(start * TICKS_PER_SECOND)
        self._armed = itertools.count()
        self._timers = list[tuple[float, int, asyncio.TimerHandle]]()  # by tick, then as armed
        self._holds = 0
        self._jobs = collections.deque[tuple[Future[Any], asyncio.Future[Any]]]()
        self._passes = itertools.cycle(range(256))
        super().__init__(selectors.DefaultSelector())

    def time(self) -> float:
        return self._ticks / TICKS_PER_SECOND

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        if self.is_closed():
            raise RuntimeError("the loop is closed")
        # A rate limiter re-arms at `now + 1e-16`: due in the instant it is armed, it would spin.
        ticks = when if math.isinf(when) else round(when * TICKS_PER_SECOND)
        ticks = max(ticks, self._ticks + 1)
        timer = asyncio.TimerHandle(ticks / TICKS_PER_SECOND, callback, args, self, context)
        heapq.heappush(self._timers, (ticks, next(self._armed), timer))
        return timer

    @contextlib.contextmanager
    def hold(self) -> Generator[None]:
        """Freeze the clock while someone outside owes this loop a `call_soon_threadsafe`."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    def _run_once(self) -> None:
        """One pass: what sockets brought, what time brought where else nothing would happen, and
        all that is ready."""
        ready, selector = self._ready, self._selector
        # The loop's own pipe says only "wake up", and we are awake; a signal handler's byte is in
        # it too, hence now and then. Without that economy polling is most of a pass's cost.
        polls = len(selector.get_map()) > 1 or not next(self._passes)
        arrived = selector.select(0) if polls else []
        if not (arrived or ready or self._stopping or self._advance()):
            arrived = selector.select(None)
        if arrived:
            self._process_events(arrived)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _advance(self) -> bool:
        """Make the next thing happen, as nothing is ready; False when only the outside can."""
        if self._jobs and self._jobs[0][0].done():
            _settle(*self._jobs.popleft())
            return True
        if self._jobs or self._holds:
            return False
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        ticks = timers[0][0] if timers else math.inf
        if ticks == math.inf:
            raise Deadlock(f"nothing happens after {self.time():.6f} s; waiting: {_stuck(self)}")
        self._ticks = int(ticks)
        while timers and timers[0][0] == ticks:
            self._ready.append(heapq.heappop(timers)[2])
        self.jumps += 1
        return True

    def run_in_executor(
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        if self.is_closed():
            raise RuntimeError("the loop is closed")
        if executor is None:
            executor = self._default_executor or ThreadPoolExecutor(thread_name_prefix="virtual")
            self._default_executor = executor
        job, future = executor.submit(func, *args), self.create_future()
        # Cancelling does not recall the job: whether it has begun by then is a matter of real time.
        self._jobs.append((job, future))
        job.add_done_callback(self._wake)
        return future

    def _wake(self, _: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may close before the thread ends
            self.call_soon_threadsafe(lambda: None)

    def close(self) -> None:
        super().close()
        self._timers.clear()

    async def shutdown_default_executor(self, *args: Any, **options: Any) -> None:
        with self.hold():  # a thread of its own joins the pool and reports back
            await super().shutdown_default_executor(*args, **options)


def _settle(job: Future[Any], future: asyncio.Future[Any]) -> None:
    if future.done():  # cancelled while the thread worked
        return
    if job.cancelled():
        future.cancel()
    elif error := job.exception():
        future.set_exception(error)
    else:
        future.set_result(job.result())


def _stuck(loop: VirtualLoop) -> str:
    """Each waiting task's name and the coroutines it is inside of, outermost first."""
    tasks = [f"{task.get_name()} in {_chain(task.get_coro())}" for task in asyncio.all_tasks(loop)]
    more = [f"and {len(tasks) - NAMED_WHEN_STUCK} more"] if len(tasks) > NAMED_WHEN_STUCK else []
    return ", ".join(sorted(tasks)[:NAMED_WHEN_STUCK] + more)


def _chain(link: object) -> str:
    names: list[str] = []
    while name := getattr(link, "__qualname__", None):
        names.append(name)
        link = getattr(link, "cr_await", None)
    return " > ".join(names)
