"""Two pieces of speech in, the audible step between them out."""

from __future__ import annotations

import math
from array import array
from operator import mul

from bench.audio import to_samples

ANALYSIS_RATE = 4_000  # Hz; enough for a voice's pitch, and cheap
PITCH_RANGE = (60, 400)  # Hz
VOICED_FLOOR = 0.3  # normalised autocorrelation below which a piece has no pitch
SILENT_RMS = 30.0  # of 32768: a pause, not speech


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
