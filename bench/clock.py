"""Coroutines in, time out: the one door to time, on the wall clock or on one that jumps.

On the wall clock these functions are asyncio's own. On a `VirtualLoop` the same code lives through
minutes in milliseconds, and the same inputs give the same order of events, to the microsecond.
"""

import asyncio
import collections
import contextlib
import datetime
import errno
import heapq
import itertools
import math
import os
import selectors
import socket
import time
import weakref
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from typing import Any, TypeVar, cast

T = TypeVar("T")
Address = tuple[str, int]
Factory = Callable[[], asyncio.BaseProtocol]

TICKS_PER_SECOND = 1_000_000
LOOPBACK = "127.0.0.1"
FIRST_FREE_PORT = 40_000
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
    if (seconds := at - now()) > 0:
        await asyncio.sleep(seconds)


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


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer and whose network stays in the process.

    The clock counts whole microseconds. It moves only when nothing is ready, no socket is readable,
    no thread job is out and nobody holds it. Thread jobs (`run_in_executor`, `to_thread`) really
    run, in no virtual time, and return in the order of submission, so how long they took cannot
    show. What arrives from any other thread or process must be awaited under `hold()`.

    Every host is loopback, only ports count, and `ssl` is ignored: a connection is a socket pair,
    where what one end has sent the other can read.
    """

    # Private names of the standard library; the tests hold them on every interpreter present.
    _scheduled: list["_Timer"]
    _clock_resolution: float
    _default_executor: Executor | None
    _make_socket_transport: Callable[..., asyncio.Transport]

    def __init__(self, start: float = 0.0) -> None:
        self.jumps = 0
        self._ticks = round(start * TICKS_PER_SECOND)
        self._armed = itertools.count()
        self._holds = 0
        self._jobs = collections.deque[tuple[Future[Any], asyncio.Future[Any]]]()
        self._listeners = dict[int, _Listener]()
        self._free_ports = itertools.count(FIRST_FREE_PORT)
        self._dialled = weakref.WeakKeyDictionary[socket.socket, tuple[Address, Address]]()
        super().__init__(_Selector(self._advance))
        self._clock_resolution = 0.5 / TICKS_PER_SECOND

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
        timer = _Timer(ticks / TICKS_PER_SECOND, callback, args, self, context)
        timer.rank = (ticks, next(self._armed))
        timer._scheduled = True
        heapq.heappush(self._scheduled, timer)
        return timer

    @contextlib.contextmanager
    def hold(self) -> Generator[None]:
        """Freeze the clock while someone outside owes this loop a `call_soon_threadsafe`."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    def _advance(self) -> bool:
        """Make the next thing happen, as nothing is ready; False when only the outside can."""
        if self._jobs and self._jobs[0][0].done():
            _settle(*self._jobs.popleft())
            return True
        if self._jobs or self._holds:
            return False
        ticks = self._scheduled[0].rank[0] if self._scheduled else math.inf
        if math.isinf(ticks):
            raise Deadlock(f"nothing happens after {self.time():.6f} s; waiting: {_stuck(self)}")
        self._ticks = int(ticks)
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

    async def shutdown_default_executor(self, *args: Any, **options: Any) -> None:
        with self.hold():  # a thread of its own joins the pool and reports back
            await super().shutdown_default_executor(*args, **options)

    async def getaddrinfo(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, host: object, port: str | int | None, *, type: int = 0, **_: Any
    ) -> list[tuple[int, int, int, str, Address]]:
        kind = type or socket.SOCK_STREAM
        return [(socket.AF_INET, kind, socket.IPPROTO_TCP, "", (LOOPBACK, int(port or 0)))]

    async def create_server(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        protocol_factory: Factory,
        host: object = None,
        port: int | None = None,
        *,
        sock: socket.socket | None = None,
        start_serving: bool = True,
        **_: Any,
    ) -> asyncio.Server:
        """Take a port; a `sock` lends the one it is bound to, and is closed with the server."""
        port = sock.getsockname()[1] if sock else port
        port = port or next(free for free in self._free_ports if free not in self._listeners)
        if port in self._listeners:
            raise OSError(errno.EADDRINUSE, f"virtual port {port} is taken")
        self._listeners[port] = listener = _Listener(port, sock)
        sockets = cast(list[socket.socket], [listener])
        server = asyncio.Server(self, sockets, protocol_factory, None, 0, None, None)
        if start_serving:
            await server.start_serving()
        return server

    def _start_serving(
        self, factory: Factory, sock: "_Listener", _: None, server: asyncio.Server, *__: Any
    ) -> None:
        def accept() -> None:
            if sock.backlog:  # a listener that closes empties it
                self._make_socket_transport(sock.backlog.popleft(), factory(), server=server)

        sock.accept = accept

    def _stop_serving(self, sock: "_Listener") -> None:
        del self._listeners[sock.getsockname()[1]]
        sock.close()

    async def create_connection(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        protocol_factory: Factory,
        host: str | None = None,
        port: int | None = None,
        *,
        sock: socket.socket | None = None,
        **_: Any,
    ) -> tuple[asyncio.Transport, Any]:
        if sock is None:
            sock = self._dial(host, port)
        elif names := self._dialled.pop(sock, None):
            sock = _End(sock.detach(), *names)
        return await super().create_connection(protocol_factory, sock=sock)

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect a socket of the caller's own: one end of a pair takes its file descriptor."""
        with self._dial(*address[:2]) as near:
            os.dup2(near.fileno(), sock.fileno(), inheritable=False)
            self._dialled[sock] = near.names

    def _dial(self, host: str | None, port: int | None) -> "_End":
        listener = self._listeners.get(port or 0)
        if not listener or not listener.accept:
            problem = f"nothing listens on {host}:{port} in this virtual network"
            raise ConnectionRefusedError(errno.ECONNREFUSED, problem)
        here, there = (LOOPBACK, next(self._free_ports)), (LOOPBACK, port or 0)
        near, far = socket.socketpair()
        listener.backlog.append(_End(far.detach(), there, here))
        # As accepted by the server: the client's context variables do not cross the wire.
        self.call_soon(listener.accept, context=listener.context)
        return _End(near.detach(), here, there)

    def close(self) -> None:
        if not self.is_running():
            for listener in tuple(self._listeners.values()):
                self._stop_serving(listener)
        super().close()


class _Selector(selectors.DefaultSelector):
    """Polls the sockets; where the loop would wait in real time, lets it advance instead."""

    def __init__(self, advance: Callable[[], bool]) -> None:
        super().__init__()
        self._advance = advance
        self._passes = itertools.cycle(range(256))

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # The loop's own pipe says only "wake up", and we are awake; a signal handler's byte is in
        # it too, hence now and then. Without that economy polling is most of a jump's cost.
        polls = len(self.get_map()) > 1 or not next(self._passes)
        ready = super().select(0) if polls else []
        if ready or timeout == 0 or self._advance():
            return ready
        return super().select(None)


class _Timer(asyncio.TimerHandle):
    """A timer that fires after those armed before it for the same tick: `rank` is (tick, order)."""

    __slots__ = ("rank",)
    rank: tuple[float, int]

    def __lt__(self, other: "_Timer") -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.rank < other.rank


class _End(socket.socket):
    """One end of a connection: half a socket pair that answers to internet `names`, (own, peer)."""

    def __init__(self, fileno: int, *names: Address) -> None:
        super().__init__(fileno=fileno)
        self.setblocking(False)
        self.names = names

    def getsockname(self) -> Address:
        return self.names[0]

    def getpeername(self) -> Address:
        return self.names[1]

    def setsockopt(self, level: int, *option: Any) -> None:
        if level != socket.IPPROTO_TCP:  # there is no TCP below to tune
            super().setsockopt(level, *option)


class _Listener:
    """A listening socket that only its loop can reach; `backlog` is what it has yet to accept."""

    family = socket.AF_INET

    def __init__(self, port: int, lent: socket.socket | None) -> None:
        self._address, self._lent = (LOOPBACK, port), lent
        self.backlog = collections.deque[_End]()
        self.accept: Callable[[], object] | None = None
        self.context = copy_context()

    def getsockname(self) -> Address:
        return self._address

    def listen(self, _: int) -> None:
        """Not on a real port."""

    def close(self) -> None:
        for end in (*self.backlog, *([self._lent] if self._lent else [])):
            end.close()
        self.backlog.clear()


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
