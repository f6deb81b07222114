"""A stream in, `TimeoutError` out when it is quiet for too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from bench import clock

SUSPENDED_SECONDS = 1.0  # between two looks at a stream that waits for us


class Patience:
    """A deadline that moves with every piece of a stream: an async context manager.

    Like `clock.deadline`, but moving it costs an assignment: the timer finds out when it fires. The
    wait counts from `excused_until` at the earliest, an instant that may move.
    """

    def __init__(
        self, first_seconds: float, excused_until: Callable[[], float] | None = None
    ) -> None:
        self._until: float | None = clock.now() + first_seconds
        self._seconds, self._excused_until = first_seconds, excused_until
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None
        self._expired = False

    def extend(self, seconds: float) -> None:
        """Wait so long from now."""
        until = self._until = clock.now() + seconds
        self._seconds = seconds
        if self._timer is not None and self._timer.when() > until:
            self._timer.cancel()
            self._arm()

    def suspend(self) -> None:
        """Wait as long as it takes, until extended again."""
        self._until = None

    async def __aenter__(self) -> Patience:
        """Start to wait."""
        self._task = asyncio.current_task()
        self._arm()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop waiting; the cancellation that was ours becomes a `TimeoutError`."""
        if self._timer is not None:
            self._timer.cancel()
        if self._expired and self._task is not None:
            cancels_left = self._task.uncancel()
            if not cancels_left and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def _arm(self) -> None:
        at = clock.now() + SUSPENDED_SECONDS if self._until is None else self._until
        self._timer = asyncio.get_running_loop().call_at(at, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._until is not None and self._excused_until is not None:
            self._until = max(self._until, self._excused_until() + self._seconds)
        if self._until is None or clock.now() < self._until - 1e-9:
            self._arm()
        elif self._task is not None:
            self._expired = True
            self._task.cancel()
