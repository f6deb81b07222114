"""A fault fires where it is said, once or every time; one that no stage can suffer is refused."""

from __future__ import annotations

from typing import Any

import pytest

from bench.errors import ConfigError
from bench.simulation.faults import BREAKS, KINDS, KINDS_OF, STAGES, Fault, FaultWatch, check

pytestmark = pytest.mark.unit


def test_every_kind_can_be_suffered_somewhere():
    assert set(KINDS_OF) == set(STAGES)
    assert {kind for kinds in KINDS_OF.values() for kind in kinds} == set(KINDS)
    for stage, kinds in KINDS_OF.items():
        for kind in kinds:
            check(Fault(stage, kind))


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault("vad", "stall"), "a fault is at 'vad': want stt, llm, tts"),
        (Fault("llm", "no_final"), "llm cannot suffer 'no_final': want http_429, http_503"),
        (Fault("stt", "wrong_rate"), "stt cannot suffer 'wrong_rate'"),
        (Fault("tts", "out_of_order"), "tts cannot suffer 'out_of_order'"),
        (Fault("tts", "explode"), "tts cannot suffer 'explode'"),
        (Fault("llm", "stall", after_audio_seconds=1), "at llm has after_tokens, not after_audio"),
        (Fault("tts", "http_429", after_audio_seconds=1), "http_429 has no after_audio_seconds"),
        (Fault("llm", "stall", turn=-1), "in turn -1"),
        (Fault("llm", "stall", for_seconds=-1), "times of a fault"),
        (Fault("llm", "slow", factor=0), "slow has the factor 0"),
    ],
)
def test_one_that_makes_no_sense_says_what_does(fault: Fault, told: str):
    with pytest.raises(ConfigError, match=told):
        check(fault)
    if fault.at in STAGES:
        with pytest.raises(ConfigError, match=told):
            FaultWatch([fault], fault.at)


def found(watch: FaultWatch, turn: int = 1, step: str = "a", **stretch: Any) -> Fault | None:
    return watch.find(BREAKS, turn=turn, step=step, **stretch)


def test_it_fires_once_in_its_turn_and_its_step():
    fault = Fault("llm", "stall", turn=2, utterance="b")
    watch = FaultWatch([Fault("tts", "stall"), fault], "llm")
    assert found(watch) is found(watch, 2, "a") is found(watch, 1, "b") is None
    assert found(watch, 2, "b") is found(watch, 2, "b") is fault
    watch.fired(fault)
    assert found(watch, 2, "b") is None
    assert not watch


def test_it_fires_every_time_when_it_says_so():
    fault = Fault("llm", "stall", every=True)
    watch = FaultWatch([fault], "llm")
    for turn in (1, 2, 3):
        assert found(watch, turn) is fault
        watch.fired(fault)


def test_it_lies_in_one_stretch_of_a_result():
    watch = FaultWatch([Fault("tts", "stall", after_audio_seconds=2.5)], "tts")
    stretches = [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0)]
    hits = [found(watch, begin=begin, end=end) is not None for begin, end in stretches]
    assert hits == [False, True, False]
    somewhere = FaultWatch([Fault("tts", "stall")], "tts")
    hits = [found(somewhere, begin=begin, end=end) is not None for begin, end in stretches]
    assert hits == [True, False, False]
