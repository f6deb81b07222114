"""Scenarios of the library through three real SDKs, against the emulated services."""

from pathlib import Path

import pytest

from bench import clock
from bench.events import ProviderFailed
from bench.replay.expectations import judge
from bench.replay.player import play
from bench.replay.reading import read
from bench.replay.runs import Run
from bench.replay.scenario import Stack

pytestmark = pytest.mark.contract

SCENARIOS = Path(__file__).parents[2] / "scenarios"
REAL = Stack("deepgram", "openai", "elevenlabs")


def played(name: str) -> Run:
    scenario = read(SCENARIOS / name)
    return clock.run(play(scenario, REAL, clock_kind="virtual"), virtual=True)


@pytest.mark.parametrize(
    "name", ["interrupts/mid-sentence.yaml", "faults/tts-disconnect-mid-sentence.yaml"]
)
def test_it_passes_and_is_the_same_twice(name: str):
    run = played(name)
    failed = [verdict for verdict in judge(run) if verdict.status != "pass"]
    assert failed == []
    assert list(played(name).trace.lines()) == list(run.trace.lines())
    assert {fact.provider for fact in run.trace.of(ProviderFailed)} <= {"elevenlabs"}
