"""Results of the contract suite in, a table of providers and checks out."""

from __future__ import annotations


class Results:
    def add(self, report): ...
