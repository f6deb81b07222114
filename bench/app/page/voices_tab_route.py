"""An application in, the same with the sounds of compared voices out, which end when it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Response

from bench.app.page.voices_tab_handlers import Voices

HEADERS = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


def add_voices(app: FastAPI, voices: Voices) -> None:
    """Serve sounds at `/voices/NAME`, and end what still speaks with `app`.

    A sound's name is told to its visitor alone and cannot be guessed: who has it may fetch.
    """
    within = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(served: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        async with within(served) as state:
            try:
                yield state or {}
            finally:
                await voices.close()

    app.router.lifespan_context = lifespan

    @app.get("/voices/{name}", include_in_schema=False)
    async def fetch(name: str) -> Response:
        sound = voices.sounds.find(name)
        if sound is None:
            raise HTTPException(404, "there is no such sound, or not any more")
        return Response(sound, media_type="audio/wav", headers=HEADERS)
