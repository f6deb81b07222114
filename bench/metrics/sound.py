"""PCM in, what can be told of the sound out: edges, clipping, level, signal over noise.

PCM is 16-bit little-endian mono; levels are dB below full scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.audio import SAMPLE_RATE, to_samples
from bench.metrics.session import quantile

FULL_SCALE = 32768
AUDIBLE_DB = -40.0  # in a frame of 10 ms
FRAME_SECONDS = 0.01
LEVEL_SECONDS, LEVEL_STEP_SECONDS = 0.4, 0.1  # blocks of loudness
GATE_DB, RELATIVE_GATE_DB = -70.0, -10.0  # below which a block is no speech
QUIET_SHARE, LOUD_SHARE = 0.1, 0.9


def frame_levels(
    pcm: bytes, rate: int = SAMPLE_RATE, seconds: float = FRAME_SECONDS
) -> list[float]:
    """The level of every frame in dBFS; digital silence is minus infinity. The last, shorter frame
    counts too."""
    samples, size = to_samples(pcm), max(1, round(seconds * rate))
    return [_level(samples[i : i + size]) for i in range(0, len(samples), size)]


def audible(pcm: bytes, rate: int = SAMPLE_RATE) -> tuple[int, int] | None:
    """The first audible sample and one past the last, by frames of 10 ms; None without any."""
    size = max(1, round(FRAME_SECONDS * rate))
    loud = [i for i, level in enumerate(frame_levels(pcm, rate)) if level > AUDIBLE_DB]
    return (loud[0] * size, min((loud[-1] + 1) * size, len(pcm) // 2)) if loud else None


def clip(pcm: bytes) -> float | None:
    """The share of samples at full scale, of those in runs of two or more: a single one may be a
    true peak. None of nothing."""
    samples = to_samples(pcm)
    if not samples:
        return None
    at_end = [abs(s) >= FULL_SCALE - 1 for s in samples]
    beside = zip([False, *at_end], at_end, [*at_end[1:], False], strict=False)
    return sum(here and (before or after) for before, here, after in beside) / len(samples)


def snr_db(pcm: bytes, rate: int = SAMPLE_RATE) -> float | None:
    """The level of the loud frames (nine in ten are softer) over that of the quiet ones (one in ten
    is softer); above 20 is good, 10 to 20 fair. None where the quiet is digital silence, or there
    is nothing: then there is no noise to compare with."""
    levels = sorted(frame_levels(pcm, rate))
    quiet, loud = quantile_of(levels, QUIET_SHARE), quantile_of(levels, LOUD_SHARE)
    if quiet is None or loud is None or math.isinf(quiet):
        return None
    return loud - quiet


def loudness_db(pcm: bytes, rate: int = SAMPLE_RATE) -> float | None:
    """The mean power of blocks of 0.4 s, in dBFS, gated as in ITU-R BS.1770: blocks below -70 dB,
    and then those 10 dB below the mean of the rest, are left out. Without its frequency weighting,
    so compare voices with it, not stations. None without speech."""
    size, step = round(LEVEL_SECONDS * rate), round(LEVEL_STEP_SECONDS * rate)
    samples = to_samples(pcm)
    last = max(1, len(samples) - size + 1)
    powers = [_power(samples[i : i + size]) for i in range(0, last, step)]
    kept = [power for power in powers if power > _as_power(GATE_DB)]
    if not kept:
        return None
    floor = _as_power(RELATIVE_GATE_DB) * sum(kept) / len(kept)
    loud = [power for power in kept if power > floor]
    return 10 * math.log10(sum(loud) / len(loud))


def spread_db(levels: Sequence[float | None]) -> float | None:
    """From the softest voice to the loudest; None with fewer than two."""
    known = [level for level in levels if level is not None]
    return max(known) - min(known) if len(known) > 1 else None


def quantile_of(ordered: Sequence[float], share: float) -> float | None:
    """As `session.quantile`, for levels, which may be minus infinity."""
    if any(math.isinf(level) for level in ordered):
        return ordered[round(share * (len(ordered) - 1))]
    return quantile(ordered, share)


def _power(samples: Sequence[int]) -> float:
    """The mean square, 1 at full scale."""
    return sum(s * s for s in samples) / (len(samples) * FULL_SCALE**2) if samples else 0.0


def _level(samples: Sequence[int]) -> float:
    power = _power(samples)
    return 10 * math.log10(power) if power else -math.inf


def _as_power(level_db: float) -> float:
    return 10 ** (level_db / 10)
