"""Google Cloud calls in, answers or refusals out, over connections that can be broken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NoReturn, cast

import grpc
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio

from bench import clock
from bench.emulators.serving import LOOPBACK, accept_no_more
from bench.emulators.trouble import Trouble
from bench.simulation.faults import Fault

Call = Any
"""What gRPC hands a handler beside the requests: metadata, peer, `abort`."""
StreamHandler = Callable[[Any, Call], AsyncGenerator[Any, None]]
"""Requests and the call in, responses out."""


class GoogleServer:
    """Services behind a port of the loopback, where it can be seen how a client leaves.

    Connections are passed through to the gRPC server, one by one: so they can be broken off, or
    accepted and never heard of again.
    """

    def __init__(self, key: str, trouble: Trouble) -> None:
        self.port = 0
        self.gone: list[float] = []
        self._key, self._trouble = key, trouble
        self._passages: dict[_Side, None] = {}
        self._closing = False

    @asynccontextmanager
    async def serving(
        self, services: Mapping[str, tuple[StreamHandler, type[Any]]], port: int
    ) -> AsyncGenerator[None, None]:
        """Serve until the block ends; `services` are handlers and types of requests by path."""
        server = aio.server()
        for path, (handler, request) in services.items():
            server.add_generic_rpc_handlers([self._handlers(path, handler, request)])
        inner = server.add_insecure_port(f"{LOOPBACK}:0")
        await server.start()
        try:
            async with asyncio.TaskGroup() as group:
                front = await asyncio.get_running_loop().create_server(
                    lambda: _Side(self._passages, lambda side: self._admit(group, side, inner)),
                    LOOPBACK,
                    port,
                )
                self.port = front.sockets[0].getsockname()[1]
                try:
                    yield
                finally:
                    self._closing = True
                    await accept_no_more(front)
                    front.close()
                    await self._hang_up()  # for whom the server would wait
                    await server.stop(None)
        finally:
            await self._hang_up()

    async def _hang_up(self) -> None:
        """Abort all there is, and wait until it is gone."""
        while self._passages:
            for side in self._passages:
                side.transport.abort()
            await clock.sleep(0)

    def freeze(self) -> None:
        """Be a machine whose line was cut: nothing that comes is read any more."""
        for side in self._passages:
            side.transport.pause_reading()

    def _admit(self, group: asyncio.TaskGroup, side: _Side, inner: int) -> None:
        """A connection comes: pass it through, unless nothing is to be heard of it."""
        if self._closing:  # it had been accepted before
            side.transport.abort()
            return
        side.transport.pause_reading()
        if not self._trouble.suffers(("connect_timeout",)):
            group.create_task(self._join(side, inner), name="emulator's connection")

    async def _join(self, side: _Side, inner: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _Side(self._passages, side.join), LOOPBACK, inner)
        except OSError:  # the server has just been closed
            side.transport.abort()
        else:
            side.transport.resume_reading()
            if self._closing:
                await self._hang_up()

    def _handlers(self, path: str, handler: StreamHandler, request: type[Any]) -> Any:
        service, _, method = path.rpartition("/")

        async def handle(requests: Any, call: Call) -> AsyncGenerator[Any, None]:
            try:
                await self._check(call)
                async for response in handler(requests, call):
                    yield response
            except (asyncio.CancelledError, GeneratorExit):
                if not self._closing:
                    self.gone.append(clock.now())
                raise

        deserialize = cast("Any", request).deserialize
        made = grpc.stream_stream_rpc_method_handler(handle, deserialize, _serialized)
        return grpc.method_handlers_generic_handler(service, {method: made})

    async def _check(self, call: Call) -> None:
        """Turn a call down that has the wrong key, or that meets with a refusal."""
        told = dict(call.invocation_metadata())
        if told.get("x-goog-api-key") != self._key:
            await refuse(call, Code.UNAUTHENTICATED, "Request had invalid credentials.")
        fault = self._trouble.begins()
        if fault is None:
            return
        if fault.kind == "connect_timeout":  # on a connection that there is already
            await asyncio.Event().wait()
        if fault.kind == "http_503":
            await refuse(call, Code.UNAVAILABLE, "The service is currently unavailable.")
        await refuse(call, Code.RESOURCE_EXHAUSTED, "Quota exceeded.", fault.retry_after_seconds)

    async def suffer(self, call: Call, fault: Fault) -> None:
        """Stall, spoil or break off an answer under way."""
        match fault.kind:
            case "stall":
                await clock.sleep(fault.for_seconds)
            case "malformed":
                await refuse(call, Code.INTERNAL, "Internal error encountered.")
            case _:
                self._break_off(str(call.peer()))
                await asyncio.Event().wait()  # the client is gone: this is cancelled

    def _break_off(self, peer: str) -> None:
        """Abort the connection on which a call came."""
        port = int(peer.rpartition(":")[2])
        for side in list(self._passages):
            if side.transport.get_extra_info("sockname")[1] == port:
                side.transport.abort()
                if side.other is not None:
                    side.other.transport.abort()


async def refuse(
    call: Call, code: int, message: str, retry_after_seconds: float | None = None
) -> NoReturn:
    """End a call with a status, and the wait that goes with it."""
    status = Status(code=code, message=message)
    if retry_after_seconds is not None:
        wait = RetryInfo()
        wait.retry_delay.FromMilliseconds(round(1000 * retry_after_seconds))
        status.details.add().Pack(wait)
    details = (("grpc-status-details-bin", status.SerializeToString()),)
    await call.abort(_STATUS[code], message, details)
    raise AssertionError("abort ends the call")


_STATUS: Mapping[int, grpc.StatusCode] = {one.value[0]: one for one in grpc.StatusCode}


def _serialized(response: Any) -> bytes:
    return cast("Any", type(response)).serialize(response)


class _Side(asyncio.Protocol):
    """One side of a connection that is passed through; what it receives is the other's to send."""

    def __init__(self, passages: dict[_Side, None], made: Callable[[_Side], None]) -> None:
        self.other: _Side | None = None
        self._passages, self._made = passages, made

    def join(self, other: _Side) -> None:
        """Pass on to each other from now on."""
        self.other, other.other = other, self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._passages[self] = None
        self._made(self)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._passages.pop(self, None)
        if self.other is not None:
            self.other.transport.close()
