"""What every test is held to: one kind each, and a real Chromium for those that ask."""

import os
import shutil
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

KINDS = {"unit", "contract", "replay", "browser", "live"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
NO_BROWSER = (
    "no Chromium found: browser tests are SKIPPED (name one with $CHROMIUM, or install chromium)"
)


def pytest_configure() -> None:
    """Programs that tests start heed Ctrl-C, also where a shell started pytest in the background:
    it has what it starts there ignore that, and they would inherit it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that is of no kind, or of two."""
    strays = sorted(
        {
            item.nodeid.partition("::")[0]
            for item in items
            if len(KINDS.intersection(mark.name for mark in item.iter_markers())) != 1
        }
    )
    if strays:
        raise pytest.UsageError(f"exactly one of {sorted(KINDS)} must mark: {', '.join(strays)}")


def browser_required() -> bool:
    return os.environ.get("TALKBENCH_REQUIRE_BROWSER", "") not in ("", "0")


def find_chromium() -> str | None:
    """The browser's path: `$CHROMIUM`, else one on the PATH, else the one Playwright installed."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    cache = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache/ms-playwright"
    return next(map(str, sorted(Path(cache).glob("chromium-*/chrome-linux*/chrome"))), None)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium to drive; without one the test is skipped, or fails where required."""
    path = find_chromium()
    if path is None:
        pytest.skip(NO_BROWSER)
    return path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where a browser is required, a browser test that was skipped has failed."""
    report = yield
    if report.skipped and browser_required() and item.get_closest_marker("browser"):
        report.outcome = "failed"
        report.longrepr = f"TALKBENCH_REQUIRE_BROWSER forbids this skip: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped: list[pytest.TestReport] = terminalreporter.getreports("skipped")
    if any(NO_BROWSER in str(report.longrepr) for report in skipped):
        terminalreporter.write_line(NO_BROWSER, red=True, bold=True)
