"""Coroutines in, time out: the one door to time, on the wall clock or on one that jumps.

On the wall clock these functions are asyncio's own. On a `VirtualLoop` the same code lives through minutes in
milliseconds, and the same inputs give the same order of events on every run, machine and Python.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import contextvars
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
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Address = tuple[str, int]
ProtocolFactory = Callable[[], asyncio.BaseProtocol]

TICKS_PER_SECOND = 1_000_000
LOOPBACK = "127.0.0.1"
FIRST_EPHEMERAL_PORT = 40_000
POLL_EVERY_PASSES = 256


def now() -> float:
    """Seconds on the running loop's clock, virtual or monotonic; monotonic where no loop runs."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()


async def sleep(seconds: float) -> None:
    """Wait; zero lets everybody else run once."""
    await asyncio.sleep(seconds)


async def sleep_until(at: float) -> None:
    """Wait for an instant of `now()`; one that has passed does not even yield."""
    if (seconds := at - now()) > 0:
        await asyncio.sleep(seconds)


def deadline(seconds: float | None) -> asyncio.Timeout:
    """An async context that raises TimeoutError after that long; None never does. `reschedule(at)` moves it."""
    return asyncio.timeout(seconds)


def run(main: Coroutine[Any, Any, T], *, virtual: bool = False, start: float = 0.0) -> T:
    """Run to the end and clean up; `start` is the virtual clock's first reading."""
    factory = (lambda: VirtualLoop(start)) if virtual else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def wall() -> float:
    """Unix time, for the record of a run; never for a trace."""
    return time.time()


def wall_iso() -> str:
    """The UTC date and time as ISO 8601, for the record of a run; never for a trace."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def cpu_seconds() -> float:
    """CPU seconds this process has used, all threads, user and system."""
    return time.process_time()


class Deadlock(RuntimeError):
    """Nothing is ready, no timer is set and nobody outside owes anything: the named tasks wait for ever."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer and whose network never leaves the process.

    The clock is whole microseconds. It moves only when nothing is ready, no socket is readable, no thread job is
    out and nobody holds it. Thread jobs (`run_in_executor`, `to_thread`) run for real, in no virtual time, and return
    in the order of submission, so how long they really took cannot show. Threads the loop did not start must be
    awaited under `hold()`. Every name resolves to loopback, only the port counts, and `ssl` is ignored: a
    connection is a socket pair, so what one end sends, the other can read at once.
    """

    # The standard library's private names this class leans on; the tests pin them on every interpreter.
    _scheduled: list[_Timer]
    _clock_resolution: float
    _default_executor: ThreadPoolExecutor | None
    _make_socket_transport: Callable[[socket.socket, asyncio.BaseProtocol], asyncio.Transport]

    def __init__(self, start: float = 0.0) -> None:
        self.jumps = 0
        self._ticks = round(start * TICKS_PER_SECOND)
        self._order = itertools.count()
        self._holds = 0
        self._jobs: collections.deque[tuple[Future[Any], asyncio.Future[Any]]] = collections.deque()
        self._servers: dict[int, _Server] = {}
        self._ports = itertools.count(FIRST_EPHEMERAL_PORT)
        self._dialled: weakref.WeakKeyDictionary[socket.socket, tuple[Address, Address]]
        self._dialled = weakref.WeakKeyDictionary()
        super().__init__(_Selector(self._advance))
        self._clock_resolution = 0.5 / TICKS_PER_SECOND

    # Time

    def time(self) -> float:
        return self._ticks / TICKS_PER_SECOND

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: Unpack[Ts],
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        if self.is_closed():
            raise RuntimeError("the loop is closed")
        ticks = when if math.isinf(when) else round(when * TICKS_PER_SECOND)
        # Rate limiters re-arm at `now + 1e-16`: a timer due in the instant it is armed would spin for ever.
        timer = _Timer(
            max(ticks, self._ticks + 1), next(self._order), callback, args, self, context
        )
        heapq.heappush(self._scheduled, timer)
        return timer

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Freeze the clock while another thread or process owes this loop a `call_soon_threadsafe`."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    def _advance(self) -> bool:
        """Make the next thing happen, now that nothing is ready; False: it must come from outside, in real time."""
        if self._jobs and self._jobs[0][0].done():
            _settle(*self._jobs.popleft())
            return True
        if self._jobs or self._holds:
            return False
        if not self._scheduled or math.isinf(ticks := self._scheduled[0].rank[0]):
            raise Deadlock(
                f"nothing can happen after {self.time():.6f} s; waiting: {_waiting(self)}"
            )
        self._ticks = int(ticks)
        self.jumps += 1
        return True

    # Threads

    def run_in_executor(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: Unpack[Ts]
    ) -> asyncio.Future[T]:
        if self.is_closed():
            raise RuntimeError("the loop is closed")
        if executor is None:
            if self._default_executor is None:
                self.set_default_executor(ThreadPoolExecutor(thread_name_prefix="virtual"))
            executor = self._default_executor
            assert executor is not None
        job, future = executor.submit(func, *args), self.create_future()
        # A cancelled job is not recalled: whether it had begun depends on real time, so it always runs.
        self._jobs.append((job, future))
        job.add_done_callback(self._wake)
        return future

    def _wake(self, _: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may have closed before the thread ended
            self.call_soon_threadsafe(lambda: None)

    async def shutdown_default_executor(self, *args: Any, **options: Any) -> None:
        with self.hold():  # a bare thread joins the pool and reports back
            await super().shutdown_default_executor(*args, **options)

    # Network

    async def getaddrinfo(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, host: object, port: str | int | None, *, type: int = 0, **_: Any
    ) -> list[tuple[int, int, int, str, Address]]:
        kind = type or socket.SOCK_STREAM
        return [(socket.AF_INET, kind, socket.IPPROTO_TCP, "", (LOOPBACK, int(port or 0)))]

    async def create_server(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        protocol_factory: ProtocolFactory,
        host: object = None,
        port: int | None = None,
        *,
        sock: socket.socket | None = None,
        start_serving: bool = True,
        **_: Any,
    ) -> _Server:
        """Listen on a port of this loop; a `sock` lends its bound port and is closed with the server."""
        port = sock.getsockname()[1] if sock else port
        port = port or next(free for free in self._ports if free not in self._servers)
        if port in self._servers:
            raise OSError(errno.EADDRINUSE, f"virtual port {port} is taken")
        self._servers[port] = server = _Server(self, protocol_factory, sock or _Listener(port))
        server.released = lambda: self._servers.pop(port)
        if start_serving:
            await server.start_serving()
        return server

    async def create_connection(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        protocol_factory: ProtocolFactory,
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
        """Connect a socket of the caller's own: a pair's end takes the place of the one beneath it."""
        near = self._dial(*address[:2])
        with near:
            os.dup2(near.fileno(), sock.fileno(), inheritable=False)
        self._dialled[sock] = near.names

    def _dial(self, host: str | None, port: int | None) -> _End:
        server = self._servers.get(port or 0)
        if server is None or not server.is_serving():
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, f"nothing listens on {host}:{port} in this virtual network"
            )
        here, there = (LOOPBACK, next(self._ports)), (LOOPBACK, port or 0)
        near, far = socket.socketpair()
        server.backlog.append(_End(far.detach(), there, here))
        # In the server's context, as a real accept: a client's context variables do not cross the wire.
        self.call_soon(self._accept, server, context=server.context)
        return _End(near.detach(), here, there)

    def _accept(self, server: _Server) -> None:
        if server.backlog:  # closing the server empties it
            self._make_socket_transport(server.backlog.popleft(), server.protocol_factory())

    def close(self) -> None:
        if not self.is_closed() and not self.is_running():
            for server in list(self._servers.values()):
                server.close()
            self._jobs.clear()
        super().close()


class _Selector(selectors.DefaultSelector):
    """Polls the sockets; when the loop would wait, lets it advance instead."""

    def __init__(self, advance: Callable[[], bool]) -> None:
        super().__init__()
        self._advance = advance
        self._passes = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._passes += 1
        # With nothing registered but the loop's self-pipe, what it wakes is ready already: poll for signals alone.
        alone = len(self.get_map()) == 1
        ready = [] if alone and self._passes % POLL_EVERY_PASSES else super().select(0)
        if ready or timeout == 0 or self._advance():
            return ready
        return super().select(None)


class _Timer(asyncio.TimerHandle):
    """A timer that fires after those armed before it for the same microsecond; `rank` is (ticks, order)."""

    __slots__ = ("rank",)

    def __init__(
        self, ticks: float, order: int, callback: Any, args: Any, loop: VirtualLoop, context: Any
    ) -> None:
        super().__init__(ticks / TICKS_PER_SECOND, callback, args, loop, context)
        self.rank = (ticks, order)
        self._scheduled = True

    def __lt__(self, other: _Timer) -> bool:
        return self.rank < other.rank


class _End(socket.socket):
    """One end of a virtual connection: half a socket pair that goes by internet addresses, (own, peer)."""

    def __init__(self, fileno: int, own: Address, peer: Address) -> None:
        super().__init__(fileno=fileno)
        self.setblocking(False)
        self.names = (own, peer)

    def getsockname(self) -> Address:
        return self.names[0]

    def getpeername(self) -> Address:
        return self.names[1]

    def setsockopt(self, level: int, *option: Any) -> None:
        if level != socket.IPPROTO_TCP:  # a pair has no TCP beneath it, so nothing to tune
            super().setsockopt(level, *option)


class _Listener:
    """What a server shows of its listening socket: an address that only the loop can reach."""

    family = socket.AF_INET

    def __init__(self, port: int) -> None:
        self._port = port

    def getsockname(self) -> Address:
        return (LOOPBACK, self._port)

    def close(self) -> None:
        """There is nothing beneath it."""


class _Server(asyncio.AbstractServer):
    """A port that a virtual loop listens on; `backlog` holds the ends it has not accepted yet."""

    def __init__(
        self, loop: VirtualLoop, factory: ProtocolFactory, listener: socket.socket | _Listener
    ) -> None:
        self.protocol_factory = factory
        self.context = contextvars.copy_context()
        self.backlog: collections.deque[_End] = collections.deque()
        self.released: Callable[[], object]
        self._loop, self._listener = loop, listener
        self._serving = False
        self._closed = asyncio.Event()

    @property
    def sockets(self) -> tuple[socket.socket | _Listener, ...]:
        return (self._listener,) if self._serving else ()

    def get_loop(self) -> VirtualLoop:
        return self._loop

    def is_serving(self) -> bool:
        return self._serving

    async def start_serving(self) -> None:
        self._serving = not self._closed.is_set()

    async def serve_forever(self) -> None:
        await self.start_serving()
        try:
            await self._closed.wait()
        finally:
            self.close()
        raise asyncio.CancelledError  # what asyncio's own server says when somebody closes it

    def close(self) -> None:
        if self._closed.is_set():
            return
        self._serving = False
        self._closed.set()
        self.released()
        self._listener.close()
        while self.backlog:
            self.backlog.popleft().close()

    async def wait_closed(self) -> None:
        await self._closed.wait()


def _settle(job: Future[Any], future: asyncio.Future[Any]) -> None:
    if future.done():  # cancelled while the thread worked
        return
    if job.cancelled():
        future.cancel()
    elif error := job.exception():
        future.set_exception(error)
    else:
        future.set_result(job.result())


def _waiting(loop: VirtualLoop) -> str:
    """Each waiting task's name and the coroutines it is inside of, outermost first."""
    return ", ".join(
        sorted(
            f"{task.get_name()} in {_chain(task.get_coro())}" for task in asyncio.all_tasks(loop)
        )
    )


def _chain(link: object) -> str:
    names: list[str] = []
    while name := getattr(link, "__qualname__", None):
        names.append(name)
        link = getattr(link, "cr_await", None)
    return " > ".join(names)
