"""Edges, clipping, levels and noise of sounds whose figures are known."""

import math
import random
from array import array

import pytest

from bench.audio import to_pcm
from bench.metrics.sound import audible, clip, frame_levels, loudness_db, snr_db, spread_db

pytestmark = pytest.mark.unit


def square(level_db: float, samples: int) -> list[int]:
    """A square wave: its level is that of every sample."""
    height = round(32768 * 10 ** (level_db / 20))
    return [height if i // 20 % 2 else -height for i in range(samples)]


def pcm(samples: list[int]) -> bytes:
    return to_pcm(array("h", samples))


def test_levels_are_below_full_scale() -> None:
    levels = frame_levels(pcm(square(-20, 160) + [0] * 160))
    assert levels[0] == pytest.approx(-20, abs=0.01)
    assert levels[1] == -math.inf


def test_edges_are_where_it_can_be_heard() -> None:
    sound = [0] * 320 + square(-50, 320) + square(-20, 800) + [0] * 320
    assert audible(pcm(sound)) == (640, 1440)
    assert audible(pcm([0] * 800)) is None
    assert audible(b"") is None


def test_clipping_is_in_runs() -> None:
    assert clip(pcm([0, 32767, 0, 32767, 32767, -32768, 0, 0])) == pytest.approx(3 / 8)
    assert clip(pcm([0, 32767, 0, 100])) == 0.0
    assert clip(b"") is None


def test_signal_over_noise() -> None:
    assert snr_db(pcm(square(-60, 8000) + square(-20, 8000))) == pytest.approx(40, abs=0.1)
    assert snr_db(pcm([0] * 8000 + square(-20, 8000))) is None  # digital silence is no noise
    assert snr_db(b"") is None
    rng = random.Random(1)
    noisy = [s + round(rng.gauss(0, 33)) for s in [0] * 16_000 + square(-20, 16_000)]
    assert snr_db(pcm(noisy)) == pytest.approx(40, abs=1.0)


def test_loudness_leaves_the_pauses_out() -> None:
    assert loudness_db(pcm(square(-23, 16_000))) == pytest.approx(-23, abs=0.01)
    with_pause = square(-23, 16_000) + [0] * 160_000
    assert loudness_db(pcm(with_pause)) == pytest.approx(-23, abs=1.0)
    assert loudness_db(pcm([0] * 16_000)) is None
    assert spread_db([-20.0, None, -26.0]) == 6.0
    assert spread_db([-20.0]) is None
