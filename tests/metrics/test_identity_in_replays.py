"""In the smoke set of the library the stages of every answer add up to what was measured."""

from pathlib import Path

import pytest

from bench.metrics.figures import run_figures
from bench.replay.reading import read_all
from bench.replay.runner import run
from bench.replay.scenario import Scenario

pytestmark = pytest.mark.replay

LIBRARY = Path(__file__).parents[2] / "scenarios"
SMOKE = [scenario for scenario in read_all([LIBRARY]) if "smoke" in scenario.tags]


@pytest.mark.parametrize("scenario", SMOKE, ids=lambda scenario: scenario.id)
def test_voice_to_voice_is_the_sum_of_its_stages(scenario: Scenario) -> None:
    (played, *_) = run(scenario, repeat=1)
    figures = run_figures(played.trace)
    assert figures.truth
    whole = [one for one in figures.responses if one.total is not None and one.v2v is not None]
    assert [one.turn for one in whole] == [
        one.turn for one in figures.responses if one.v2v is not None and one.ttft is not None
    ]
    assert all(abs(one.residual or 0.0) < 1e-6 for one in whole)
    for stop in figures.stops:
        if stop.latency is not None and stop.detect is not None:
            parts = (stop.detect, stop.decide or 0.0, stop.flush or 0.0)
            assert sum(parts) == pytest.approx(stop.latency, abs=1e-6)
