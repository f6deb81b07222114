"""Frames in and out: the socket below Deepgram's SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from bench.errors import ConnectFailed
from bench.providers.connections import CONNECT_SECONDS, HANG_UP_SECONDS, refused, tls
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
        try:
            return await connect(
                self._url,
                additional_headers=self._headers,
                ssl=tls() if self._url.startswith("wss:") else None,
                open_timeout=CONNECT_SECONDS,
                close_timeout=HANG_UP_SECONDS,
                ping_interval=None,  # audio without an answer tells more, and sooner
            )
        except InvalidStatus as error:
            answer, key = error.response, Secret(self._headers["Authorization"].split()[-1])
            said = (answer.body or b"").decode("utf-8", "replace")
            raise refused(PROVIDER, answer.status_code, answer.headers, said, key) from None
        except TimeoutError:
            raise ConnectFailed(PROVIDER, "no handshake in time") from None
        except (OSError, InvalidHandshake) as error:
            raise ConnectFailed(PROVIDER, type(error).__name__) from None
