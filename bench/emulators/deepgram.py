"""Audio in, the script's words out when they were heard: Deepgram's live socket, spoken back."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bench import clock
from bench.audio import samples_in
from bench.emulators.deepgram_results import Listening, Options
from bench.emulators.hearing import EarsMaker, ears_of
from bench.emulators.telling import Message, Telling, serving_sockets, turn_down
from bench.emulators.trouble import Trouble
from bench.simulation.faults import Fault
from bench.simulation.truth import TruthFeed

KEY = "a-deepgram-key-for-emulators"
PATIENCE_SECONDS = 10.0  # without a frame from the client
INTERNAL_ERROR = 1011
MALFORMED = '{"type": "Results", "channel": {"alternat'


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
        async with serving_sockets(self._talk, self._admit, port) as self.url:
            yield self

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if refusal := unwelcome(connection, request, self.key, "/v1/listen"):
            return refusal
        return await turn_down(connection, self._trouble, REFUSALS)

    async def _talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = dict(parse_qsl(urlsplit(connection.request.path).query))
        self.sessions.append(query)
        listening = Listening(Options.of(query), self._ears)
        telling = Telling(connection, self._trouble, MALFORMED)
        try:
            while await self._next(connection, listening, telling):
                pass
        except TimeoutError:
            await connection.close(INTERNAL_ERROR, "NET-0001")
        except ConnectionClosed:
            self.gone.append(clock.now())

    async def _next(
        self, connection: ServerConnection, listening: Listening, telling: Telling
    ) -> bool:
        """Take one frame; False when the client is done."""
        async with clock.deadline(PATIENCE_SECONDS):
            frame = await connection.recv()
        if isinstance(frame, bytes):
            self.samples += samples_in(frame)
            for message in await listening.take(frame):
                await _tell(telling, message)
            return True
        kind = str(json.loads(frame)["type"])
        self.controls.append(kind)
        if kind in ("Finalize", "CloseStream"):
            for message in await listening.finish(asked=kind == "Finalize"):
                await _tell(telling, message)
        if kind == "CloseStream":
            await connection.send(json.dumps(listening.metadata()))
            await connection.close()
        return kind != "CloseStream"


async def _tell(telling: Telling, message: Message) -> None:
    if message["type"] != "Results" or not message["channel"]["alternatives"][0]["words"]:
        await telling.tell(message)
    elif message["is_final"]:
        await telling.final(message)
    else:
        await telling.partial(message)


def unwelcome(
    connection: ServerConnection, request: Request, key: str, path: str
) -> Response | None:
    """The refusal of who has another key or wants another path."""
    if request.headers.get("Authorization") != f"Token {key}":
        return connection.respond(401, _refusal("INVALID_AUTH", "Invalid credentials."))
    if urlsplit(request.path).path != path:
        return connection.respond(404, _refusal("NOT_FOUND", "There is nothing here."))
    return None


def _refusal(code: str, message: str) -> str:
    return json.dumps({"err_code": code, "err_msg": message, "request_id": "emulated"})


REFUSALS = {
    429: _refusal("TOO_MANY_REQUESTS", "Too many requests."),
    503: _refusal("UNAVAILABLE", "Try again later."),
}
"""What the service answers with when it is busy, by status."""
