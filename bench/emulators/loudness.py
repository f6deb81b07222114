"""PCM in, how loud it is out, and what of it is too soft for speech."""

from __future__ import annotations

from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH, samples_in, to_samples
from bench.simulation.audibility import Inaudible

BLOCK_SAMPLES = SAMPLE_RATE // 100
SOFT = 104  # of 32768, the mean over a block: -50 dBFS, 30 dB below usual speech


def loudness(pcm: bytes) -> float:
    """The mean size of its samples, of 32768."""
    if not pcm.strip(b"\0"):
        return 0.0
    return sum(map(abs, to_samples(pcm))) / samples_in(pcm)


class Sound:
    """What one connection was sent: `samples` of it, and where a word could be heard."""

    def __init__(self) -> None:
        self.samples = 0
        self._rest = b""  # less than a block
        self._judged = 0  # samples of whole blocks
        self._soft = Inaudible()

    def add(self, pcm: bytes) -> None:
        """More audio came."""
        self.samples += samples_in(pcm)
        pcm, size = self._rest + pcm, BLOCK_SAMPLES * SAMPLE_WIDTH
        whole = len(pcm) // size * size
        for start in range(0, whole, size):
            if loudness(pcm[start : start + size]) < SOFT:
                self._soft.add(self._judged, self._judged + BLOCK_SAMPLES)
            self._judged += BLOCK_SAMPLES
        self._rest = pcm[whole:]

    def hides(self, start: int, end: int) -> bool:
        """Whether more than half of a stretch, as far as it came, is too soft."""
        return self._soft.hides(start, end)
