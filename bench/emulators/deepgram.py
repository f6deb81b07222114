"""Audio in, the script's words out when they were heard: Deepgram's live socket, spoken back."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Protocol, Self
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bench import clock
from bench.audio import samples_in
from bench.emulators.deepgram_results import Listening, Options
from bench.emulators.hearing import EarsMaker, ears_of
from bench.emulators.telling import Message, Telling, serving_sockets, slowness_of, turn_down
from bench.emulators.trouble import Trouble
from bench.simulation.faults import Fault
from bench.simulation.truth import TruthFeed

KEY = "a-deepgram-key-for-emulators"
PATIENCE_SECONDS = 10.0  # without a frame from the client
INTERNAL_ERROR = 1011
KEYTERM_MODELS = ("nova-3", "flux")  # by the begin of their names; the others take keywords
MALFORMED = '{"type": "Results", "channel": {"alternat'


class Session(Protocol):
    """One connection, in one version of the protocol; `speaking` while there are words that are not
    final."""

    @property
    def speaking(self) -> bool: ...

    async def begin(self) -> None:
        """The socket is open."""
        ...

    async def take(self, pcm: bytes) -> None:
        """More audio came."""
        ...

    async def obey(self, message: Mapping[str, Any]) -> bool:
        """Do what a text message asks for; False when it asks for the end."""
        ...

    async def fails(self, code: str, description: str) -> None:
        """Tell of an error that ends it, and hang up."""
        ...


class DeepgramEmulator:
    """A server of `/v1/listen`, which hears the words of `feed` in the audio it is sent.

    `interim` and `final` draw how many seconds of audio later it knows a script's words. `sessions`
    keeps the query of each connection (what is in it more than once joined by commas), `controls`
    the kinds of its text messages, `samples` what it was sent in all, `gone` the instants at which
    clients left without a word. `closes_with` is a
    code and a description: a session is told of that error at its first word and closed.
    """

    paths: ClassVar[tuple[str, ...]] = ("/v1/listen",)

    def __init__(
        self,
        feed: TruthFeed | EarsMaker,
        *,
        key: str = KEY,
        interim: Callable[[], float] = lambda: 0.15,
        final: Callable[[], float] = lambda: 0.1,
        faults: Iterable[Fault] = (),
        turn: Callable[[], int] | None = None,
        closes_with: tuple[str, str] | None = None,
    ) -> None:
        self.feed, self.key, self.closes_with = feed, key, closes_with
        self.sessions: list[dict[str, str]] = []
        self.controls: list[str] = []
        self.samples = 0
        self.gone: list[float] = []
        self.url = ""
        self.trouble = Trouble(faults, "stt", turn)
        self.ears = ears_of(feed, interim, final, slowness_of(self.trouble))

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncGenerator[Self, None]:
        """Serve until the block ends; `url` is the base address, a free port's unless given."""
        async with serving_sockets(self._talk, self._admit, port) as self.url:
            yield self

    def refusal(self, path: str, query: Mapping[str, str]) -> str:
        """Why a session that is asked for like that cannot be had; "" when it can."""
        if path not in self.paths:
            return "There is nothing here."
        wrong = "keywords" if query.get("model", "").startswith(KEYTERM_MODELS) else "keyterm"
        return f"This model knows no {wrong}." if wrong in query else ""

    def session(self, connection: ServerConnection, path: str, query: Mapping[str, str]) -> Session:
        """A session that was not refused."""
        return _Results(connection, Listening(Options.of(query), self.ears), self.trouble)

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.headers.get("Authorization") != f"Token {self.key}":
            return connection.respond(401, _body("INVALID_AUTH", "Invalid credentials."))
        path, query = _asked(request)
        if said := self.refusal(path, query):
            known = path in self.paths
            body = _body("BAD_REQUEST" if known else "NOT_FOUND", said)
            return connection.respond(400 if known else 404, body)
        return await turn_down(connection, self.trouble, _BUSY)

    async def _talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        path, query = _asked(connection.request)
        self.sessions.append(query)
        session = self.session(connection, path, query)
        try:
            await session.begin()
            while await self._next(connection, session):
                pass
        except TimeoutError:
            await session.fails("NET-0001", "No audio was received in time.")
        except ConnectionClosed:
            self.gone.append(clock.now())

    async def _next(self, connection: ServerConnection, session: Session) -> bool:
        """Take one frame; False when it is over."""
        async with clock.deadline(PATIENCE_SECONDS):
            frame = await connection.recv()
        if isinstance(frame, str):
            message: dict[str, Any] = json.loads(frame)
            self.controls.append(str(message.get("type")))
            return await session.obey(message)
        if not frame:  # an empty one is an end
            return await session.obey({"type": "CloseStream"})
        self.samples += samples_in(frame)
        await session.take(frame)
        if self.closes_with is not None and session.speaking:
            await session.fails(*self.closes_with)
            return False
        return True


class _Results:
    """Version 1: results of utterances, partial and final."""

    def __init__(
        self, connection: ServerConnection, listening: Listening, trouble: Trouble
    ) -> None:
        self._connection, self._listening = connection, listening
        self._telling = Telling(connection, trouble, MALFORMED)

    @property
    def speaking(self) -> bool:
        return self._listening.speaking

    async def begin(self) -> None:
        pass  # nothing is said

    async def take(self, pcm: bytes) -> None:
        for message in await self._listening.take(pcm):
            await self._tell(message)

    async def obey(self, message: Mapping[str, Any]) -> bool:
        kind = message["type"]
        if kind in ("Finalize", "CloseStream"):
            for told in await self._listening.finish(asked=kind == "Finalize"):
                await self._tell(told)
        if kind == "CloseStream":
            await self._telling.tell(self._listening.metadata())
            await self._connection.close()
        return kind != "CloseStream"

    async def fails(self, code: str, description: str) -> None:
        await self._telling.tell({"type": "Error", "variant": code, "description": description})
        await self._connection.close(INTERNAL_ERROR, code)

    async def _tell(self, message: Message) -> None:
        if message["type"] != "Results" or not message["channel"]["alternatives"][0]["words"]:
            await self._telling.tell(message)
        elif message["is_final"]:
            await self._telling.final(message)
        else:
            await self._telling.partial(message)


def _asked(request: Request) -> tuple[str, dict[str, str]]:
    address, query = urlsplit(request.path), dict[str, str]()
    for name, value in parse_qsl(address.query):
        query[name] = f"{query[name]},{value}" if name in query else value
    return address.path, query


def _body(code: str, message: str) -> str:
    return json.dumps({"err_code": code, "err_msg": message, "request_id": "emulated"})


_BUSY = {
    429: _body("TOO_MANY_REQUESTS", "Too many requests."),
    503: _body("UNAVAILABLE", "Try again later."),
}
