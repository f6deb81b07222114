"""Frames in and out: the socket below Deepgram's SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from websockets.asyncio.client import ClientConnection

from bench.providers.sockets import opened
from bench.settings import Secret

PROVIDER = "deepgram"


class DeepgramSocket:
    """What the SDK sends and receives through (its `transport_factory`, one per process): a socket
    that opens when it is first used, says why it was refused, and hangs up within the bound."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url, self._headers = url, dict(headers)
        self._connection: ClientConnection | None = None

    async def send(self, data: str | bytes) -> None:
        """Send a frame, on a connection that it opens if need be.

        Raises:
            ConnectFailed, RateLimited, Rejected: it does not open.
        """
        connection = self._connection = self._connection or await self._open()
        await connection.send(data)

    async def recv(self) -> str | bytes:
        """The next frame, of a connection that it opens if need be.

        Raises:
            ConnectFailed, RateLimited, Rejected: it does not open.
        """
        connection = self._connection = self._connection or await self._open()
        return await connection.recv()

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """The frames until it closes."""
        assert self._connection is not None, "it was not used yet"
        async for frame in self._connection:
            yield frame

    async def close(self) -> None:
        """Hang up; a peer that does not answer is not waited for."""
        if self._connection is not None:
            await self._connection.close()

    async def _open(self) -> ClientConnection:
        key = Secret(self._headers["Authorization"].split()[-1])
        return await opened(PROVIDER, self._url, self._headers, key)
