"""A case and a fault in, the error that comes of it out: the same question to all three roles."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from bench import clock
from bench.engine.agent import BaseAgent
from bench.engine.patience import Patience
from bench.engine.worker import spawn
from bench.errors import ProviderError, Stalled
from tests.contracts.case import Case
from tests.contracts.served import (
    ANSWER,
    FIRST_RESULT_SECONDS,
    QUESTION,
    SPOKEN_SECONDS,
    STALL_SECONDS,
    answering,
    errors_of,
    heard,
    listening,
    microphone,
    said_aloud,
    speaking,
)

PATIENCE_SECONDS = 20.0  # longer than any deadline of ours


class Tried(NamedTuple):
    """An error, how long it took to come, and what the trace and the adapter say of it; when the
    server saw a client go that it was serving."""

    error: ProviderError
    after_seconds: float
    told: str
    gone: list[float]


Ask = Callable[[], Awaitable[BaseException | None]]
"""Asks the service once; what went wrong, or None."""


@asynccontextmanager
async def ready(case: Case, **options: Any) -> AsyncGenerator[tuple[Any, Any, Ask]]:
    """The emulator, the adapter, and a way to ask it."""
    if case.role == "transcriber":
        async with listening(case, **options) as (server, listener):
            yield server, listener, _listens(case, listener)
    elif case.role == "llm":
        async with answering(case, **options) as (server, agent):
            yield server, agent, lambda: answered(agent)
    else:
        async with speaking(case, **options) as (server, voice):
            yield server, voice, lambda: said_aloud(voice)


async def tried(case: Case, **options: Any) -> Tried:
    """The first error; what can be asked again is, and is well."""
    async with ready(case, **options) as (server, adapter, ask):
        began = clock.now()
        async with clock.deadline(PATIENCE_SECONDS):
            error = await ask()
        after = clock.now() - began
        assert isinstance(error, ProviderError), repr(error)
        if options.get("faults") and case.role != "transcriber":  # who listens, goes on by itself
            assert await ask() is None
        trace = getattr(adapter, "trace", None)
        return Tried(
            error, after, repr(adapter) + "".join(trace.lines() if trace else ()), server.gone
        )


async def answered(agent: BaseAgent) -> ProviderError | None:
    """Ask an agent as a conversation would, which retries nothing; what went wrong."""
    agent.transcript.add_human_message(QUESTION)
    said = ""
    try:
        async with (
            Patience(FIRST_RESULT_SECONDS) as patience,
            contextlib.aclosing(agent.generate_response(QUESTION, False, "")) as responses,
        ):
            async for response in responses:
                said += response.message.text
                patience.extend(STALL_SECONDS)
    except TimeoutError:
        return Stalled(agent.provider, "no text within the deadline")
    except ProviderError as error:
        return error
    assert said == ANSWER
    return None


def _listens(case: Case, listener: Any) -> Ask:
    errors = errors_of(listener)

    async def speak() -> None:
        """Long enough for a fault or for all the words, then at an ordinary pace for deadlines."""
        await microphone(case, listener, SPOKEN_SECONDS)
        await microphone(case, listener, PATIENCE_SECONDS, haste=1.0)

    async def ask() -> BaseException | None:
        speaker = spawn(speak(), name="microphone")
        try:
            while not errors:
                if any("thank" in one.message.lower() for one in heard(listener) if one.is_final):
                    return None
                await clock.sleep(0.01)
            return errors[0]
        finally:
            speaker.cancel()

    return ask
