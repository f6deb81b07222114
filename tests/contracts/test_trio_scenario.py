"""Scenarios of the library through three real SDKs, against the emulated services."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench import clock
from bench.events import FellBack, ProviderFailed, ToolCalled
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


@pytest.mark.parametrize("model", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize("name", ["tools/answered.yaml", "tools/interrupted.yaml"])
def test_a_model_calls_the_tools_of_a_scenario(name: str, model: str):
    scenario = read(SCENARIOS / name)
    stack = Stack("deepgram", model, "elevenlabs")
    run = clock.run(play(scenario, stack, clock_kind="virtual"), virtual=True)
    assert [verdict for verdict in judge(run) if verdict.status != "pass"] == []
    assert [fact.arguments for fact in run.trace.of(ToolCalled)] == ['{"day": "today"}']


@pytest.mark.parametrize("ears", ["deepgram", "assemblyai"])
@pytest.mark.parametrize("name", ["faults/stt-no-final.yaml", "faults/stt-late-final.yaml"])
def test_a_fault_of_a_step_comes_to_who_stands_in(name: str, ears: str):
    stack = replace(REAL, stt=ears)
    run = clock.run(play(read(SCENARIOS / name), stack, clock_kind="virtual"), virtual=True)
    assert [verdict for verdict in judge(run) if verdict.status != "pass"] == []


@pytest.mark.parametrize(
    ("name", "fallback"),
    [
        ("faults/llm-fallback.yaml", {"llm": "anthropic"}),
        ("faults/tts-fallback.yaml", {"tts": "sim:azure-neural"}),
    ],
)
def test_the_fallback_of_a_scenario_is_spared_its_faults(name: str, fallback: dict[str, str]):
    scenario = read(SCENARIOS / name)
    scenario = replace(scenario, setup=replace(scenario.setup, fallback=fallback))
    run = clock.run(play(scenario, REAL, clock_kind="virtual"), virtual=True)
    assert [verdict for verdict in judge(run) if verdict.status != "pass"] == []
    assert [fact.to for fact in run.trace.of(FellBack)] == list(fallback.values())
