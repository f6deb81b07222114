"""What the contract suite does around its tests: gaps are skipped by name, results are told."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.contracts.beside import WORTH_IT, Lanes
from tests.contracts.case import Case
from tests.contracts.table import Results, plain

RESULTS = pytest.StashKey[Results]()
LANES = pytest.StashKey[Lanes]()


@pytest.fixture(autouse=True)
def _asked(request: pytest.FixtureRequest) -> None:
    """Note which check is asked of whom; skip what cannot be asked."""
    node = request.node
    case = case_of(node)
    if case is None:
        return
    check = node.originalname.removeprefix("test_")
    node.user_properties += [("role", case.role), ("case", case.name), ("check", check)]
    if check in case.gaps:
        pytest.skip(case.gaps[check])
    if case.missing:
        pytest.skip(case.missing)


def case_of(item: pytest.Item) -> Case | None:
    """Whom a test of the suite asks."""
    calls = getattr(item, "callspec", None)
    case = calls.params.get("case") if calls is not None else None
    return case if isinstance(case, Case) and "contracts" in item.path.parts else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Listen to the results; what waits for the wall clock goes beside the rest, and last."""
    if RESULTS not in config.stash:
        config.stash[RESULTS] = Results()
        config.pluginmanager.register(config.stash[RESULTS])
    groups = defaultdict[str, list[pytest.Item]](list)
    for item in items:
        if (case := case_of(item)) is not None and not case.virtual and not case.missing:
            groups[f"{case.role} {case.name}"].append(item)
    waiting = [item for group in groups.values() for item in group]
    alone = config.getoption("beside", None) or config.option.collectonly or config.option.usepdb
    if alone or len(groups) < 2 or len(waiting) < WORTH_IT:
        return
    config.stash[LANES] = Lanes(config, groups.values())
    for item in waiting:
        item.add_marker(pytest.mark.timeout(0))  # it has its limit where it runs
    places = [place for place, item in enumerate(items) if case_of(item) is not None]
    ours = sorted((items[place] for place in places), key=config.stash[LANES].__contains__)
    for place, item in zip(places, ours, strict=True):
        items[place] = item


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Tell the reports of a test that runs beside this process."""
    lanes = item.config.stash.get(LANES, None)
    if lanes is None or case_of(item) is None:
        return None
    lanes.start()
    if item not in lanes:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in lanes.reports(item):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_unconfigure(config: pytest.Config) -> None:
    if (lanes := config.stash.get(LANES, None)) is not None:
        lanes.stop()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """With -v, the table of what was asked of whom."""
    results = config.stash.get(RESULTS, None)
    if results and config.get_verbosity() > 0:
        terminalreporter.section("what every adapter is asked")
        terminalreporter.write_line(plain(results.outcomes))
