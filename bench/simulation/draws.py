"""A seed and a place in the script in, a number out: the same on every machine and in every run.

A draw belongs to (seed, repeat, step, stage, k) and to nothing else, so another provider, a new
step or a different order never shifts it: two stacks compared on one seed meet the same luck.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from statistics import NormalDist

_NORMAL = NormalDist()
_RANGE = 2.0**53


@dataclass(slots=True)
class Draws:
    """The draws of one run. `k` counts the draws of a stage within a step, unless it is given."""

    seed: int = 0
    repeat: int = 0
    _counts: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    def uniform(self, step: str, stage: str, k: int | None = None) -> float:
        """A number strictly between 0 and 1."""
        if k is None:
            k = self._counts.get((step, stage), 0)
            self._counts[step, stage] = k + 1
        text = "\x1f".join((str(self.seed), str(self.repeat), step, stage, str(k)))
        digest = blake2b(text.encode(), digest_size=8).digest()
        return ((int.from_bytes(digest, "big") >> 11) + 0.5) / _RANGE

    def normal(self, step: str, stage: str, k: int | None = None) -> float:
        """A number of the standard normal distribution."""
        return _NORMAL.inv_cdf(self.uniform(step, stage, k))
