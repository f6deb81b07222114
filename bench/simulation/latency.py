"""A place in the script in, seconds out: how long a simulated provider takes, and how fast it is.

Everything is drawn through `Draws`, so a place in the script has one luck for all profiles: of two
profiles that differ in nothing but their median, the slower one is slower at every single place.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt

from bench.simulation.draws import Draws

Z95 = 1.645  # standard deviations from the median to the p95 of a normal distribution
IQR = 1.349  # standard deviations between its quartiles
SESSION = "\x1f"  # the step of what holds for a whole session; no step of a script is called so


@dataclass(frozen=True, slots=True)
class Spread:
    """A lognormal distribution: its median, and the standard deviation of its logarithm; 0 means
    always the median."""

    p50: float
    sigma: float = 0.0

    @classmethod
    def of_p95(cls, p50: float, p95: float) -> Spread:
        """Through two percentiles; for a rate `p95` may lie below the median."""
        return cls(p50, abs(log(p95 / p50)) / Z95)

    @classmethod
    def of_iqr(cls, p50: float, iqr: float) -> Spread:
        """By the width of its middle half; what lies beyond was not observed."""
        return cls(p50, iqr / p50 / IQR)

    @property
    def p95(self) -> float:
        """What 95 of 100 stay below."""
        return self.p50 * exp(Z95 * self.sigma)

    def at(self, z: float) -> float:
        """The value `z` standard deviations from the median."""
        return self.p50 * exp(self.sigma * z)


@dataclass(frozen=True, slots=True)
class Tail:
    """Now and then, with probability `prob`, something takes a Pareto-distributed number of times
    as long: at least `factor`, and the smaller `alpha` the more."""

    prob: float = 0.0
    factor: float = 1.0
    alpha: float = 2.5

    def at(self, u: float) -> float:
        """The factor for a uniform `u`: 1 for most."""
        if u >= self.prob:
            return 1.0
        return self.factor * (u / self.prob) ** (-1.0 / self.alpha)


@dataclass(frozen=True, slots=True)
class Latency:
    """A waiting time: a spread in seconds with a tail, kept between floor and timeout.

    `rho` is the correlation of two waits of one session: some sessions are slow throughout.
    """

    spread: Spread
    tail: Tail = Tail()
    rho: float = 0.0
    floor_seconds: float = 0.0
    timeout_seconds: float = 60.0

    def draw(self, draws: Draws, step: str, stage: str, k: int | None = None) -> float:
        """Seconds to the microsecond, for the `k`-th wait of a stage in a step."""
        wait = self.spread.at(correlated(draws, self.rho, step, stage, k))
        wait *= self.tail.at(draws.uniform(step, f"{stage}.tail", k))
        return round(min(max(wait, self.floor_seconds), self.timeout_seconds), 6)


def correlated(draws: Draws, rho: float, step: str, stage: str, k: int | None = None) -> float:
    """A standard normal number, of which the share `rho` of the variance is the session's own."""
    z = draws.normal(step, stage, k)
    if not rho:
        return z
    return sqrt(rho) * draws.normal(SESSION, stage, 0) + sqrt(1.0 - rho) * z
