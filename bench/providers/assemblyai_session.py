"""Events in order out of a session that ends when it should: the SDK's client, held to bounds."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from typing import Any

from assemblyai.streaming.v3 import (
    AsyncRealTimeTranscriber,
    RealTimeError,
    RealTimeEvents,
    RealTimeParameters,
    RealTimeTranscriberOptions,
    async_client,
)
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bench.engine.worker import spawn
from bench.errors import BrokenStream, ConnectFailed, ProviderError, RateLimited, Rejected
from bench.providers.connections import CONNECT_SECONDS, HANG_UP_SECONDS, quoted, refused, tls
from bench.settings import Secret

PROVIDER = "assemblyai"
EVENTS_QUEUE_SIZE = 256
MOST_QUEUED_FRAMES = 200  # 10 s of audio that the network does not take
GOODBYE_SECONDS = 0.2  # for the server's last words, and again for its closing

REFUSED = (3006, 4000, 4001, 4002, 4003, 4100, 4101)  # codes after which it is no use to try again
BUSY = (3009, 4029, 4102)  # too many sessions, too much audio
AWAY = (1012, 1013)  # restarts, overloaded
BROKE = 1006  # no closing at all

# At DEBUG the library writes the handshake out, and the key with it.
logging.getLogger("websockets.client").addFilter(
    lambda record: "authorization" not in str(record.args).lower()
)

# What it calls an error is told as one of ours, without all that a service may quote in it.
logging.getLogger("assemblyai.streaming.v3.async_client").addFilter(
    lambda record: not str(record.msg).startswith(("Streaming error", "Connection "))
)


def _opening(uri: str, additional_headers: dict[str, Any]) -> connect:
    secure = uri.startswith("wss:")
    return connect(uri, additional_headers=additional_headers, ssl=tls() if secure else None)


# The SDK leaves TLS to the library, which would make a context for each session: 30 ms of the loop.
async_client.websocket_connect_async = _opening

WANTED = (
    RealTimeEvents.Begin,
    RealTimeEvents.SpeechStarted,
    RealTimeEvents.Turn,
    RealTimeEvents.Heartbeat,
)


class AssemblyAISession(AsyncRealTimeTranscriber):
    """One session. `connect` never raises: what goes wrong is the next event."""

    def __init__(self, url: str, key: Secret) -> None:
        options = RealTimeTranscriberOptions(
            api_host=url,
            api_key=key.reveal(),
            connect_timeout=CONNECT_SECONDS,
            max_connection_retries=0,
            terminate_timeout=GOODBYE_SECONDS,
        )
        super().__init__(options)
        self._key, self._is_open = key, False
        self._events = asyncio.Queue[Any](EVENTS_QUEUE_SIZE)
        self.on(RealTimeEvents.Error, self._fails)
        for kind in WANTED:
            self.on(kind, self._happens)

    async def connect(self, params: RealTimeParameters) -> None:
        """Open the socket."""
        await super().connect(params)
        if self._websocket is not None:  # neither task has run yet
            self._is_open = True
            self._websocket.close_timeout = GOODBYE_SECONDS
            self._websocket = _Checked(self._websocket)

    async def next_event(self) -> Any:
        """The next event.

        Raises:
            BrokenStream, ConnectFailed, RateLimited, Rejected: there is none.
        """
        event = await self._events.get()
        if isinstance(event, ProviderError):
            raise event
        return event

    async def stream(self, data: Any) -> None:
        """Send a frame; where those before it do not get away, the session is broken."""
        queued = 0 if self._write_queue is None else self._write_queue.qsize()
        if queued > MOST_QUEUED_FRAMES:
            await self._events.put(BrokenStream(PROVIDER, "the line takes no more audio"))
        else:
            await super().stream(data)

    async def hang_up(self) -> None:
        """Say goodbye; a peer that does not answer is not waited for."""
        goodbye = spawn(self.disconnect(terminate=self._is_open), name="AssemblyAI goodbye")
        await asyncio.wait([goodbye], timeout=HANG_UP_SECONDS)
        if not goodbye.done():
            goodbye.cancel()
            if self._websocket is not None:
                self._websocket.abort()
            await asyncio.wait([goodbye])
            await self.disconnect()

    async def _read_loop(self) -> None:
        try:
            await super()._read_loop()
        except (TypeError, ValueError, LookupError) as error:
            broken = BrokenStream(PROVIDER, f"not a message: {type(error).__name__}")
        else:  # the SDK has nothing to say of an orderly end that nobody asked for
            broken = BrokenStream(PROVIDER, "the session was ended")
        await self._events.put(broken)

    async def _happens(self, _: AsyncRealTimeTranscriber, event: Any) -> None:
        await self._events.put(event)  # the SDK reads no further until there is room

    async def _fails(self, _: AsyncRealTimeTranscriber, error: RealTimeError) -> None:
        cause = sys.exception()  # the SDK's words for it are fewer
        if isinstance(cause, InvalidStatus):
            answer = cause.response
            said = (answer.body or b"").decode("utf-8", "replace")
            failed = refused(PROVIDER, answer.status_code, answer.headers, said, self._key)
        elif not self._is_open:
            late = isinstance(cause, TimeoutError)
            reason = "no handshake in time" if late else type(cause or error).__name__
            failed = ConnectFailed(PROVIDER, reason)
        else:
            failed = _error_of(error.code, quoted(str(error), self._key))
        await self._events.put(failed)


class _Closed(ConnectionClosed):
    """What the SDK reads has a name of its own here: the library calls the other deprecated."""

    @property
    def code(self) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.rcvd.code if self.rcvd else BROKE

    @property
    def reason(self) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.rcvd.reason if self.rcvd else ""


class _Checked:
    """A socket whose frames are JSON objects: the SDK would pass over those that are not."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket

    async def recv(self) -> str | bytes:
        try:
            frame: str | bytes = await self._socket.recv()
        except ConnectionClosed as error:
            raise _Closed(error.rcvd, error.sent, error.rcvd_then_sent) from None
        if not isinstance(json.loads(frame), dict):
            raise ValueError("not an object")
        return frame

    async def send(self, data: str | bytes) -> None:
        try:
            await self._socket.send(data)
        except ConnectionClosed as error:
            raise _Closed(error.rcvd, error.sent, error.rcvd_then_sent) from None

    async def close(self) -> None:
        await self._socket.close()

    def abort(self) -> None:
        self._socket.transport.abort()


def _error_of(code: int | None, said: str) -> ProviderError:
    """The error for a code of the service's, of a message or of a closing."""
    reason = said if code is None else f"code {code}: {said}"
    if code in REFUSED:
        return Rejected(PROVIDER, reason)
    if code in BUSY:
        return RateLimited(PROVIDER, reason)
    if code in AWAY:
        return ConnectFailed(PROVIDER, reason)
    return BrokenStream(PROVIDER, reason)
