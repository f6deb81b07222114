"""Parts in, the web application out: the socket, the static files, health."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, WebSocket
from fastapi.staticfiles import StaticFiles

from bench.app.door import Door
from bench.app.endpoint import converse
from bench.app.limits import Limits
from bench.app.registry import SessionRegistry
from bench.app.session import Assemble, Change

STATIC = Path(__file__).parent / "static"


def create_app(
    assemble: Assemble,
    *,
    limits: Limits | None = None,
    secret: bytes | None = None,
    loopback: bool = True,
    origins: Collection[str] = (),
    change: Change | None = None,
) -> FastAPI:
    """The application; its sessions are `app.state.sessions` (a `SessionRegistry`).

    `assemble` makes a conversation of a `SessionRequest`, at once or as an awaitable, and raises
    ConfigError for what cannot be; `change` applies settings that are not the engine's own to a
    running one. `secret` signs the sessions' tokens (a new one for each process by default).
    Without `loopback` every client needs a token, which `app.state.sessions.mint()` makes; pages of
    other `origins` than the server's own may be let in by name.
    """
    limits = limits or Limits()
    door = Door(loopback=loopback, secret=secret, origins=origins)
    sessions = SessionRegistry(assemble, door, limits, change=change)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await sessions.close()

    app = FastAPI(title="Talkbench", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.sessions = sessions

    @app.websocket("/conversation")
    async def conversation(ws: WebSocket) -> None:
        await converse(ws, sessions)

    @app.get("/health")
    async def health() -> dict[str, str | int]:
        return {"status": "ok", "conversations": len(sessions)}

    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app
