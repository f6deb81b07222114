"""Speech starts and ends to the sample, whatever pieces the audio comes in."""

import math
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.audio import to_pcm
from bench.engine.vad import (
    SILENCE_DB,
    WINDOW,
    SpeechStarted,
    SpeechStopped,
    VoiceActivityDetector,
    level_db,
)

pytestmark = pytest.mark.unit


def stream(*runs: tuple[int, int]) -> bytes:
    """Windows of audio whose probability of speech is so many per cent: (windows, per cent)."""
    return b"".join(bytes([percent, 0]) * WINDOW * windows for windows, percent in runs)


def detect(pcm: bytes, size: int = 1024, **options: float) -> list[object]:
    detector = VoiceActivityDetector(lambda window: window[0] / 100, **options)  # type: ignore[arg-type]
    return [
        edge
        for start in range(0, len(pcm), size)
        for edge in detector.feed(pcm[start : start + size])
    ]


def test_two_windows_start_it_and_a_fifth_of_a_second_below_ends_it():
    edges = detect(stream((3, 0), (10, 90), (10, 10)))
    start, stop = 3 * WINDOW, 13 * WINDOW
    assert edges == [
        SpeechStarted(start, start + 2 * WINDOW),
        SpeechStopped(stop, stop + 7 * WINDOW),
    ]


@pytest.mark.parametrize(
    ("runs", "edges"),
    [
        ([(5, 0), (1, 90), (5, 0), (1, 90), (5, 0)], 0),  # never two running
        ([(5, 69)], 0),  # not quite
        ([(2, 70)], 1),  # just
        ([(2, 90), (20, 46)], 1),  # between the thresholds it goes on
        ([(2, 90), (6, 0), (1, 50), (6, 0)], 1),  # a pause too short
        ([(2, 90), (7, 44), (2, 90), (7, 44)], 4),
    ],
)
def test_hysteresis(runs: list[tuple[int, int]], edges: int):
    assert len(detect(stream(*runs))) == edges


@given(st.integers(2, 5000), st.lists(st.tuples(st.integers(1, 9), st.integers(0, 100))))
@settings(max_examples=50, deadline=None)
def test_the_pieces_make_no_difference(size: int, runs: list[tuple[int, int]]):
    pcm = stream(*runs)
    assert detect(pcm, size) == detect(pcm, 1024)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 100))))
@settings(max_examples=50, deadline=None)
def test_starts_and_stops_alternate_and_run_forward(runs: list[tuple[int, int]]):
    edges = detect(stream(*runs))
    kinds = [type(edge) for edge in edges]
    assert kinds == [SpeechStarted, SpeechStopped] * (len(kinds) // 2) + [SpeechStarted] * (
        len(kinds) % 2
    )
    samples = [edge.at_sample for edge in edges]  # type: ignore[attr-defined]
    assert samples == sorted(samples)
    assert all(edge.at_sample < edge.noticed_at_sample for edge in edges)  # type: ignore[attr-defined]


def test_voiced_samples_leave_the_tail_of_silence_out():
    detector = VoiceActivityDetector(lambda window: window[0] / 100)
    detector.feed(stream((5, 90)))
    assert detector.voiced_samples == 5 * WINDOW
    detector.feed(stream((3, 0)))
    assert detector.voiced_samples == 5 * WINDOW
    detector.feed(stream((1, 90)))
    assert detector.voiced_samples == 9 * WINDOW


def test_levels():
    assert level_db(b"") == level_db(bytes(1024)) == SILENCE_DB
    full = to_pcm(array("h", (round(32767 * math.sin(i / 5)) for i in range(5000))))
    assert level_db(full) == pytest.approx(-3.01, abs=0.05)
    assert level_db(b"\x00\x40" * 512) == pytest.approx(-6.02, abs=0.01)


def test_the_level_is_that_of_the_loudest_recent_window():
    detector = VoiceActivityDetector(lambda window: 0.0)
    assert detector.level_db == SILENCE_DB
    detector.feed(b"\x00\x40" * WINDOW + bytes(2 * 2 * WINDOW))
    assert detector.level_db == pytest.approx(-6.02, abs=0.01)
    detector.feed(bytes(2 * WINDOW))
    assert detector.level_db == SILENCE_DB
