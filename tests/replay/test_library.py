"""Every scenario of the library passes, and leaves the same trace in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.replay.reading import read_all
from tests.replay.digests import LIBRARY

pytestmark = [pytest.mark.replay, pytest.mark.timeout(300)]

HOME = LIBRARY.parent


def played_apart(hash_seed: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}  # noqa: TID251
    command = [sys.executable, "-m", "tests.replay.digests"]
    return subprocess.Popen(command, cwd=HOME, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def told() -> list[list[str]]:
    """What two processes say of the library, at the same time, with unlike hash seeds."""
    processes = [played_apart(seed) for seed in ("1", "2")]
    said = [process.communicate(timeout=280)[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    return said


def test_every_trace_is_the_same_to_the_byte_in_two_processes(told: list[list[str]]) -> None:
    first, second = told
    assert len(first) >= len(read_all([LIBRARY]))
    assert first == second


def test_every_scenario_passes(told: list[list[str]]) -> None:
    assert [line for line in told[0] if not line.endswith(" pass")] == []


def test_the_library_holds_no_sound_that_nobody_plays() -> None:
    rendered = {path.stem for path in (LIBRARY / "audio").glob("*.wav")}
    assert rendered == {path.stem for path in (LIBRARY / "audio").glob("*.json")}


def test_a_smoke_set_is_marked() -> None:
    smoke = [scenario.id for scenario in read_all([LIBRARY]) if "smoke" in scenario.tags]
    assert 4 <= len(smoke) <= 10
    assert Path(LIBRARY, "audio").is_dir()
