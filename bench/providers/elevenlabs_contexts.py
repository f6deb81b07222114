"""Texts in, what comes back of each out: one socket, on which several are spoken at a time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from typing import Any, cast

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from bench import clock
from bench.engine.worker import Ending, spawn
from bench.errors import BrokenStream, ConnectFailed, ProviderError, RateLimited, Rejected
from bench.providers import sockets
from bench.providers.connections import HANG_UP_SECONDS, quoted
from bench.providers.elevenlabs import LOOK_AT
from bench.settings import Secret

PROVIDER = "elevenlabs"
KEEP_ALIVE_SECONDS = 15.0  # the vendor hangs up after 20 without a text
IDLE = "idle"  # the context whose only text is the space that keeps the line open
CONTEXTS = 4  # at a time beside that one: the vendor has five
MESSAGES = 1024  # that may wait for the reader of a context: minutes of audio
ERRORS: dict[str, type[ProviderError]] = {
    "rate_limit_exceeded": RateLimited,
    "system_busy": RateLimited,
    "too_many_concurrent_requests": RateLimited,
    "max_active_conversations": RateLimited,
    "service_unavailable": ConnectFailed,
    "invalid_api_key": Rejected,
    "missing_permissions": Rejected,
    "payment_required": Rejected,
    "quota_exceeded": Rejected,
    "model_not_found": Rejected,
    "voice_not_found": Rejected,
    "output_format_not_allowed": Rejected,
}
"""What the vendor calls an error, in a message or in the reason for hanging up; all else is a
broken stream."""

Message = dict[str, Any]


class Context:
    """One text under way on a `Line`.

    What comes of it waits in a queue of its own, which never holds the line up for the others: a
    context with more waiting than any text has, `MESSAGES`, fails alone.
    """

    def __init__(self, line: Line, name: str) -> None:
        self.received = 0  # messages
        self.moved_at = clock.now()  # when it was last heard of, or written to
        self.is_closed = False  # no text follows
        self.is_abandoned = False  # nobody waits for what still comes
        self.is_final = False  # nothing more comes
        self._line, self._name = line, name
        self._queue = asyncio.Queue[Message | Exception | None](MESSAGES + 1)
        self._ended = False

    async def say(self, text: str, **options: Any) -> None:
        """Send a piece of the text, unless it is closed; `flush=True` has all of it spoken."""
        if not self.is_closed:
            self.moved_at = clock.now()
            await self._line.send({"text": text, "context_id": self._name, **options})

    async def next(self) -> Message | None:
        """What comes next, None when that was all.

        Raises:
            ProviderError: or whatever else it was ended with.
        """
        item = await self._queue.get()
        if isinstance(item, Exception):
            raise item
        return item

    async def close(self) -> None:
        """Say that no text follows: what was not flushed is not spoken."""
        if self.is_closed or self.is_final:
            return
        self.is_closed, self.moved_at = True, clock.now()
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            async with clock.deadline(HANG_UP_SECONDS):
                await self._line.send({"context_id": self._name, "close_context": True})

    async def abandon(self) -> None:
        """Close it, and want nothing of what still comes."""
        self.is_abandoned = True
        await self.close()

    def take(self, message: Message) -> None:
        """Something came."""
        self.received, self.moved_at = self.received + 1, clock.now()
        if self._queue.qsize() >= MESSAGES:
            self.end(BrokenStream(PROVIDER, "more audio than a text can have"))
        elif not self._ended and not self.is_abandoned:
            self._queue.put_nowait(message)

    def end(self, error: Exception | None = None) -> None:
        """Nothing more is told, and why if it is too early."""
        if not self._ended:
            self._ended = True
            self._queue.put_nowait(error)


class Line:
    """One connection, open until it breaks or is closed, and the contexts on it."""

    def __init__(self, connection: ClientConnection, url: str, key: Secret) -> None:
        self.url = url
        self._connection, self._key = connection, key
        self._contexts = dict[str, Context]()  # those the vendor has not called final
        self._free = asyncio.Semaphore(CONTEXTS)
        self._names = itertools.count(1)
        self._reader = spawn(self._read(), name="ElevenLabs reader")
        self._keeper = spawn(self._keep(), name="ElevenLabs keep-alive")

    @property
    def is_usable(self) -> bool:
        """Whether a text may be begun on it: it is not broken, and not full of what nobody waits
        for any more, which another connection would be free of."""
        abandoned = all(context.is_abandoned for context in self._contexts.values())
        return not self._reader.done() and not (self._free.locked() and abandoned)

    async def begin(self) -> Context:
        """A new context, once fewer than `CONTEXTS` are under way."""
        await self._free.acquire()
        if self._reader.done():
            raise ConnectFailed(PROVIDER, "the line broke")
        name = f"text-{next(self._names)}"
        context = self._contexts[name] = Context(self, name)
        return context

    async def send(self, message: Message) -> None:
        """Send a message.

        Raises:
            ConnectionClosed: the line broke; every context is told why.
        """
        await self._connection.send(json.dumps(message))

    async def close(self) -> None:
        """Hang up; a peer that does not answer is not waited for."""
        self._keeper.cancel()
        try:
            with contextlib.suppress(ConnectionClosed, TimeoutError):
                async with clock.deadline(HANG_UP_SECONDS):
                    await self.send({"close_socket": True})
                    await self._connection.close()
        finally:
            self._connection.transport.abort()
            self._reader.cancel()
        await Ending([self._keeper, self._reader])

    async def _read(self) -> None:
        """Give everything that comes to the context it belongs to."""
        error: ProviderError = BrokenStream(PROVIDER, "hung up")
        try:
            while True:
                self._dispatch(_read(await self._connection.recv()))
        except ConnectionClosed as closed:
            error = _closed(closed, self._key)
        except ProviderError as told:
            error = told
        finally:
            self._connection.transport.abort()
            for name, context in list(self._contexts.items()):
                unheard = isinstance(error, BrokenStream) and not context.received
                told = ConnectFailed(PROVIDER, error.reason) if unheard else error
                self._finish(name, context, told)

    def _dispatch(self, message: Message) -> None:
        name = str(message.get("contextId") or "")
        context, told = self._contexts.get(name), message.get("error")
        said = f"{told}: {message.get('message', '')}"
        error = _error(str(told), said, self._key) if told else None
        if context is None:
            if error is not None:  # it is about the line
                raise error
            return  # of the context that keeps it open
        if message.get("audio") is not None:
            context.take(message)
        if error is not None or message.get("isFinal"):
            self._finish(name, context, error)

    def _finish(self, name: str, context: Context, error: ProviderError | None) -> None:
        context.is_final = True
        context.end(error)
        del self._contexts[name]
        self._free.release()

    async def _keep(self) -> None:
        """Keep the line open between texts."""
        with contextlib.suppress(ConnectionClosed):  # the reader tells of it
            while True:
                await clock.sleep(KEEP_ALIVE_SECONDS)
                await self.send({"text": " ", "context_id": IDLE})


async def opened(url: str, key: Secret) -> Line:
    """Connect.

    Raises:
        ConnectFailed, RateLimited, Rejected: it does not open.
    """
    connection = await sockets.opened(PROVIDER, url, {"xi-api-key": key.reveal()}, key)
    return Line(connection, url, key)


def _closed(closed: ConnectionClosed, key: Secret) -> ProviderError:
    if closed.rcvd is None:
        return BrokenStream(PROVIDER, "the line broke")
    said = f"closed with {closed.rcvd.code} {closed.rcvd.reason}"
    return _error(closed.rcvd.reason, said, key)


def _error(name: str, said: str, key: Secret) -> ProviderError:
    known, kind = next((one for one in ERRORS.items() if one[0] in name), ("", BrokenStream))
    setting = f" (look at {LOOK_AT[known]})" if known in LOOK_AT else ""
    return kind(PROVIDER, quoted(said, key) + setting)


def _read(frame: str | bytes) -> Message:
    try:
        message: object = json.loads(frame)
    except ValueError:
        raise BrokenStream(PROVIDER, "not JSON") from None
    if not isinstance(message, dict):
        raise BrokenStream(PROVIDER, "not a message")
    return cast("Message", message)
