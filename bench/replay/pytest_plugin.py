"""A scenario in, a test out: replays for anybody's pytest.

The fixture `replay` plays a scenario in a test; with `--talkbench`, scenario files among what is
collected are tests themselves. Nothing of the pipeline is imported before one is played.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bench.replay.runs import Run, Verdict

STATUSES = ("pass", "fail", "inconclusive", "void")
PLAYED = pytest.StashKey["list[Run]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--talkbench`."""
    parser.getgroup("talkbench").addoption(
        "--talkbench", action="store_true", help="collect scenario files (*.yaml) as tests"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of scenarios that are tests."""
    config.addinivalue_line("markers", "talkbench: a scenario file, replayed")
    config.stash[PLAYED] = []


class Replay:
    """Plays scenarios for one test. Files are looked for beside the test, then where pytest was
    started."""

    def __init__(self, beside: Path, started_in: Path, played: list[Run]) -> None:
        self._folders = (beside, started_in)
        self._played = played

    def __call__(self, path: str | Path, **overrides: Any) -> Run:
        """Play a scenario once, with its first stack unless `stacks` says otherwise, and judge it.

        `overrides` are those of `bench.replay.runner.run`: `stacks`, `seed`, `clock`, `repeat`; of
        several repeats the last is returned.

        Raises:
            ConfigError: the file is wrong, or holds not exactly one scenario.
        """
        from bench.errors import ConfigError
        from bench.replay.reading import read_all

        scenarios = read_all([self._found(path)])
        if len(scenarios) != 1:
            raise ConfigError(f"{path} holds {len(scenarios)} scenarios; replay.all plays several")
        wanted: dict[str, Any] = {"stacks": scenarios[0].stacks[:1], "repeat": 1, **overrides}
        return self.all(path, **wanted)[-1]

    def all(self, path: str | Path, **overrides: Any) -> list[Run]:
        """Play every scenario of a file or folder, with every stack, as often as they say."""
        from bench.replay.runner import run

        runs = run(self._found(path), **overrides)
        self._played.extend(runs)
        return runs

    def _found(self, path: str | Path) -> Path:
        places = [folder / path for folder in self._folders]
        return next((place for place in places if place.exists()), Path(path))


@pytest.fixture
def replay(request: pytest.FixtureRequest) -> Iterator[Replay]:
    """Plays a scenario: `run = replay("cut-in.yaml")`, then `assert run.status == "pass"`."""
    played = request.config.stash[PLAYED]
    played.clear()
    yield Replay(request.path.parent, request.config.invocation_params.dir, played)
    played.clear()


def pytest_assertrepr_compare(
    config: pytest.Config, op: str, left: object, right: object
) -> list[str] | None:
    """Why a run's status is not what it should be."""
    played = config.stash[PLAYED]
    if op != "==" or left not in STATUSES or right not in STATUSES or not played:
        return None
    bad = [run for run in played if run.status == left]
    return [f"{left!r} == {right!r}", *(line for run in bad for line in told(run))]


def told(run: Run) -> Iterator[str]:
    """What of a run did not pass, in lines; all of it when everything did."""
    yield f"{run.name} ({run.clock} clock, seed {run.seed}): {run.status}"
    if run.void:
        yield f"  counts for nothing: {run.void}"
    bad = [verdict for verdict in run.verdicts if verdict.status != "pass"]
    yield from _lines(bad or run.verdicts)


def _lines(verdicts: Iterable[Verdict]) -> Iterator[str]:
    for verdict in verdicts:
        yield f"  {verdict.status} {verdict.expectation}: got {verdict.got or 'no data'}"
        if verdict.wanted:
            yield f"    wanted {verdict.wanted}"
        if verdict.why:
            yield f"    {verdict.why}"


# Scenario files as tests


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take scenario files when asked to; those that begin with `_` are parts of others."""
    if not parent.config.getoption("talkbench"):
        return None
    if file_path.suffix not in (".yaml", ".yml") or file_path.name.startswith(("_", ".")):
        return None
    return ScenarioFile.from_parent(parent, path=file_path)  # pyright: ignore[reportUnknownMemberType]


class ScenarioFile(pytest.File):
    """A file of the scenario format: a test for each of its stacks."""

    def collect(self) -> Iterator[pytest.Item]:
        """The tests of its scenario.

        Raises:
            CollectError: it is not a right one.
        """
        from bench.errors import ConfigError
        from bench.replay.reading import read_all

        try:
            scenarios = read_all([self.path])
        except ConfigError as error:
            raise self.CollectError(str(error)) from error
        for scenario in scenarios:
            for stack in scenario.stacks:
                name = f"{scenario.id}[{stack.name}]"
                item = ScenarioItem.from_parent(  # pyright: ignore[reportUnknownMemberType]
                    self, name=name
                )
                item.play = (scenario, stack)
                item.add_marker("talkbench")
                yield item


class ScenarioFailed(Exception):
    """Something that was expected did not come true; says all of it."""


class ScenarioItem(pytest.Item):
    """All repeats of a scenario with one stack; undecided is skipped, and says why."""

    play: tuple[Any, Any]

    def runtest(self) -> None:
        """Play and judge."""
        from bench.replay.expectations import judge_across
        from bench.replay.runner import run

        scenario, stack = self.play
        runs = run(scenario, stacks=[stack])
        across = [verdict for verdict in judge_across(runs) if verdict.status != "pass"]
        bad = [one for one in runs if one.status != "pass"]
        text = "\n".join([*(line for one in bad for line in told(one)), *_lines(across)])
        statuses = {one.status for one in bad} | {verdict.status for verdict in across}
        if "fail" in statuses:
            raise ScenarioFailed(text)
        if statuses:
            pytest.skip(text)

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """The verdicts, without a traceback through this file."""
        if isinstance(excinfo.value, ScenarioFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it stands."""
        return self.path, 0, self.name
