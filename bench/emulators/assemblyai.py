"""Audio in, turns out when they were heard: AssemblyAI's streaming socket, spoken back."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bench import clock
from bench.audio import samples_in
from bench.emulators.assemblyai_session import Invalid, Session
from bench.emulators.hearing import EarsMaker, ears_of
from bench.emulators.telling import Telling, serving_sockets, slowness_of, turn_down
from bench.emulators.trouble import Trouble
from bench.simulation.faults import Fault
from bench.simulation.truth import TruthFeed

KEY = "an-assemblyai-key-for-emulators"
MALFORMED = '{"type": "Turn", "turn_order": 0, "trans'
REFUSALS = {429: '{"error": "Too many requests"}', 503: '{"error": "Service unavailable"}'}
ERRORS = {
    1013: "Temporary server condition forced blocking client's request",
    3005: "Server error",
    3006: "Input validation error",
    3007: "Audio chunk duration violation",
    3008: "Session Expired: Maximum session duration exceeded",
    3009: "Too many concurrent sessions",
    4001: "Not Authorized",
    4002: "Insufficient Funds",
    4029: "Client sent audio too fast",
    4031: "Session idle for too long",
    4101: "Endpoint received a message with an invalid schema",
    4102: "This account has exceeded the number of allowed streams",
}
"""The codes that a session may be closed with, and what is said of them."""
AT_ONCE = (1013, 3009, 4001, 4002, 4102)  # the rest comes with the first word


class AssemblyAIEmulator:
    """A server of `/v3/ws`, which hears the words of `feed` in the audio it is sent.

    Frames are to hold 50 to 1000 ms, and must not be minutes ahead of real time. A turn is over
    when the made-up confidence passes `end_of_turn_confidence_threshold`, and not before
    `min_turn_silence`, or after `max_turn_silence`. `sessions` keeps the query of each connection,
    `controls` the kinds of its text messages, `lengths` the samples of its frames, `gone` the
    instants at which clients left without a word, `goodbyes` those at which they said that they
    would. `closes_with` is one of `ERRORS`: every session
    is told of it and closed. Unless it `beats`, it knows no heartbeats, whoever asks for them.
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
        closes_with: int | None = None,
        beats: bool = True,
    ) -> None:
        self.feed, self.key = feed, key
        self.closes_with, self.beats = closes_with, beats
        self.sessions: list[dict[str, str]] = []
        self.controls: list[str] = []
        self.lengths: list[int] = []
        self.gone: list[float] = []
        self.goodbyes: list[float] = []
        self.url = ""
        self._trouble = Trouble(faults, "stt", turn)
        self._ears = ears_of(feed, interim, final, slowness_of(self._trouble))

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncGenerator[AssemblyAIEmulator, None]:
        """Serve until the block ends; `url` is the base address, a free port's unless given."""
        async with serving_sockets(self._talk, self._admit, port) as self.url:
            yield self

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.headers.get("Authorization") != self.key:  # without the name of a scheme
            return connection.respond(401, '{"error": "Not Authorized"}')
        if urlsplit(request.path).path != "/v3/ws":
            return connection.respond(404, '{"error": "Not Found"}')
        if not _query(request).get("sample_rate", "").isdigit():
            return connection.respond(400, '{"error": "sample_rate is required"}')
        return await turn_down(connection, self._trouble, REFUSALS)

    async def _talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = _query(connection.request)
        self.sessions.append(query)
        telling = Telling(connection, self._trouble, MALFORMED)
        session = Session(query, self._ears, telling, beats=self.beats)
        try:
            code = await self._converse(connection, session)
            if code is not None:
                error = {"type": "Error", "error_code": code, "error": ERRORS[code]}
                await telling.tell(error)
            await connection.close(1000 if code is None else code, ERRORS.get(code or 0, ""))
        except ConnectionClosed:
            self.gone.append(clock.now())

    async def _converse(self, connection: ServerConnection, session: Session) -> int | None:
        """Hear one client until it is done, None, or has to go: why."""
        if self.closes_with in AT_ONCE:
            return self.closes_with
        await session.begin()
        try:
            while await self._next(connection, session):
                if self.closes_with is not None and session.turns.words:
                    return self.closes_with
        except TimeoutError:
            return 4031
        except Invalid as error:
            return error.code
        return None

    async def _next(self, connection: ServerConnection, session: Session) -> bool:
        """Take one frame; False when the client is done."""
        async with clock.deadline(session.idle_seconds):
            frame = await connection.recv()
        if isinstance(frame, bytes):
            self.lengths.append(samples_in(frame))
            await session.take(frame)
            return True
        try:
            message: dict[str, Any] = json.loads(frame)
            self.controls.append(str(message["type"]))
        except (LookupError, TypeError, ValueError):
            raise Invalid(3006) from None
        goes_on = await session.obey(message)
        if not goes_on:
            self.goodbyes.append(clock.now())
        return goes_on


def _query(request: Request) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(request.path).query))
