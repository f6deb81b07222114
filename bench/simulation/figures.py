"""Figures with their overrides in, checked values in seconds out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from bench.errors import ConfigError
from bench.simulation.latency import Latency, Spread, Tail

ABOUT = frozenset(("label", "confidence", "note", "sources", "other_medians_ms", "p95_over_p50"))
"""What stands beside the figures and is not for anybody to override."""

SPREADS: Mapping[str, tuple[str, ...]] = {
    "ttfs_ms": ("p50", "p95"),
    "ttfat_ms": ("p50", "p95"),
    "ttfa_ms": ("p50", "p95"),
    "first_partial_ms": ("p50", "p95"),
    "partial_every_ms": ("p50", "p95"),
    "rtf": ("p50", "p95"),
    "tokens_per_s": ("p50", "p05"),
}
"""The figures that are distributions, and the two percentiles by which each is changed."""

PRICES: Mapping[str, tuple[str, ...]] = {
    "ttfs_ms": ("usd_per_minute",),
    "ttfat_ms": ("usd_per_million_in", "usd_per_million_out"),
    "ttfa_ms": ("usd_per_million_characters",),
}
"""The prices there may be, by the waiting time that tells the role."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of one profile: its own figures over the defaults of its role, with `changed`
    over both."""

    name: str
    defaults: Mapping[str, Any]
    own: Mapping[str, Any]
    changed: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        name: str,
        defaults: Mapping[str, Any],
        own: Mapping[str, Any],
        overrides: object = None,
    ) -> Figures:
        """Raises ConfigError when an override names what is not there."""
        if not isinstance(overrides, Mapping | None):
            raise ConfigError(f"profile {name} is {overrides!r}: want figures by name")
        changed = cast("Mapping[str, Any]", overrides or {})
        allowed = {*defaults, *own} - ABOUT
        for wait, prices in PRICES.items():
            allowed.update(prices if wait in own else ())
        for key in changed:
            if key not in allowed:
                known = ", ".join(sorted(allowed))
                raise ConfigError(f"profile {name}: unknown figure {key}; known are: {known}")
        return cls(name, defaults, own, changed)

    def text(self, key: str) -> str:
        """A figure that is words."""
        return str(self.own[key])

    def flag(self, key: str) -> bool:
        """A figure that is yes or no; no unless it says so."""
        value = self._value(key, False)
        if not isinstance(value, bool):
            raise self._wrong(key, value, "true or false")
        return value

    def share(self, key: str) -> float:
        """A figure from 0 to 1."""
        return self._number(key, self._value(key, 0.0), high=1.0)

    def seconds(self, key: str) -> float:
        """A figure in milliseconds, as seconds."""
        return self._number(key, self._value(key, 0.0)) / 1000

    def range_seconds(self, key: str) -> tuple[float, float]:
        """A figure in milliseconds that is a number or a pair [from, to], as seconds."""
        value = self._value(key, 0.0)
        if not isinstance(value, list):
            exactly = self._number(key, value) / 1000
            return exactly, exactly
        ends = [self._number(key, each) / 1000 for each in cast("list[object]", value)]
        if len(ends) != 2 or ends[0] > ends[1]:
            raise self._wrong(key, cast("object", value), "a number or [from, to]")
        return ends[0], ends[1]

    def price(self, key: str) -> float | None:
        """A price, None when there is none."""
        value = self._value(key, None)
        return None if value is None else self._number(key, value)

    def spread(self, key: str) -> Spread:
        """A figure that is a distribution, in its own unit."""
        base = self._spread(key, self.own[key]) if key in self.own else None
        if base is None or not base.sigma:
            usual = self._spread(key, self.defaults.get(key, {"p50": 1.0}))
            base = usual if base is None else Spread(base.p50, usual.sigma or self._usual_sigma())
        return self._changed(key, base)

    def wait(self, key: str) -> Latency:
        """A waiting time without a tail."""
        spread = self.spread(key)
        return Latency(Spread(spread.p50 / 1000, spread.sigma), rho=self.share("rho"))

    def latency(self, key: str) -> Latency:
        """The profile's main waiting time; one that is set to a number is that number, always."""
        spread = self.spread(key)
        spread = Spread(spread.p50 / 1000, spread.sigma)
        if not isinstance(self.changed.get(key, {}), Mapping):
            return Latency(spread)
        floor, timeout = self.seconds("floor_ms"), self.seconds("timeout_ms")
        if floor > timeout:
            raise ConfigError(f"profile {self.name}: floor_ms is above timeout_ms")
        return Latency(spread, self._tail(), self.share("rho"), floor, timeout)

    def _value(self, key: str, missing: object) -> object:
        for known in (self.changed, self.own, self.defaults):
            if key in known:
                return known[key]
        return missing

    def _tail(self) -> Tail:
        tail = dict(self.defaults["tail"]) | dict(self.own.get("tail", {}))
        changed: object = self.changed.get("tail", {})
        if not isinstance(changed, Mapping):
            raise self._wrong("tail", changed, "prob, factor and alpha")
        for key, value in cast("Mapping[str, object]", changed).items():
            if key not in tail:
                raise ConfigError(f"profile {self.name}: tail has {', '.join(tail)}, not {key}")
            low, high = {"prob": (0.0, 1.0), "factor": (1.0, 100.0)}.get(key, (0.1, 100.0))
            tail[key] = self._number(f"tail.{key}", value, low, high)
        return Tail(**tail)

    def _changed(self, key: str, base: Spread) -> Spread:
        """`base` as the overrides would have it."""
        value: object = self.changed.get(key)
        if value is None:
            return base
        if not isinstance(value, Mapping):
            return Spread(self._number(key, value, low=1e-6))
        median, edge = SPREADS[key]
        given = cast("Mapping[str, object]", value)
        for name in given:
            if name not in (median, edge):
                raise ConfigError(f"profile {self.name}: {key} has {median} and {edge}, not {name}")
        p50 = self._number(f"{key}.p50", given.get(median, base.p50), low=1e-6)
        if edge not in given:
            return Spread(p50, base.sigma)
        return self._through(key, p50, self._number(f"{key}.{edge}", given[edge], low=1e-6))

    def _through(self, key: str, p50: float, edge: float) -> Spread:
        name = SPREADS[key][1]
        if (edge < p50) if name == "p95" else (edge > p50):
            raise ConfigError(f"profile {self.name}: {key} has its {name} on the wrong side of p50")
        return Spread.of_p95(p50, edge)

    def _spread(self, key: str, known: Mapping[str, float]) -> Spread:
        """What the file says; no spread where it knows none."""
        edge = known.get(SPREADS[key][1])
        if edge is not None:
            return Spread.of_p95(known["p50"], edge)
        iqr = known.get("iqr")
        return Spread(known["p50"]) if iqr is None else Spread.of_iqr(known["p50"], iqr)

    def _usual_sigma(self) -> float:
        return Spread.of_p95(1.0, float(self.defaults["p95_over_p50"])).sigma

    def _number(
        self, key: str, value: object, low: float = 0.0, high: float = float("inf")
    ) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(key, value, "a number")
        if not low <= value <= high:
            upper = f" to {high:g}" if high < float("inf") else " or more"
            raise self._wrong(key, value, f"{low:g}{upper}")
        return float(value)

    def _wrong(self, key: str, value: object, want: str) -> ConfigError:
        return ConfigError(f"profile {self.name}: {key} is {value!r}: want {want}")
