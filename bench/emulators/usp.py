"""Frames in, messages out: the framing below Azure's speech services, and their front door."""

from __future__ import annotations

import contextlib
import json
import logging
import struct
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from bench import clock
from bench.emulators.serving import accept_no_more
from bench.emulators.sockets import address, listening
from bench.simulation.faults import Fault

KEY = "an-azure-key-for-emulators"
TICKS = 10_000_000  # of 100 ns, in which the services count time
_PROTOCOL = Subprotocol("USP")
_KEY_HEADER = "Ocp-Apim-Subscription-Key"
_SILENT = logging.Logger("usp", logging.CRITICAL + 1)  # or headers would be logged, keys and all


@dataclass(frozen=True, slots=True)
class Message:
    """What a client sent; `body` is text as UTF-8, or audio."""

    path: str
    request_id: str
    body: bytes


def read(frame: str | bytes) -> Message:
    """A frame taken apart: header lines and a body, in a binary one after the headers' length.

    Raises:
        KeyError, ValueError, struct.error: it is no such frame.
    """
    if isinstance(frame, str):
        head, _, text = frame.partition("\r\n\r\n")
        body = text.encode()
    else:
        (size,) = struct.unpack_from(">H", frame)
        head, body = frame[2 : 2 + size].decode(), frame[2 + size :]
    pairs = (line.partition(":") for line in head.split("\r\n") if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Message(headers["path"].lower(), headers.get("x-requestid", ""), body)


def written(path: str, request_id: str, content: object) -> str:
    """A text frame with a JSON body."""
    head = f"X-RequestId:{request_id}\r\nPath:{path}\r\nContent-Type:application/json\r\n\r\n"
    return head + json.dumps(content)


def sound(request_id: str, stream_id: str, pcm: bytes) -> bytes:
    """A binary frame with audio."""
    head = (
        f"X-RequestId:{request_id}\r\nX-StreamId:{stream_id}\r\nPath:audio\r\n"
        "Content-Type:audio/x-wav\r\n"
    ).encode()
    return struct.pack(">H", len(head)) + head + pcm


def ticks(samples: int, rate: int) -> int:
    """So many samples, in the services' unit of time."""
    return samples * TICKS // rate


class Service(Protocol):
    """One of the services behind a port; `gone` are the instants at which a client left early."""

    key: str
    url: str
    gone: list[float]

    def serves(self, path: str) -> bool:
        """Whether the address is one of its own."""
        ...

    def refuses(self) -> Fault | None:
        """What a client that knocks is turned away with."""
        ...

    async def talk(self, connection: ServerConnection) -> bool:
        """Serve one client; True when it left work unfinished behind."""
        ...


@asynccontextmanager
async def serving(services: Sequence[Service], port: int = 0) -> AsyncGenerator[str, None]:
    """Serve all of them at one port, as one region has them, until the block ends; yields the
    address, which is also the `url` of each."""
    door = _Door(services)
    options: dict[str, Any] = {
        "process_request": door.admit,
        "logger": _SILENT,
        "subprotocols": [_PROTOCOL],
        "open_timeout": None,
        "ping_interval": None,
        "close_timeout": 0.2,
        "max_queue": None,  # a client that leaves is noticed behind what it sent
    }
    async with listening(door.talk, port, **options) as server:
        url = address(server)
        for service in services:
            service.url = url
        try:
            yield url
        finally:
            await accept_no_more(server)


class _Door:
    """Lets clients in to the service that they ask for, or turns them away."""

    def __init__(self, services: Sequence[Service]) -> None:
        self._services = services

    async def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        service = self._chosen(request)
        if service is None:
            return connection.respond(404, "There is nothing here.")
        if request.headers.get(_KEY_HEADER) != service.key:
            return connection.respond(401, "Access denied due to invalid subscription key.")
        fault = service.refuses()
        return None if fault is None else await _refusal(connection, fault)

    async def talk(self, connection: ServerConnection) -> None:
        service = self._chosen(connection.request)
        assert service is not None, "it was admitted"
        try:
            left = await service.talk(connection)
        except ConnectionClosed:
            left = True
        if left:
            service.gone.append(clock.now())

    def _chosen(self, request: Request | None) -> Service | None:
        path = urlsplit(request.path if request is not None else "").path
        return next((service for service in self._services if service.serves(path)), None)


async def pause(connection: ServerConnection, seconds: float) -> None:
    """Keep a client waiting.

    Raises:
        ConnectionClosed: it had enough of it.
    """
    with contextlib.suppress(TimeoutError):
        async with clock.deadline(seconds):
            await connection.wait_closed()
            await connection.send("")  # which says how it was closed


async def _refusal(connection: ServerConnection, fault: Fault) -> Response:
    if fault.kind == "connect_timeout":  # accepts, and is never heard of again
        await connection.wait_closed()
    if fault.kind == "http_503":
        return connection.respond(503, "The service is unavailable.")
    response = connection.respond(429, "Too many requests.")
    response.headers["Retry-After"] = f"{fault.retry_after_seconds:g}"
    return response
