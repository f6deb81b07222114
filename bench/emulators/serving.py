"""Requests in, answers out as slowly or as badly as a test wants: HTTP/1.1 for the emulators."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast
from urllib.parse import parse_qsl, urlsplit

import h11
from websockets.asyncio.server import Server

from bench import clock

LOOPBACK = "127.0.0.1"


async def accept_no_more(server: asyncio.Server | Server) -> None:
    """Prepare to close a server on the wall clock, which would lose whoever is accepted just then:
    asyncio (3.11) makes no connection for a closed one, and leaves the socket open."""
    for socket in server.sockets:
        asyncio.get_running_loop().remove_reader(socket)
    for _ in range(2):  # in which whoever was accepted gets a connection, and that its protocol
        await clock.sleep(0)


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked for; names of headers are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body.

        Raises:
            ValueError: it is not a JSON object.
        """
        content: object = json.loads(self.body)
        if not isinstance(content, dict):
            raise ValueError("want a JSON object")
        return cast("dict[str, Any]", content)


class Answer:
    """The response to one request, piece by piece."""

    def __init__(
        self, connection: h11.Connection, transport: asyncio.Transport, *, bare: bool
    ) -> None:
        self._connection, self._transport = connection, transport
        self._bare = bare  # a head alone was asked for

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """The head; the body follows in pieces of any size."""
        self._send(h11.Response(status_code=status, headers=list(headers.items())))

    def write(self, piece: bytes) -> None:
        """A piece of the body."""
        if not self._bare:
            self._send(h11.Data(data=piece))

    def end(self) -> None:
        """No piece follows."""
        self._send(h11.EndOfMessage())

    def whole(self, status: int, content: object, headers: Mapping[str, str] | None = None) -> None:
        """A whole response, its body JSON."""
        body = json.dumps(content).encode()
        about = {"content-type": "application/json", "content-length": str(len(body))}
        self.begin(status, {**about, **(headers or {})})
        self.write(body)
        self.end()

    def garble(self, data: bytes) -> None:
        """Bytes as they are, for what HTTP does not allow."""
        self._transport.write(data)

    def abort(self) -> None:
        """Break the connection off where it is."""
        self._transport.abort()

    def _send(self, event: h11.Response | h11.Data | h11.EndOfMessage) -> None:
        if data := self._connection.send(event):
            self._transport.write(data)


Handler = Callable[[Request, Answer], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler, port: int = 0) -> AsyncGenerator[int, None]:
    """Answer requests with `handler`, which is cancelled when its client goes; yields the port.

    An exception of the handler's ends the block.
    """
    connections = dict[_Connection, None]()
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        server = await loop.create_server(
            lambda: _Connection(handler, group, connections), LOOPBACK, port
        )
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for connection in list(connections):
                connection.close()


class HttpEmulator(ABC):
    """A server of what one vendor is asked over HTTP.

    `url` is its base address while it serves; `gone` keeps the instants at which a client hung up
    in the middle of an answer.
    """

    base_path: ClassVar[str] = ""  # of `url`

    def __init__(self) -> None:
        self.url = ""
        self.gone: list[float] = []

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncGenerator[Self, None]:
        """Serve until the block ends; `url` is the base address, a free port's unless given."""
        async with serving(self._handle, port) as port:
            self.url = f"http://{LOOPBACK}:{port}{self.base_path}"
            yield self

    @abstractmethod
    async def _answer(self, request: Request, answer: Answer) -> None:
        """Answer one request; cancelled when the client hangs up."""

    async def _handle(self, request: Request, answer: Answer) -> None:
        try:
            await self._answer(request, answer)
        except asyncio.CancelledError:
            self.gone.append(clock.now())
            raise


class _Connection(asyncio.Protocol):
    """One client: its requests one after the other, each handled by a task of its own."""

    def __init__(
        self,
        handler: Handler,
        group: asyncio.TaskGroup,
        connections: dict[_Connection, None],
    ) -> None:
        self._handler, self._group, self._connections = handler, group, connections
        self._http = h11.Connection(h11.SERVER)
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections[self] = None

    def data_received(self, data: bytes) -> None:
        self._http.receive_data(data)
        self._take()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.pop(self, None)
        if self._task is not None:
            self._task.cancel()

    def close(self) -> None:
        """Hang up, whatever is going on."""
        self._transport.abort()

    def _take(self) -> None:
        """Read events until a request is whole, or there is nothing more to read."""
        while self._task is None:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError:
                self._transport.abort()
                return
            match event:
                case h11.Request():
                    self._head, self._body = event, b""
                case h11.Data(data=data):
                    self._body += bytes(data)
                case h11.EndOfMessage():
                    work = self._handle(_request(self._head, self._body))
                    self._task = self._group.create_task(work, name="emulator's answer")
                case _:
                    return

    async def _handle(self, request: Request) -> None:
        bare = request.method == "HEAD"
        await self._handler(request, Answer(self._http, self._transport, bare=bare))
        self._task = None
        if self._transport.is_closing():
            return
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._take()
        else:  # the handler left its answer unfinished, or the client wants no other
            self._transport.close()


def _request(head: h11.Request, body: bytes) -> Request:
    address = urlsplit(head.target.decode())
    headers = {bytes(name).decode(): bytes(value).decode("latin-1") for name, value in head.headers}
    return Request(
        bytes(head.method).decode(), address.path, dict(parse_qsl(address.query)), headers, body
    )
