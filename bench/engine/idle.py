"""Silence in, a nudge out: notices that nothing has been said for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bench import clock


class IdleWatch:
    """Calls `on_idle(times)` after so much silence; `times` counts from 1 since the user's last
    sound.

    `on_idle` returns whether it was silent after all: only then it counts. Restarting is cheap: it
    moves the deadline and leaves the timer to find out.
    """

    def __init__(self, on_idle: Callable[[int], bool]) -> None:
        self.times = 0  # that the silence was broken since the user's last sound
        self._on_idle = on_idle
        self._until: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def user_spoke(self) -> None:
        """The count of nudges begins anew."""
        self.times = 0

    def restart(self, seconds: float | None) -> None:
        """Count the silence from now on, or not at all (None)."""
        if seconds is None:
            self._until = None
            return
        self._until = clock.now() + seconds
        if self._timer is not None and self._timer.when() > self._until:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._arm(self._until)

    def stop(self) -> None:
        """No call comes any more."""
        self._until = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, at: float) -> None:
        self._timer = asyncio.get_running_loop().call_at(at, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._until is None:
            return
        if clock.now() < self._until - 1e-9:
            self._arm(self._until)
            return
        self._until = None
        if self._on_idle(self.times + 1):
            self.times += 1
