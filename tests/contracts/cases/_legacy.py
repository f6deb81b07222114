"""A case whose SDK holds others back: it is tried where that is installed, and nowhere else."""

from bench.providers.known import BACKENDS, Provider
from tests.contracts.case import Case


class LegacyCase(Case):
    """A case of an old SDK, in its provider's row or in one of `BACKENDS`."""

    @property
    def row(self) -> Provider:
        rows = [row for row in BACKENDS.values() if row.adapter == self.adapter]
        return rows[0] if rows else super().row

    @property
    def missing(self) -> str:
        return "tested in the legacy environment" if super().missing else ""
