"""Connections in, each passed to the server that it asks for: ElevenLabs' one address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import urlsplit

from bench.emulators.elevenlabs import KEY, ElevenLabsEmulator
from bench.emulators.elevenlabs_socket import ElevenLabsSocketEmulator
from bench.emulators.serving import LOOPBACK

__all__ = ["KEY", "ElevenLabsBothEmulator"]

SOCKET = b"/multi-stream-input"  # in the first line of those that want the socket
LONGEST_LINE = 8192  # bytes


class ElevenLabsBothEmulator:
    """A server of the requests (`requests_served`) and of the socket (`socket_served`), which take
    the same options, at one address.

    `requests` keeps what both were sent, `gone` the instants at which clients of either left.
    """

    def __init__(self, **options: Any) -> None:
        self.requests_served = ElevenLabsEmulator(**options)
        self.socket_served = ElevenLabsSocketEmulator(**options)
        self.url = ""
        self._sides: dict[_Side, None] = {}

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What was sent in requests, and then the texts of the socket."""
        return [*self.requests_served.requests, *self.socket_served.requests]

    @property
    def gone(self) -> list[float]:
        """When clients left work unfinished."""
        return sorted([*self.requests_served.gone, *self.socket_served.gone])

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncGenerator[ElevenLabsBothEmulator, None]:
        """Serve until the block ends; `url` is the base address, a free port's unless given."""
        loop = asyncio.get_running_loop()
        async with (
            self.requests_served.serving(),
            self.socket_served.serving(),
            asyncio.TaskGroup() as group,
        ):

            def admit(side: _Side, first_line: bytes) -> None:
                wanted = self.socket_served if SOCKET in first_line else self.requests_served
                port = urlsplit(wanted.url).port or 0
                group.create_task(self._join(side, port), name="emulator's connection")

            front = await loop.create_server(lambda: _Side(self._sides, admit), LOOPBACK, port)
            try:
                self.url = f"http://{LOOPBACK}:{front.sockets[0].getsockname()[1]}"
                yield self
            finally:
                front.close()
                for side in list(self._sides):
                    side.transport.abort()

    async def _join(self, side: _Side, port: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, inner = await loop.create_connection(lambda: _Side(self._sides), LOOPBACK, port)
        except OSError:  # the server has just been closed
            side.transport.abort()
        else:
            side.join(inner)


class _Side(asyncio.Protocol):
    """One side of a connection that is passed through: what it receives is the other's to send.

    The client's side keeps what comes until `admit`, which is given its first line, has it joined.
    """

    def __init__(
        self, sides: dict[_Side, None], admit: Callable[[_Side, bytes], None] | None = None
    ) -> None:
        self._sides, self._admit = sides, admit
        self._other: _Side | None = None
        self._early = b""
        self._is_lost = False

    def join(self, other: _Side) -> None:
        """Pass on to each other from now on, and what has come already."""
        self._other, other._other = other, self
        other.transport.write(self._early)
        self._early = b""
        if self._is_lost:
            other.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._sides[self] = None

    def data_received(self, data: bytes) -> None:
        if self._other is not None:
            self._other.transport.write(data)
            return
        self._early += data
        line, end, _ = self._early.partition(b"\r\n")
        if end and self._admit is not None:
            self._admit(self, line)
            self._admit = None
        elif len(self._early) > LONGEST_LINE and self._admit is not None:
            self.transport.abort()

    def pause_writing(self) -> None:
        if self._other is not None:
            self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._other is not None:
            self._other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._sides.pop(self, None)
        self._is_lost = True
        if self._other is not None:
            self._other.transport.close()
