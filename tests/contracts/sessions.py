"""A case in, short sessions one after the other out: what is left of many is easier to see."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from bench import clock
from bench.simulation.truth import TruthFeed
from bench.trace import Trace
from tests.contracts.case import Case
from tests.contracts.served import REPLIES, asked, hung_up, microphone, said, said_aloud

LISTENS_SECONDS = 1.2  # into the first utterance
SHORT = "Good evening."


@asynccontextmanager
async def session(case: Case, **emulator: Any) -> AsyncGenerator[Callable[[], Awaitable[None]]]:
    """A server, and what holds one session with it from beginning to end."""
    parts = {"transcriber": (_always(),), "llm": (REPLIES,), "voice": ()}[case.role]
    async with case.make_emulator(*parts, **emulator).serving() as server:

        async def converse() -> None:
            adapter = case.make_adapter(server.url)
            adapter.trace = Trace()
            match case.role:
                case "transcriber":
                    await _listen(case, adapter)
                case "llm":
                    adapter.start()
                    await asked(adapter)
                    await adapter.terminate()
                case _:
                    await said_aloud(adapter, SHORT)
                    await adapter.terminate()

        yield converse


def _always() -> TruthFeed:
    """What every stream hears from its first sample on."""
    feed = said()
    feed.begins = lambda: 0
    return feed


async def _listen(case: Case, listener: Any) -> None:
    listener.start()
    await microphone(case, listener, LISTENS_SECONDS)
    if case.virtual:
        await clock.sleep(0.01)
    await hung_up(case, listener)
