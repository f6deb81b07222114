"""Replays in anybody's pytest: a fixture, and scenario files that are tests themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.replay.runner import run

pytest_plugins = "pytester"
pytestmark = pytest.mark.replay

PLAIN = Path(__file__).parents[2] / "scenarios" / "turns" / "plain-turn.yaml"
SILENT = """\
scenario: 1
id: {id}
setup: {{max_s: 10, vad: false, settings: {{idle_seconds: null}}}}
script: [{{id: quiet, silence: 0.5, at: {{time: 0.2}}}}]
expect: {{run: {{{expect}}}}}
"""


@pytest.fixture(scope="module", autouse=True)
def loaded():
    """What a pytest within pytest imports is forgotten after it, and numpy does not load twice: so
    all that a replay needs is imported before."""
    run(PLAIN, repeat=1)


@pytest.fixture(autouse=True)
def own_settings(pytester: pytest.Pytester):
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")


@pytest.fixture
def silent(pytester: pytest.Pytester):
    """Writes a scenario in which nobody speaks."""

    def write(name: str, expect: str) -> Path:
        text = SILENT.format(id=name, expect=expect)
        return pytester.makefile(".yaml", **{name: text})

    return write


def test_a_scenario_is_played_in_a_test(pytester: pytest.Pytester):
    pytester.makepyfile(
        f"""
        def test_plain_turn(replay):
            run = replay({str(PLAIN)!r}, seed=3)
            assert run.status == "pass"
            assert run.seed == 3
            assert [verdict.status for verdict in run.verdicts] == ["pass"] * len(run.verdicts)
            assert run.trace.entries
        """
    )
    pytester.runpytest_inprocess("-q").assert_outcomes(passed=1)


def test_a_failure_says_what_was_wanted(pytester: pytest.Pytester, silent):
    silent("quiet", "interrupts: 3, underruns: 0")
    pytester.makepyfile(
        """
        def test_quiet(replay):
            assert replay("quiet.yaml").status == "pass"
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E*AssertionError: assert 'fail' == 'pass'",
            "E*quiet/*/0 (virtual clock, seed 0): fail",
            "E*fail run.interrupts: got 0",
            "E*wanted exactly 3",
        ]
    )
    assert "run.underruns" not in result.stdout.str()


def test_several_runs_at_once(pytester: pytest.Pytester, silent):
    silent("one", "interrupts: 0")
    silent("two", "interrupts: 0")
    pytester.makepyfile(
        """
        import pytest
        from bench.errors import ConfigError

        def test_all(replay, request):
            runs = replay.all(request.path.parent, repeat=2)
            assert [run.scenario.id for run in runs] == ["one", "one", "two", "two"]
            assert {run.status for run in runs} == {"pass"}

        def test_one_of_many(replay, request):
            with pytest.raises(ConfigError, match="2 scenarios"):
                replay(request.path.parent)

        def test_none(replay):
            with pytest.raises(ConfigError):
                replay("nowhere.yaml")
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=3)


def test_scenario_files_are_tests_when_asked_for(pytester: pytest.Pytester, silent):
    good = silent("good", "interrupts: 0")
    bad = silent("bad", "interrupts: 1")
    result = pytester.runpytest_inprocess("--talkbench", "-v", good, bad)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*good.yaml::good[[]deepgram-nova-3*PASSED*"])
    result.stdout.fnmatch_lines(["  fail run.interrupts: got 0", "    wanted exactly 1"])
    assert "Traceback" not in result.stdout.str()


def test_without_the_option_no_yaml_is_touched(pytester: pytest.Pytester, silent):
    silent("good", "interrupts: 0")
    assert pytester.runpytest_inprocess().ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_what_is_undecided_is_skipped_with_its_reason(pytester: pytest.Pytester):
    pytester.makefile(
        ".yaml",
        few=SILENT.format(id="few", expect="interrupts: 0").replace(
            "expect: {", "expect: {across_repeats: {response_rate: {min: 1, min_events: 9}}, "
        ),
    )
    result = pytester.runpytest_inprocess("--talkbench", "-rs", "few.yaml")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*inconclusive across_repeats.response_rate*0 of 0*"])


def test_a_wrong_file_is_an_error_that_says_where(pytester: pytest.Pytester):
    pytester.makefile(".yaml", wrong="scenario: 1\nid: wrong\nscrip: []\n", _part="anything")
    result = pytester.runpytest_inprocess("--talkbench", ".")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*wrong.yaml:*scrip*"])
    assert "_part" not in result.stdout.str()


def test_a_suite_that_does_not_use_it_does_not_pay_for_it():
    code = (
        "import bench.replay.pytest_plugin, sys, json;"
        "print(json.dumps(sorted(m for m in sys.modules if m.startswith(('bench', 'numpy')))))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert json.loads(out.stdout) == ["bench", "bench.replay", "bench.replay.pytest_plugin"]
