"""A request in, leave to send it out: what the engine asks of the account that pays."""

from __future__ import annotations

from typing import Protocol


class Slot(Protocol):
    """Leave to use a service; held until the request is over."""

    def use(self, units: float) -> bool:
        """Count what was used beyond what was asked for; False when the day's quota is used up."""
        ...

    def leave(self) -> None:
        """The request is over; a second call changes nothing."""
        ...


class Account(Protocol):
    """An account with a provider: so many requests a second, so many at once, so much a day.

    Units are what the provider bills by: characters of a voice, tokens of a model, seconds of audio
    for ears.
    """

    async def enter(self, units: float, wait_seconds: float) -> Slot:
        """Wait for a turn, `wait_seconds` at most.

        Raises:
            RateLimited: it would take longer, or the day's quota does not hold so many units.
        """
        ...
