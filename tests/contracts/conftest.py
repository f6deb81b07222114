"""What the contract suite does around its tests: gaps are skipped by name, results are told."""

import pytest

from tests.contracts.case import Case
from tests.contracts.table import Results

RESULTS = pytest.StashKey[Results]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RESULTS] = Results()


@pytest.fixture(autouse=True)
def _asked(request: pytest.FixtureRequest) -> None:
    """Note which check is asked of whom; skip what cannot be asked."""
    case = getattr(request.node, "callspec", None) and request.node.callspec.params.get("case")
    if not isinstance(case, Case):
        return
    check = request.node.originalname.removeprefix("test_")
    request.node.user_properties += [("role", case.role), ("case", case.name), ("check", check)]
    if case.missing:
        pytest.skip(case.missing)
    if check in case.gaps:
        pytest.skip(case.gaps[check])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    item.config.stash[RESULTS].add(report)
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """With -v, the table of what was asked of whom."""
    results = config.stash[RESULTS]
    if results and config.get_verbosity() > 0:
        terminalreporter.section("provider × check")
        terminalreporter.write_line(results.plain())
