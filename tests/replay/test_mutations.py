"""An engine that breaks what a file of the library probes turns that file red."""

from __future__ import annotations

import logging

import pytest

from bench.replay.reading import read_all
from bench.replay.runner import run
from bench.replay.runs import Run
from bench.replay.scenario import Scenario
from tests.replay.broken_engines import BREAKS
from tests.replay.digests import LIBRARY

pytestmark = pytest.mark.replay

FILES = {scenario.id: scenario for scenario in read_all([LIBRARY])}


def played(scenario: Scenario) -> Run:
    """The scenario with its first stack."""
    logging.disable(logging.CRITICAL)  # faults are in the script
    try:
        return run(scenario, repeat=1, stacks=scenario.stacks[:1])[0]
    finally:
        logging.disable(logging.NOTSET)


def wrong(done: Run) -> list[str]:
    """The expectations that do not hold."""
    return [verdict.expectation for verdict in done.verdicts if verdict.status != "pass"]


def test_there_is_a_broken_engine_for_every_file() -> None:
    assert set(BREAKS) == set(FILES)


@pytest.mark.parametrize("name", BREAKS)
def test_it_passes_and_turns_red(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = played(FILES[name])
    assert (sound.status, wrong(sound)) == ("pass", [])
    BREAKS[name].mutate(monkeypatch)
    done = played(FILES[name])
    assert done.status == "fail"
    told = wrong(done)
    assert any(expectation.endswith(f".{BREAKS[name].expectation}") for expectation in told), told
