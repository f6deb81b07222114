"""An application in, the same with the files of its replays out, which end when it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException
from starlette.responses import FileResponse

from bench.app.page.replay_tab_jobs import Replays
from bench.app.page.replay_tab_results import FILES, REPORT
from bench.errors import TalkbenchError

HEADERS = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}


def add_replays(app: FastAPI, replays: Replays) -> None:
    """Serve the files of results at `/replay/NAME/FILE`, and end the replays with `app`.

    A result's name is told to its visitor alone and cannot be guessed: who has it may fetch.
    """
    app.state.replays = replays
    within = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(served: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        async with within(served) as state:
            try:
                yield state or {}
            finally:
                await replays.close()

    app.router.lifespan_context = lifespan

    @app.get("/replay/{name}/{file}", include_in_schema=False)
    async def fetch(name: str, file: str) -> FileResponse:
        desk = replays.results.desk_of(name)
        result = desk.find(name) if desk is not None else None
        if result is None:
            raise HTTPException(404, "there is no such replay, or not any more")
        if file == REPORT:  # made when it is asked for
            try:
                await replays.report(result)
            except TalkbenchError:
                raise HTTPException(503, "the report could not be written") from None
        path = result.file(file)
        if path is None:
            raise HTTPException(404, "there is no such file")
        kind = FILES.get(file, "image/png")
        headers = {"Cache-Control": "no-store"} if file == REPORT else {}
        return FileResponse(path, media_type=kind, headers={**HEADERS, **headers})
