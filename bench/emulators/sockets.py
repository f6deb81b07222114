"""Whoever knocks in, a talk with each out: WebSocket servers that end by hanging up on all."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve

from bench.emulators.serving import LOOPBACK

Talk = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def listening(talk: Talk, port: int, **options: Any) -> AsyncGenerator[Server, None]:
    """Serve `talk`, with the library's own options. When the block ends every line breaks, also of
    those who have not said what they want, for whom the server would wait."""
    lines = weakref.WeakSet[ServerConnection]()

    class Line(ServerConnection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            lines.add(self)

    server = await serve(talk, LOOPBACK, port, create_connection=Line, **options)
    async with server:
        try:
            yield server
        finally:
            for connection in list(lines):
                connection.transport.abort()


def address(server: Server) -> str:
    """Where it listens."""
    return f"ws://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
