"""Connections in, socket pairs out: a network that never leaves the process.

Every host is loopback and only ports count. What one end has sent the other can read at once,
nothing listens on a real port, and nothing outside can be reached.
"""

import asyncio
import collections
import errno
import itertools
import os
import selectors
import socket
import weakref
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, cast

Address = tuple[str, int]
Factory = Callable[[], asyncio.BaseProtocol]

LOOPBACK = "127.0.0.1"
FIRST_FREE_PORT = 40_000


class VirtualNetwork(asyncio.SelectorEventLoop):
    """An event loop whose TCP servers and clients meet inside it; `ssl` is ignored.

    Serves `create_server` and `create_connection` (so asyncio's streams, uvicorn, websockets,
    httpx) and `sock_connect` for libraries that bring a socket of their own (aiohttp).
    """

    # A private name of the standard library; the tests hold it on every interpreter present.
    _make_socket_transport: Callable[..., asyncio.Transport]

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._listeners = dict[int, _Listener]()
        self._free_ports = itertools.count(FIRST_FREE_PORT)
        self._dialled = weakref.WeakKeyDictionary[socket.socket, tuple[Address, Address]]()
        super().__init__(selector)

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


class _End(socket.socket):
    """One end of a connection: half a socket pair, which goes by the addresses (own, peer)."""

    def __init__(self, fileno: int, own: Address, peer: Address) -> None:
        super().__init__(fileno=fileno)
        self.setblocking(False)
        self.names = (own, peer)

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
