"""Requests out, streams of text in: what the SDKs of language models that use httpx2 share."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

import httpx2

from bench import clock
from bench.engine.agent import BaseAgent
from bench.engine.transcript import Sender
from bench.errors import BrokenStream, ConnectFailed, ProviderError, Rejected, Stalled
from bench.providers.connections import (
    CONNECT_SECONDS,
    FIRST_RESULT_SECONDS,
    HANG_UP_SECONDS,
    KEPT_OPEN_SECONDS,
    quoted,
    tls,
)
from bench.settings import Secret

T = TypeVar("T")

with httpx2.Client(verify=tls()):
    pass  # What is put off until then is done now: adapters are imported beside the loop.

LINGER_SECONDS = 0.1  # for what follows an answer: a stream that is read to its end stays open

ORDINARY = ("stop", "end_turn", "STOP")  # reasons for an end
DECLINED = ("content_filter", "refusal", "SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII")
"""Reasons for which the same conversation gets no answer again."""


def timeout_of(agent: BaseAgent) -> httpx2.Timeout:
    """How long a request of an agent's may take: a read as long as a first result may, or longer;
    the engine times the pieces after it."""
    seconds = max(FIRST_RESULT_SECONDS, agent.settings.first_result_seconds)
    return httpx2.Timeout(seconds, connect=CONNECT_SECONDS)


def http_client(agent: BaseAgent) -> httpx2.AsyncClient:
    """Connections of an agent, kept open between its turns; proxies come from the environment."""
    limits = httpx2.Limits(keepalive_expiry=KEPT_OPEN_SECONDS)
    return httpx2.AsyncClient(verify=tls(), timeout=timeout_of(agent), limits=limits)


async def what_follows(chunks: AsyncIterator[T]) -> list[T]:
    """What a stream holds after the end of its answer."""
    found = list[T]()
    # The answer is complete: however its stream ends does not change that.
    with contextlib.suppress(Exception):
        async with clock.deadline(LINGER_SECONDS):
            async for chunk in chunks:
                found.append(chunk)
    return found


async def reached(provider: str, client: httpx2.AsyncClient | None, url: str, key: Secret) -> None:
    """Connect before the first request does; what the service answers is of no interest.

    Raises:
        ConnectFailed, Stalled: nobody is there.
    """
    assert client is not None
    try:
        await client.get(url)
    except httpx2.TransportError as error:
        raise transport_failed(provider, error, key, begun=False) from None


def no_answer(agent: BaseAgent, reason: str) -> ProviderError | None:
    """The error for an answer with neither words nor tools, which ended for this reason: a listener
    would hear nothing. None where it may be so: after a tool's result there may be no more to say.
    """
    if reason in DECLINED:
        return Rejected(agent.provider, f"no answer: {reason}")
    asked = agent.transcript.last(Sender.HUMAN)
    if reason in ORDINARY and asked is not None and asked.tools:
        return None
    return BrokenStream(agent.provider, f"no answer: {reason}")


async def closed(closing: Awaitable[None]) -> None:
    """Wait until connections are closed, within the bound whatever the peer does."""
    with contextlib.suppress(TimeoutError):
        async with clock.deadline(HANG_UP_SECONDS):
            await closing


def transport_failed(provider: str, error: Exception, key: Secret, *, begun: bool) -> ProviderError:
    """The error for a connection's; `begun`: the service had answered."""
    match error:
        case httpx2.ConnectTimeout() | httpx2.PoolTimeout():
            return ConnectFailed(provider, "no connection in time")
        case httpx2.TimeoutException():
            return Stalled(provider, "no text in time")
        case _:
            kind = BrokenStream if begun else ConnectFailed
            return kind(provider, quoted(f"{type(error).__name__}: {error}", key))
