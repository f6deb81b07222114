"""Messages in, frames out as badly as a test wants: the sockets that emulators of hearing serve."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from bench import clock
from bench.emulators.sockets import Talk, address, listening
from bench.emulators.trouble import Trouble
from bench.simulation.faults import FINALS, Fault

Message = dict[str, Any]
Admit = Callable[[ServerConnection, Request], Awaitable[Response | None]]

_logger = logging.getLogger(__name__)
# At DEBUG the library writes the handshake out, and the client's key with it.
_logger.addFilter(lambda record: record.levelno > logging.DEBUG)


@asynccontextmanager
async def serving_sockets(talk: Talk, admit: Admit, port: int = 0) -> AsyncGenerator[str, None]:
    """Serve `talk` to those that `admit` has no response for; yields the address. When the block
    ends every line breaks."""
    options = {"process_request": admit, "ping_interval": None, "logger": _logger}
    async with listening(talk, port, **options) as server:
        yield address(server)


async def turn_down(
    connection: ServerConnection, trouble: Trouble, bodies: Mapping[int, str]
) -> Response | None:
    """The refusal that a handshake meets, if any; `bodies` are the vendor's own by status."""
    fault = trouble.begins()
    if fault is None:
        return None
    if fault.kind == "connect_timeout":  # accepts, and is never heard of again
        await asyncio.Event().wait()
    if fault.kind == "http_503":
        return connection.respond(503, bodies[503])
    response = connection.respond(429, bodies[429])
    response.headers["Retry-After"] = f"{fault.retry_after_seconds:g}"
    return response


def slowness_of(trouble: Trouble) -> Callable[[], float]:
    """How many times as late as usual the next utterance is told."""

    def slowness() -> float:
        fault = trouble.suffers(("slow",))
        return 1.0 if fault is None else fault.factor

    return slowness


class Telling:
    """Tells one client what was heard, with the faults of its stage.

    `malformed` is a frame that the vendor's protocol does not allow; `stamp` gives a message what
    only its place in the order of all can give it.
    """

    def __init__(
        self,
        connection: ServerConnection,
        trouble: Trouble,
        malformed: str,
        stamp: Callable[[Message], Message] = lambda message: message,
    ) -> None:
        self._connection, self._trouble = connection, trouble
        self._malformed, self._stamp = malformed, stamp
        self._count = 0
        self._newest: Message | None = None

    async def tell(self, message: Message) -> None:
        """A message that nothing is ever wrong with."""
        await self._connection.send(json.dumps(self._stamp(message)))

    async def partial(self, message: Message) -> None:
        """Words that may change, or what is wrong with them."""
        fault = self._trouble.breaks(self._count, self._count + 1)
        self._count += 1
        self._newest = message
        if fault is not None:
            await self._break(fault)
        await self.tell(message)

    async def final(self, message: Message) -> None:
        """Words that will not change, or what is wrong with them."""
        fault = self._trouble.breaks(self._count, float("inf"))
        if fault is not None:
            await self._break(fault)
        fault = self._trouble.suffers(FINALS)
        kind = fault.kind if fault is not None else ""
        if kind == "no_final":
            return
        if fault is not None and kind == "late_final":
            await clock.sleep(fault.for_seconds)
        await self.tell(message)
        if kind == "duplicate_final":
            await self.tell(message)
        if kind == "out_of_order" and self._newest is not None:
            await self.tell(self._newest)

    async def _break(self, fault: Fault) -> None:
        match fault.kind:
            case "stall":
                await clock.sleep(fault.for_seconds)
            case "malformed":
                await self._connection.send(self._malformed)
            case _:
                self._connection.transport.abort()
