"""Two pieces of speech in, the audible step between them out."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from operator import mul

from bench.audio import SAMPLE_WIDTH, to_samples

ANALYSIS_RATE = 4_000  # Hz; enough for a voice's pitch, and cheap
PITCH_RANGE = (60, 400)  # Hz
VOICED_FLOOR = 0.3  # normalised autocorrelation below which a piece has no pitch
SILENT_RMS = 30.0  # of 32768: a pause, not speech
SEAM_SECONDS = 0.1  # measured on each side of a join

JoinListener = Callable[[int, bytes, bytes], None]  # at sample, PCM before, PCM after


def measure_join(before: bytes, after: bytes, rate: int) -> tuple[float, float]:
    """Step in level (dB) and in pitch (semitones) from one piece of PCM to the next.

    A step needs speech on both sides: where either piece is silent, or has no pitch, that step is
    0.
    """
    first, second = _decimated(before, rate), _decimated(after, rate)
    loud, louder = _rms(first), _rms(second)
    if min(loud, louder) < SILENT_RMS:
        return 0.0, 0.0
    level = 20 * math.log10(louder / loud)
    low, high = _pitch(first), _pitch(second)
    pitch = 12 * math.log2(high / low) if low and high else 0.0
    return round(level, 2), round(pitch, 2)


def _decimated(pcm: bytes, rate: int) -> list[float]:
    samples, step = to_samples(pcm), max(1, rate // ANALYSIS_RATE)
    return [sum(samples[i : i + step]) / step for i in range(0, len(samples) - step + 1, step)]


def _rms(samples: list[float] | array[int]) -> float:
    return math.sqrt(sum(map(mul, samples, samples)) / len(samples)) if samples else 0.0


def _pitch(samples: list[float]) -> float | None:
    """Fundamental frequency by autocorrelation, None where there is none."""
    low, high = ANALYSIS_RATE // PITCH_RANGE[1], ANALYSIS_RATE // PITCH_RANGE[0]
    energy = sum(map(mul, samples, samples))
    if not energy or len(samples) < 2 * high:
        return None
    scores = {lag: sum(map(mul, samples, samples[lag:])) / energy for lag in range(low, high + 1)}
    best = max(scores, key=scores.__getitem__)
    return ANALYSIS_RATE / best if scores[best] >= VOICED_FLOOR else None


class Seam:
    """Keeps the audio on both sides of a join, for whoever measures it; `rate` in Hz."""

    def __init__(self, rate: int) -> None:
        self._size = round(SEAM_SECONDS * rate) * SAMPLE_WIDTH
        self._before = self._after = self._tail = b""
        self._at_sample: int | None = None

    def part_begins(self, at_sample: int) -> None:
        """A join, unless it is the beginning."""
        if self._tail:
            self._before, self._after, self._at_sample = self._tail, b"", at_sample

    def passes(self, piece: bytes, listener: JoinListener | None) -> None:
        """The next audio; `listener` is told of a join when both of its sides have passed."""
        if listener is None:
            return
        self._tail = (self._tail + piece)[-self._size :]
        if self._at_sample is not None:
            self._after += piece
            if len(self._after) >= self._size:
                listener(self._at_sample, self._before, self._after[: self._size])
                self._at_sample = None
