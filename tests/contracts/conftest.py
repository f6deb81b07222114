"""What the contract suite does around its tests: gaps are skipped by name, results are told."""

from __future__ import annotations

import pytest

from tests.contracts.case import Case
from tests.contracts.table import Results, plain

RESULTS = pytest.StashKey[Results]()


@pytest.fixture(autouse=True)
def _asked(request: pytest.FixtureRequest) -> None:
    """Note which check is asked of whom; skip what cannot be asked."""
    node = request.node
    case = node.callspec.params.get("case") if hasattr(node, "callspec") else None
    if not isinstance(case, Case):
        return
    check = node.originalname.removeprefix("test_")
    node.user_properties += [("role", case.role), ("case", case.name), ("check", check)]
    if case.missing:
        pytest.skip(case.missing)
    if check in case.gaps:
        pytest.skip(case.gaps[check])


def pytest_collection_modifyitems(config: pytest.Config) -> None:
    """Listen to the results, once there is a suite."""
    if RESULTS not in config.stash:
        config.stash[RESULTS] = Results()
        config.pluginmanager.register(config.stash[RESULTS])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """With -v, the table of what was asked of whom."""
    results = config.stash.get(RESULTS, None)
    if results and config.get_verbosity() > 0:
        terminalreporter.section("what every adapter is asked")
        terminalreporter.write_line(plain(results.outcomes))
