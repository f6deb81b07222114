"""The library in, the table of `docs/library.md` out: `python -m tests.replay.library_page`."""

from __future__ import annotations

import re
from pathlib import Path

from bench.replay.reading import read_all
from bench.replay.scenario import Scenario
from tests.replay.broken_engines import BREAKS
from tests.replay.digests import LIBRARY

PAGE = LIBRARY.parent / "docs" / "library.md"
HEAD = "| file | what happens | what it asks | broken engine | turns red |"
_MARKED = re.compile(r"(<!-- library -->\n).*?(<!-- end -->)", re.DOTALL)


def rewritten(page: str) -> str:
    """A page with the table of the library as it is, between its marks."""
    return _MARKED.sub(lambda found: f"{found[1]}\n{table()}\n\n{found[2]}", page)


def table() -> str:
    """A row for each file: its title, its question, and what turns it red."""
    rows = [_row(scenario) for scenario in read_all([LIBRARY])]
    return "\n".join([HEAD, "| --- | --- | --- | --- | --- |", *rows])


def _row(scenario: Scenario) -> str:
    assert scenario.path is not None
    file = scenario.path.relative_to(LIBRARY).as_posix()
    smoke = " (smoke)" if "smoke" in scenario.tags else ""
    broken = BREAKS[scenario.id]
    link = f"[{file.removesuffix('.yaml')}](../scenarios/{file}){smoke}"
    cells = (link, scenario.title, question(scenario.path), broken.what, f"`{broken.expectation}`")
    return f"| {' | '.join(cells)} |"


def question(path: Path) -> str:
    """The comment that a file begins with."""
    lines: list[str] = []
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").rstrip())
    return " ".join(lines)


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text("utf-8")), "utf-8")
