"""Chunks of audio in, frames of one length out no faster than a service allows."""

from __future__ import annotations

from bench import clock
from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH


class PacedFrames:
    """Audio on its way to a service that refuses short frames and hasty ones.

    Each frame holds `samples`; a shorter rest is held until there is more. Frames go at `pace`
    times real time at most, after `burst` samples at once: what was held back is caught up with at
    the rate of the difference.
    """

    def __init__(self, samples: int, *, pace: float, burst: int) -> None:
        self._samples, self._rate, self._burst = samples, pace * SAMPLE_RATE, burst
        self._held = bytearray()
        self._credit, self._at = float(burst), clock.now()  # samples that may go, and as of when

    def add(self, chunk: bytes) -> None:
        """More audio."""
        self._held += chunk

    def next(self) -> bytes:
        """The next frame, b"" when none is due."""
        size = self._samples * SAMPLE_WIDTH
        if len(self._held) < size or self._earned() < self._samples:
            return b""
        self._credit -= self._samples
        frame = bytes(self._held[:size])
        del self._held[:size]
        return frame

    def wait_seconds(self) -> float | None:
        """Until the next frame is due; None when it takes more audio."""
        if len(self._held) < self._samples * SAMPLE_WIDTH:
            return None
        return max(0.001, (self._samples - self._earned()) / self._rate)

    def _earned(self) -> float:
        now = clock.now()
        self._credit = min(self._burst, self._credit + (now - self._at) * self._rate)
        self._at = now
        return self._credit
