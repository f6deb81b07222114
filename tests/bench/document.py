"""Figures in, `docs/performance.md` out: the tables between its two markers."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench import table
from tests.bench.figures import Figure

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by `make bench` -->", "<!-- end of figures -->"
MISSED = table.MARKS[False]


def section(machine: str, figures: Sequence[Figure]) -> str:
    """One table, and when and on what it was measured."""
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    return f"Measured on {day}: {machine}.\n\n{table.markdown(figures)}"


def update(sections: Mapping[str, str], titles: Sequence[str], page: Path = PAGE) -> None:
    """Put these sections in their places; what was not measured anew stays as it was.

    Raises:
        ValueError: the page has not both markers.
    """
    before, began, rest = page.read_text("utf-8").partition(BEGIN)
    inside, ended, after = rest.partition(END)
    if not (began and ended):
        raise ValueError(f"{page.name} must hold the lines {BEGIN!r} and {END!r}")
    found = re.findall(r"(?ms)^### (.*?)\n\n(.*?)\s*(?=^### |\Z)", inside)
    kept = dict(found) | dict(sections)
    tables = [f"### {title}\n\n{kept[title]}" for title in titles if title in kept]
    notes = "\n".join(f"- {note}." for note in table.footnotes())
    parts = [before + BEGIN, notes, _misses("\n".join(tables)), *tables, END + after]
    page.write_text("\n\n".join(parts), "utf-8")


def _misses(tables: str) -> str:
    """The goals that are missed, before all else."""
    rows = [re.split(r" *\| *", line)[1:-1] for line in tables.splitlines() if line[:2] == "| "]
    goals = [row for row in rows if row[6][:2] in ("<=", ">=")]
    missed = [row for row in goals if row[7] == MISSED]
    if not missed:
        return f"All {len(goals)} goals are met."
    lines = [f"{len(goals) - len(missed)} of {len(goals)} goals are met. Missed are:", ""]
    for name, clock, value, unit, _, _, goal, *_ in missed:
        lines.append(f"- {name} ({clock} clock): {value} {unit}, goal {goal}")
    return "\n".join(lines)
