"""Parts in, the web application out: the socket, the static files, health, metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Response, WebSocket
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from bench import logbook
from bench.app.door import Door
from bench.app.endpoint import converse
from bench.app.limits import Limits
from bench.app.registry import SessionRegistry
from bench.app.session import Assemble, Changes, Session
from bench.app.telemetry import Telemetry

STATIC = Path(__file__).parent / "static"


def create_app(
    assemble: Assemble,
    *,
    limits: Limits | None = None,
    secret: bytes | None = None,
    token: str | None = None,
    loopback: bool = True,
    origins: Collection[str] = (),
    changes: Changes | None = None,
    record: bool = True,
    redact_log: bool = False,
    on_close: Callable[[], Awaitable[None]] | None = None,
) -> FastAPI:
    """The application; its sessions are `app.state.sessions` (a `SessionRegistry`).

    `assemble` makes a conversation of a `SessionRequest`, at once or as an awaitable, and raises
    ConfigError for what cannot be; `changes` makes of one that holds all that the session asked
    for, newest values included, the keywords for its running conversation's `change`.

    Without `loopback` every client needs a token: one made for a session by
    `app.state.sessions.mint()` and signed with `secret` (a new one for each process by default), or
    `token`, the server's own. Pages of other `origins` than the server's may be let in by name.

    With `record` each session keeps a stereo recording, in temporary files; `redact_log` keeps the
    users' words out of the log. `on_close` is awaited when all conversations have ended.
    """
    limits = limits or Limits()
    door = Door(loopback=loopback, secret=secret, token=token, origins=origins)
    telemetry = Telemetry(lambda: len(sessions))

    def made(session: Session) -> None:
        telemetry.follow(session.trace)
        logbook.follow(session.trace, redact=redact_log, name=session.id)

    sessions = SessionRegistry(assemble, door, limits, changes=changes, on_made=made, record=record)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await sessions.close()
        if on_close is not None:
            await on_close()

    app = FastAPI(title="Talkbench", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.sessions = sessions

    @app.websocket("/conversation")
    async def conversation(ws: WebSocket) -> None:
        await converse(ws, sessions)

    @app.get("/health")
    async def health() -> dict[str, str | int]:
        return {"status": "ok", "conversations": len(sessions)}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(telemetry.registry), media_type=CONTENT_TYPE_LATEST)

    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app
