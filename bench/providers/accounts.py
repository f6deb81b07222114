"""A provider's key in, the account it stands for out: how much may be asked of it, and how fast.

All conversations of a process share an account, which is known by the provider's name and a digest
of the key. So many requests start a second and run at once in each event loop; what a day's quota
counts is of the whole process, and forgotten when it ends.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from aiolimiter import AsyncLimiter

from bench import clock
from bench.errors import RateLimited
from bench.providers.known import Role
from bench.settings import Secret, ServiceSettings

SECONDS_A_DAY = 86_400
DAILY: Mapping[Role, tuple[str, float, str]] = {
    "transcriber": ("daily_minutes", 60.0, "minutes of audio"),
    "llm": ("daily_tokens", 1.0, "tokens"),
    "voice": ("daily_characters", 1.0, "characters"),
}
"""The setting of a role's quota, how many units are one of it, and what it counts."""

USUAL = ServiceSettings()


@dataclass(slots=True)
class _Tally:
    """What was used on the newest day (of UTC) on which something was."""

    day: int = -1
    used: float = 0.0

    def add(self, units: float) -> float:
        """All that was used today."""
        today = int(clock.wall() // SECONDS_A_DAY)
        if today != self.day:
            self.day, self.used = today, 0.0
        self.used += units
        return self.used


@dataclass(slots=True)
class _Counted:
    """What accounts have under way in a loop, or have used up in all."""

    rates: dict[tuple[object, ...], AsyncLimiter] = field(default_factory=dict)
    places: dict[tuple[object, ...], asyncio.Semaphore] = field(default_factory=dict)
    tallies: dict[tuple[object, ...], _Tally] = field(default_factory=dict)


_IN_LOOPS: WeakKeyDictionary[asyncio.AbstractEventLoop, _Counted] = WeakKeyDictionary()
_IN_ALL = _Counted()


class ProviderAccount:
    """An account in one role, within the limits of `ServiceSettings`; it holds no key.

    Units are characters of a voice, tokens of a model, seconds of audio for ears. They count when
    they are asked for, whatever becomes of the request.
    """

    def __init__(
        self,
        role: Role,
        provider: str,
        keys: Mapping[str, Secret],
        limits: Mapping[str, Any],
    ) -> None:
        setting, unit, self._counts = DAILY[role]
        named = {name: limits.get(name) for name in ("requests_per_second", "concurrent_requests")}
        self.provider = provider
        self.requests_per_second = float(named["requests_per_second"] or USUAL.requests_per_second)
        self.concurrent_requests = int(named["concurrent_requests"] or USUAL.concurrent_requests)
        self.daily: float | None = limits.get(setting)
        self._quota = None if self.daily is None else self.daily * unit
        self._name = (provider, _digest(keys))
        self._used_by = (*self._name, role)

    async def enter(self, units: float, wait_seconds: float) -> Slot:
        """Wait for a turn, `wait_seconds` at most.

        Raises:
            RateLimited: it would take longer, or the day's quota does not hold so many units.
        """
        counted, tally = self._counted(), self._tally()
        if self._quota is not None and tally.add(0.0) + max(units, 1.0) > self._quota:
            reason = f"our quota of {self.daily:g} {self._counts} a day is used up"
            raise RateLimited(self.provider, reason)
        place = self._place(counted)
        try:
            async with clock.deadline(wait_seconds):
                await place.acquire()
                try:
                    await self._rate(counted).acquire()
                except BaseException:
                    place.release()
                    raise
        except TimeoutError:
            reason = (
                f"no turn within {wait_seconds:g} s at our limits of {self.requests_per_second:g} "
                f"requests a second and {self.concurrent_requests} at once"
            )
            raise RateLimited(self.provider, reason, wait_seconds) from None
        tally.add(units)
        return Slot(place, tally, self._quota)

    def _counted(self) -> _Counted:
        loop = asyncio.get_running_loop()
        if loop not in _IN_LOOPS:
            _IN_LOOPS[loop] = _Counted()
        return _IN_LOOPS[loop]

    def _tally(self) -> _Tally:
        """Nobody is billed for what happens in virtual time, and no run there knows of another."""
        virtual = isinstance(asyncio.get_running_loop(), clock.VirtualLoop)
        counted = self._counted() if virtual else _IN_ALL
        return counted.tallies.setdefault(self._used_by, _Tally())

    def _rate(self, counted: _Counted) -> AsyncLimiter:
        rate = self.requests_per_second
        burst = max(1.0, rate)
        name = (*self._name, rate)
        if name not in counted.rates:
            counted.rates[name] = AsyncLimiter(burst, burst / rate)
        return counted.rates[name]

    def _place(self, counted: _Counted) -> asyncio.Semaphore:
        name = (*self._name, self.concurrent_requests)
        if name not in counted.places:
            counted.places[name] = asyncio.Semaphore(self.concurrent_requests)
        return counted.places[name]


class Slot:
    """A place among those of an account that are under way."""

    def __init__(self, place: asyncio.Semaphore, tally: _Tally, quota: float | None) -> None:
        self._place: asyncio.Semaphore | None = place
        self._tally, self._quota = tally, quota

    def use(self, units: float) -> bool:
        """Count what was used; False when the day's quota is used up."""
        used = self._tally.add(units)
        return self._quota is None or used < self._quota

    def leave(self) -> None:
        """Give the place to somebody else; a second call changes nothing."""
        if self._place is not None:
            self._place.release()
            self._place = None


def _digest(keys: Mapping[str, Secret]) -> str:
    told = "\0".join(f"{name}={keys[name].reveal()}" for name in sorted(keys))
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
