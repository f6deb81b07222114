"""Results of the contract suite in, a table of checks and providers out.

`python -m tests.contracts.table` asks the whole suite and writes the table into docs/providers.md.
A provider whose SDK wants an environment of its own is asked there, by that environment's Python.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest

from bench.providers.known import ROLES, Role
from tests.contracts.case import Case, cases

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LEGACY = ROOT / ".venv-legacy" / "bin" / "python"  # as `make test` makes it
LEGACY_CASES = "playht or legacy"
DOCUMENT = ROOT / "docs" / "providers.md"
BEGIN = "<!-- the table of the contract suite: written by `python -m tests.contracts.table` -->"
END = "<!-- end of the table -->"
MODULES = ("transcriber", "agent", "voice", "conversation", "provider")
TITLES: Mapping[Role, str] = {
    "transcriber": "Transcribers",
    "llm": "Language models",
    "voice": "Voices",
}
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
MARKS = {PASSED: "✓", FAILED: "✗"}


class Asked(NamedTuple):
    """A check, asked of a case."""

    role: str
    case: str
    check: str


class Outcome(NamedTuple):
    """What came of it: passed, failed, or skipped and why."""

    status: str
    reason: str = ""


Outcomes = dict[Asked, Outcome]


class Results:
    """Collects the reports of a run, as a plugin of pytest or for one."""

    def __init__(self) -> None:
        self.outcomes: Outcomes = {}

    def __bool__(self) -> bool:
        return bool(self.outcomes)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note one report, of whatever part of a test."""
        if report.when == "call" or report.outcome != PASSED:
            told = report.longrepr
            reason = told[2].removeprefix("Skipped: ") if isinstance(told, tuple) else ""
            self.note(dict(report.user_properties), report.outcome, reason)

    def note(self, about: Mapping[str, Any], status: str, reason: str) -> None:
        """Note an outcome; a check of several parts has failed when one of them has."""
        if "check" not in about:
            return
        asked = Asked(str(about["role"]), str(about["case"]), str(about["check"]))
        before = self.outcomes.get(asked)
        if before is None or before.status != FAILED:
            self.outcomes[asked] = Outcome(status, reason)


def checks() -> Iterator[tuple[str, Case]]:
    """Every check and whom it is asked of, in order, without asking."""
    for name in MODULES:
        module = importlib.import_module(f"tests.contracts.test_every_{name}")
        for attribute, function in vars(module).items():
            if attribute.startswith("test_"):
                for case in _parameters(function):
                    yield attribute.removeprefix("test_"), case


def _parameters(function: Any) -> Sequence[Case]:
    marks = getattr(function, "pytestmark", ())
    return next((mark.args[1] for mark in marks if mark.args and mark.args[0] == "case"), ())


def shape(role: Role) -> tuple[list[str], list[str]]:
    """The rows (checks) and columns (cases) of a role's table."""
    asked = [(check, case.name) for check, case in checks() if case.role == role]
    names = [case.name for case in cases(role)]
    return list(dict.fromkeys(check for check, _ in asked)), names


def markdown(outcomes: Mapping[Asked, Outcome]) -> str:
    """A table for each role; what was not asked has a number, and its reason stands below."""
    return "\n\n".join(_table(role, outcomes) for role in ROLES if cases(role))


def _table(role: Role, outcomes: Mapping[Asked, Outcome]) -> str:
    rows, columns = shape(role)
    reasons = dict[str, int]()
    gaps = {(case.name, check): told for case in cases(role) for check, told in case.gaps.items()}

    def cell(name: str, check: str) -> str:
        nothing = Outcome(SKIPPED, gaps.get((name, check), "not asked"))
        status, reason = outcomes.get(Asked(role, name, check), nothing)
        reason = gaps.get((name, check), reason)
        if status in MARKS:
            return MARKS[status]
        return f"({reasons.setdefault(reason, len(reasons) + 1)})"

    lines = [_row([TITLES[role], *columns]), _row(["---"] + [":-:"] * len(columns))]
    lines += [_row([title(check), *(cell(name, check) for name in columns)]) for check in rows]
    notes = [f"{number}. {reason}" for reason, number in reasons.items()]
    return "\n".join([*lines, *(["", *notes] if notes else [])])


def _row(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"


def title(check: str) -> str:
    """A check as a reader sees it."""
    words = check.replace("_", " ")
    return words[0].upper() + words[1:]


def plain(outcomes: Mapping[Asked, Outcome]) -> str:
    """The same for the terminal, of what was asked."""
    lines = list[str]()
    for role in ROLES:
        rows, columns = shape(role)
        columns = [name for name in columns if any(a[:2] == (role, name) for a in outcomes)]
        if not columns:
            continue
        lines += ["", f"{TITLES[role]}: {' · '.join(columns)}"]
        for check in rows:
            found = [outcomes.get(Asked(role, name, check)) for name in columns]
            marks = "  ".join(MARKS.get(one.status, "–") if one else " " for one in found)
            lines.append(f"  {marks}  {title(check)}")
    return "\n".join(lines)


def write(table: str) -> None:
    """Put the table between its marks in the document."""
    text = DOCUMENT.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", "utf-8")


def main() -> int:
    """Ask in both environments, and write; 0 when all is well."""
    code, outcomes = ask(sys.executable, "-n", "logical")
    legacy_code, others = ask(str(LEGACY), "-k", LEGACY_CASES)
    for asked, outcome in others.items():
        if outcome.status != SKIPPED or asked not in outcomes:
            outcomes[asked] = outcome
    write(markdown(outcomes))
    return code or legacy_code


def ask(python: str, *options: str) -> tuple[int, Outcomes]:
    """Run the suite, or some of it, in a process of its own."""
    files = [str(HERE / f"test_every_{name}.py") for name in MODULES]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reports.xml"
        command = [python, "-m", "pytest", "-q", f"--junitxml={path}", *options, *files]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        return code, outcomes_in(ElementTree.parse(path))


def outcomes_in(reports: ElementTree.ElementTree[Any]) -> Outcomes:
    """What came of each check, of a run's reports as JUnit has them."""
    results = Results()
    for test in reports.iter("testcase"):
        skipped = test.find("skipped")
        failed = test.find("failure") is not None or test.find("error") is not None
        about = {one.get("name", ""): one.get("value", "") for one in test.iter("property")}
        status = FAILED if failed else PASSED if skipped is None else SKIPPED
        results.note(about, status, "" if skipped is None else skipped.get("message", ""))
    return results.outcomes


if __name__ == "__main__":
    sys.exit(main())
