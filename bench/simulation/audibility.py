"""Stretches that were muted or too soft in, whether a word could be heard out."""

from __future__ import annotations

from collections import deque

from bench.audio import SAMPLE_RATE

REMEMBERED_SAMPLES = 60 * SAMPLE_RATE  # that a word may last, and more


class Inaudible:
    """The stretches of a stream in which nobody is heard, by its samples."""

    def __init__(self) -> None:
        self._stretches: deque[tuple[int, int]] = deque()

    def add(self, start: int, end: int) -> None:
        """One more, behind or right after those before."""
        if self._stretches and self._stretches[-1][1] == start:
            start = self._stretches.pop()[0]
        self._stretches.append((start, end))
        while self._stretches[0][1] < end - REMEMBERED_SAMPLES:
            self._stretches.popleft()

    def hides(self, start: int, end: int) -> bool:
        """Whether more than half of what lies there is not heard."""
        lost = sum(max(0, min(end, last) - max(start, first)) for first, last in self._stretches)
        return lost * 2 > end - start
