"""The library passes with vendors' SDKs too, emulators standing in for their services."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import assembly
from bench.replay.reading import read_all
from bench.replay.runner import run
from bench.replay.scenario import Stack
from bench.simulation.tokens import tokens_in
from tests.replay.digests import LIBRARY

pytestmark = [pytest.mark.replay, pytest.mark.timeout(600)]

STACK = Stack("deepgram", "openai", "elevenlabs")
VARIATIONS = ("babble-10", "babble-20", "babble-5", "forty-turns", "loss-1", "loss-3")
"""Files of one kind of which another is played, by how their ids begin: half of the time."""
OTHERWISE: tuple[str, ...] = ()
"""Files that ask for what these services do not do, by their ids; docs/emulators.md says why."""


@pytest.fixture(autouse=True)
def _settings_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """An empty folder and the settings read anew."""
    monkeypatch.chdir(tmp_path)
    assembly.settings.cache_clear()
    yield
    assembly.settings.cache_clear()


def test_every_scenario_passes_or_is_named() -> None:
    chosen = [one for one in read_all([LIBRARY]) if not one.id.startswith(VARIATIONS)]
    runs = run(chosen, stacks=[STACK], repeat=1, clock="virtual")
    assert len(runs) >= 45
    failed = {
        done.scenario.id: [f"{one.expectation}: {one.got}" for one in done.verdicts
                           if one.status != "pass"]
        for done in runs if done.status != "pass"
    }  # fmt: skip
    assert {name: why for name, why in failed.items() if name not in OTHERWISE} == {}
    assert [name for name in OTHERWISE if name not in failed] == []


def test_a_fault_after_so_many_tokens_lies_where_it_does_for_a_simulated_model() -> None:
    """What was whole by then is said, and a model writes as fast as its profile says."""
    stacks = [Stack("sim:deepgram-nova-3", llm, "sim:elevenlabs-flash-v2.5")
              for llm in ("openai", "sim:gpt-4.1")]  # fmt: skip
    runs = run(LIBRARY / "faults" / "llm-stall.yaml", stacks=stacks)
    said = [[one["text"] for one in done.messages if one["sender"] == "bot"] for done in runs]
    assert said[0] == said[1]
    assert said[0][0] == "We are open from nine to five on weekdays."
    assert [tokens_in(word) for word in ("We", " weekdays.")] == [1, 3]
