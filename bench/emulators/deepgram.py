"""Audio in, the script's words out when they were heard: Deepgram's live socket, spoken back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bench import clock
from bench.audio import samples_in
from bench.emulators.deepgram_results import Listening, Message, Options
from bench.emulators.hearing import EarsMaker, ears_of
from bench.emulators.serving import LOOPBACK
from bench.emulators.trouble import Trouble
from bench.simulation.faults import FINALS, Fault
from bench.simulation.truth import TruthFeed

KEY = "a-deepgram-key-for-emulators"
PATIENCE_SECONDS = 10.0  # without a frame from the client
INTERNAL_ERROR = 1011


class DeepgramEmulator:
    """A server of `/v1/listen`, which hears the words of `feed` in the audio it is sent.

    `interim` and `final` draw how many seconds of audio later it knows a script's words. `sessions`
    keeps the query of each connection, `controls` the kinds of its text messages, `samples` what it
    was sent in all, `gone` the instants at which clients left without a word.
    """

    def __init__(
        self,
        feed: TruthFeed | EarsMaker,
        *,
        key: str = KEY,
        interim: Callable[[], float] = lambda: 0.15,
        final: Callable[[], float] = lambda: 0.1,
        faults: Iterable[Fault] = (),
        turn: Callable[[], int] | None = None,
    ) -> None:
        self.feed, self.key = feed, key
        self.sessions: list[dict[str, str]] = []
        self.controls: list[str] = []
        self.samples = 0
        self.gone: list[float] = []
        self.url = ""
        self._ears = ears_of(feed, interim, final)
        self._trouble = Trouble(faults, "stt", turn)

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncGenerator[DeepgramEmulator, None]:
        """Serve until the block ends; `url` is the base address, a free port's unless given."""
        server = await serve(
            self._talk, LOOPBACK, port, process_request=self._admit, ping_interval=None
        )
        async with server:
            self.url = f"ws://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
            try:
                yield self
            finally:
                for connection in server.connections:
                    connection.transport.abort()

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.headers.get("Authorization") != f"Token {self.key}":
            return connection.respond(401, _refusal("INVALID_AUTH", "Invalid credentials."))
        if urlsplit(request.path).path != "/v1/listen":
            return connection.respond(404, _refusal("NOT_FOUND", "There is nothing here."))
        fault = self._trouble.begins()
        if fault is None:
            return None
        if fault.kind == "connect_timeout":  # accepts, and is never heard of again
            await asyncio.Event().wait()
        if fault.kind == "http_503":
            return connection.respond(503, _refusal("UNAVAILABLE", "Try again later."))
        response = connection.respond(429, _refusal("TOO_MANY_REQUESTS", "Too many requests."))
        response.headers["Retry-After"] = f"{fault.retry_after_seconds:g}"
        return response

    async def _talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = dict(parse_qsl(urlsplit(connection.request.path).query))
        self.sessions.append(query)
        listening = Listening(Options.of(query), self._ears)
        results = _Results(connection, self._trouble)
        try:
            while await self._next(connection, listening, results):
                pass
        except TimeoutError:
            await connection.close(INTERNAL_ERROR, "NET-0001")
        except ConnectionClosed:
            self.gone.append(clock.now())

    async def _next(
        self, connection: ServerConnection, listening: Listening, results: _Results
    ) -> bool:
        """Take one frame; False when the client is done."""
        async with clock.deadline(PATIENCE_SECONDS):
            frame = await connection.recv()
        if isinstance(frame, bytes):
            self.samples += samples_in(frame)
            for message in await listening.take(frame):
                await results.tell(message)
            return True
        kind = str(json.loads(frame)["type"])
        self.controls.append(kind)
        if kind in ("Finalize", "CloseStream"):
            for message in await listening.finish(asked=kind == "Finalize"):
                await results.tell(message)
        if kind == "CloseStream":
            await connection.send(json.dumps(listening.metadata()))
            await connection.close()
        return kind != "CloseStream"


class _Results:
    """Tells a client what was heard, with the faults of its stage."""

    def __init__(self, connection: ServerConnection, trouble: Trouble) -> None:
        self._connection, self._trouble = connection, trouble
        self._count = 0
        self._newest: Message | None = None

    async def tell(self, message: Message) -> None:
        """Send a message, or do what is wrong with it."""
        if message["type"] != "Results" or not message["channel"]["alternatives"][0]["words"]:
            await self._send(message)
        elif message["is_final"]:
            await self._tell_final(message)
        else:
            await self._tell_partial(message)

    async def _tell_partial(self, message: Message) -> None:
        fault = self._trouble.breaks(self._count, self._count + 1)
        self._count += 1
        self._newest = message
        if fault is not None:
            await self._break(fault)
        await self._send(message)

    async def _tell_final(self, message: Message) -> None:
        fault = self._trouble.breaks(self._count, float("inf"))
        if fault is not None:
            await self._break(fault)
        fault = self._trouble.suffers(FINALS)
        kind = fault.kind if fault is not None else ""
        if kind == "no_final":
            return
        if fault is not None and kind == "late_final":
            await clock.sleep(fault.for_seconds)
        await self._send(message)
        if kind == "duplicate_final":
            await self._send(message)
        if kind == "out_of_order" and self._newest is not None:
            await self._send(self._newest)

    async def _break(self, fault: Fault) -> None:
        match fault.kind:
            case "stall":
                await clock.sleep(fault.for_seconds)
            case "malformed":
                await self._connection.send('{"type": "Results", "channel": {"alternat')
            case _:
                self._connection.transport.abort()

    async def _send(self, message: Message) -> None:
        await self._connection.send(json.dumps(message))


def _refusal(code: str, message: str) -> str:
    return json.dumps({"err_code": code, "err_msg": message, "request_id": "emulated"})
