"""Texts in piece by piece, tones and the time of every character out: ElevenLabs' socket of many
contexts, spoken back."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from bench.emulators.elevenlabs_contexts import Service, Session
from bench.emulators.telling import serving_sockets
from bench.emulators.trouble import Trouble
from bench.emulators.voices import Voice, tones
from bench.simulation.faults import REFUSALS, Fault

KEY = "an-elevenlabs-key-for-emulators"
RATES = (8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
USUAL_FORMAT = "mp3_44100_128"
LONGEST_WAIT = 180.0
_PATH = re.compile(r"/v1/text-to-speech/(?P<voice>[^/]+)/multi-stream-input")


class ElevenLabsSocketEmulator:
    """A server of `/v1/text-to-speech/{voice}/multi-stream-input`, in PCM.

    `first` draws the seconds before the first piece of `piece_seconds` of a context, `factor` those
    before each further one as a share of its length. A context that is closed still says what was
    flushed, as documented; with `stops` it falls silent. Unless it `aligns`, no characters are told
    of. A connection is closed after
    `inactivity_seconds` without a message, unless its query says otherwise; with `closes_with`, a
    code and a reason, when its first text is flushed. `sessions` keeps the query of each
    connection, `requests` the text of each context, `gone` the instants at which a client called
    off, or left, what was not all spoken.
    """

    def __init__(
        self,
        *,
        key: str = KEY,
        first: Callable[[], float] = lambda: 0.15,
        factor: Callable[[], float] = lambda: 0.2,
        piece_seconds: float = 0.25,
        inactivity_seconds: float = 20.0,
        stops: bool = False,
        aligns: bool = True,
        closes_with: tuple[int, str] | None = None,
        faults: Iterable[Fault] = (),
        turn: Callable[[], int] | None = None,
        voice: Voice = tones,
    ) -> None:
        self.key = key
        self.sessions: list[dict[str, str]] = []
        self.url = ""
        self._inactivity_seconds = inactivity_seconds
        self._trouble = Trouble(faults, "tts", turn)
        self._service = Service(
            first, factor, piece_seconds, stops, aligns, closes_with, voice, self._trouble
        )
        self.requests, self.gone = self._service.requests, self._service.gone

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncGenerator[ElevenLabsSocketEmulator, None]:
        """Serve until the block ends; `url` is the base address, a free port's unless given."""
        async with serving_sockets(self._talk, self._admit, port) as address:
            self.url = address.replace("ws:", "http:")
            yield self

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.headers.get("xi-api-key") != self.key:
            return connection.respond(401, _detail("invalid_api_key", "Invalid API key"))
        address = urlsplit(request.path)
        if not _PATH.fullmatch(address.path):
            return connection.respond(404, '{"detail": "Not Found"}')
        if _rate(dict(parse_qsl(address.query))) is None:
            message = "this emulator has pcm_8000 to pcm_48000"
            return connection.respond(403, _detail("output_format_not_allowed", message))
        fault = self._trouble.suffers(REFUSALS)
        if fault is None:
            return None
        if fault.kind == "connect_timeout":  # accepts, and is never heard of again
            await asyncio.Event().wait()
        if fault.kind == "http_503":
            return connection.respond(503, _detail("service_unavailable", "Try again later"))
        said = _detail("too_many_concurrent_requests", "Too many requests at a time")
        response = connection.respond(429, said)
        response.headers["Retry-After"] = f"{fault.retry_after_seconds:g}"
        return response

    async def _talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = dict(parse_qsl(urlsplit(connection.request.path).query))
        self.sessions.append(query)
        wait = float(query.get("inactivity_timeout", self._inactivity_seconds))
        async with asyncio.TaskGroup() as group:
            eager = query.get("auto_mode") == "true"
            rate = _rate(query) or 0
            session = Session(self._service, connection, group, rate, is_eager=eager)
            try:
                await session.listen(min(wait, LONGEST_WAIT))
            finally:
                session.leave()


def _rate(query: dict[str, str]) -> int | None:
    """The rate of the PCM that a query asks for, None when it asks for something else."""
    encoding, _, rate = query.get("output_format", USUAL_FORMAT).partition("_")
    return int(rate) if encoding == "pcm" and rate in map(str, RATES) else None


def _detail(status: str, message: str) -> str:
    return json.dumps({"detail": {"status": status, "message": message}})
