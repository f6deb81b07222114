"""Open parts in, closed parts out, within a bound and whatever they make of it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterable
from typing import Protocol

from bench import clock
from bench.engine.worker import Ending, spawn
from bench.errors import redacted

logger = logging.getLogger(__name__)


class Closable(Protocol):
    """A worker, a provider or a device."""

    def terminate(self) -> Awaitable[None]:
        """Stop and close what is open."""
        ...


async def close_all(parts: Iterable[Closable], seconds: float) -> None:
    """Stop all, in their order and side by side, and wait for them within the bound."""
    until = clock.now() + seconds
    tasks = [spawn(_closed(part), name=f"closing {type(part).__name__}") for part in parts]
    for task in tasks:
        await Ending([task], seconds=max(0.0, until - clock.now()))
        task.cancel()


async def _closed(part: Closable) -> None:
    try:
        await part.terminate()
    except Exception as error:  # the conversation ends whatever its parts make of it
        logger.error("%s did not close: %s", type(part).__name__, redacted(repr(error)))
