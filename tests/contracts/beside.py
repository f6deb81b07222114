"""Tests that wait for the wall clock in, their reports out: run beside the others.

What an SDK with threads of its own is asked takes real seconds of waiting. A few processes ask
that, each some of the providers, while this one asks the others, and their reports are told here
as if the tests had been run here. In those processes this file is a plugin (`--beside`).
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

LANES = 3  # processes at most
WORTH_IT = 20  # tests at least
POLL_SECONDS = 0.05


def pytest_addoption(parser: pytest.Parser) -> None:
    """For the processes that are started here."""
    parser.addoption("--beside", action="store_true", help="run all of it in this process")
    parser.addoption("--reports", type=Path, metavar="FILE", help="write reports there, too")


def pytest_configure(config: pytest.Config) -> None:
    """Write reports, where that was asked for."""
    path: Path | None = config.getoption("reports")
    if path is not None:
        config.pluginmanager.register(_Writer(config, path))


class _Writer:
    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._config, self._path = config, path

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told, default=str) + "\n")


class Lanes:
    """The processes, and what they have told so far."""

    def __init__(self, config: pytest.Config, groups: Iterable[Sequence[pytest.Item]]) -> None:
        self._config = config
        self._lanes = [list[pytest.Item]() for _ in range(LANES)]
        for group in sorted(groups, key=len, reverse=True):
            min(self._lanes, key=len).extend(group)
        self._of = {item.nodeid: lane for lane in self._lanes for item in lane}
        self._running: dict[int, _Lane] = {}

    def __contains__(self, item: pytest.Item) -> bool:
        return item.nodeid in self._of

    def start(self) -> None:
        """Begin, unless that was done."""
        for lane in self._lanes:
            if lane and id(lane) not in self._running:
                self._running[id(lane)] = _Lane(self._config, [item.nodeid for item in lane])

    def reports(self, item: pytest.Item) -> list[pytest.TestReport]:
        """Those of one test, once it has run."""
        return self._running[id(self._of[item.nodeid])].reports(item)

    def stop(self) -> None:
        """End what still runs."""
        for lane in self._running.values():
            lane.stop()


class _Lane:
    def __init__(self, config: pytest.Config, tests: Sequence[str]) -> None:
        self._config = config
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / "reports.jsonl"
        self._path.touch()
        self._file = self._path.open(encoding="utf-8")
        self._rest = ""
        self._told: dict[str, list[pytest.TestReport]] = {}
        warnings: Sequence[str] = config.known_args_namespace.pythonwarnings or ()
        plugin = ["-p", "tests.contracts.beside", "--beside", "--reports", str(self._path)]
        options = ["-q", "-p", "no:cacheprovider", *(f"-W{one}" for one in warnings)]
        with (self._path.parent / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *options, *plugin, *tests],
                cwd=config.rootpath,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def reports(self, item: pytest.Item) -> list[pytest.TestReport]:
        while not self._is_told(item.nodeid):
            ended = self._process.poll() is not None
            self._read()
            if self._is_told(item.nodeid):
                break
            if ended:
                return [*self._told.get(item.nodeid, ()), self._lost(item)]
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(POLL_SECONDS)
        return self._told[item.nodeid]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._file.close()
        self._folder.cleanup()

    def _is_told(self, test: str) -> bool:
        return any(report.when == "teardown" for report in self._told.get(test, ()))

    def _read(self) -> None:
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        for line in lines:
            told: dict[str, Any] = json.loads(line)
            report = self._config.hook.pytest_report_from_serializable(
                config=self._config, data=told
            )
            if isinstance(report.longrepr, list):  # a skip's, which JSON has made one
                report.longrepr = tuple(report.longrepr)
            self._told.setdefault(report.nodeid, []).append(report)

    def _lost(self, item: pytest.Item) -> pytest.TestReport:
        output = (self._path.parent / "output").read_text("utf-8", "replace")
        why = f"the process beside this one ended without it:\n{output[-2000:]}"
        return pytest.TestReport(item.nodeid, item.location, {}, "failed", why, "call")
