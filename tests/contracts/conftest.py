"""What the contract suite does around its tests: gaps are skipped by name, results are told."""

from __future__ import annotations

import pytest

from tests.contracts.case import Case
from tests.contracts.table import Results, plain

RESULTS = pytest.StashKey[Results]()


def pytest_configure(config: pytest.Config) -> None:
    """Listen to the results."""
    config.stash[RESULTS] = Results()
    config.pluginmanager.register(config.stash[RESULTS])


@pytest.fixture(autouse=True)
def _asked(request: pytest.FixtureRequest) -> None:
    """Note which check is asked of whom; skip what cannot be asked."""
    node = request.node
    calls = getattr(node, "callspec", None)
    case = calls.params.get("case") if calls is not None else None
    if not isinstance(case, Case):
        return
    check = node.originalname.removeprefix("test_")
    node.user_properties += [("role", case.role), ("case", case.name), ("check", check)]
    if check in case.gaps:
        pytest.skip(case.gaps[check])
    if case.missing:
        pytest.skip(case.missing)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """With -v, the table of what was asked of whom."""
    results = config.stash.get(RESULTS, None)
    if results and config.get_verbosity() > 0:
        terminalreporter.section("what every adapter is asked")
        terminalreporter.write_line(plain(results.outcomes))
