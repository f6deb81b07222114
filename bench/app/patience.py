"""Signs of life in, the end of patience out: how long a session may last, be silent, be alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bench import clock
from bench.app.limits import Limits
from bench.app.messages import Error

WHY = {
    "idle": "Nobody has said anything for {:.0f} minutes, so the conversation was ended.",
    "session limit": "A conversation may last {:.0f} minutes, and this one has.",
    "disconnected": "The client did not come back within {:.0f} minutes.",
}


class Patience:
    """Calls `on_end(reason, error)` once one of the limits is reached.

    Signs of life only move a date; the timer finds out when it is due.
    """

    def __init__(self, limits: Limits, on_end: Callable[[str, Error], None]) -> None:
        self._on_end = on_end
        self._seconds = {
            "idle": limits.idle_seconds,
            "session limit": limits.session_seconds,
            "disconnected": limits.reconnect_seconds,
        }
        self._since: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def alone(self) -> bool:
        """Whether the client is being waited for."""
        return "disconnected" in self._since

    def begin(self) -> None:
        """The session begins now."""
        self._since |= {"idle": clock.now(), "session limit": clock.now()}
        self._arm()

    def active(self) -> None:
        """Somebody said something."""
        self._since["idle"] = clock.now()

    def left_alone(self) -> None:
        """The client has gone."""
        self._since["disconnected"] = clock.now()
        self._arm()

    def found_again(self) -> None:
        """The client is back."""
        self._since.pop("disconnected", None)

    def stop(self) -> None:
        """Nothing is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self.stop()
        due, _ = self._next()
        self._timer = asyncio.get_running_loop().call_at(due, self._look)

    def _next(self) -> tuple[float, str]:
        return min((since + self._seconds[reason], reason) for reason, since in self._since.items())

    def _look(self) -> None:
        due, reason = self._next()
        if clock.now() < due - 1e-6:
            self._arm()
            return
        told = WHY[reason].format(self._seconds[reason] / 60)
        self._on_end(reason, Error(reason.replace(" ", "_"), told, fatal=True))
