"""A vendor's own words in, a server that says nothing else out: for what no emulator does."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from bench.emulators.serving import LOOPBACK, Answer, Request, serving

EVENTS = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}


@asynccontextmanager
async def canned(pieces: Sequence[str], *, status: int = 200) -> AsyncGenerator[str]:
    """Serve these pieces of a body to whoever asks for anything; yields the address."""

    async def handle(request: Request, answer: Answer) -> None:
        answer.begin(status, EVENTS)
        for piece in pieces:
            answer.write(piece.encode())
        answer.end()

    async with serving(handle) as port:
        yield f"http://{LOOPBACK}:{port}"
