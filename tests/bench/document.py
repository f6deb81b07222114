"""Figures in, `docs/performance.md` out: the tables between its two markers."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench import table
from tests.bench.figures import Figure

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by `make bench` -->", "<!-- end of figures -->"


def update(machine: str, tables: Mapping[str, Sequence[Figure]], page: Path = PAGE) -> None:
    """Put these tables in place of the page's.

    Raises:
        ValueError: the page has not both markers.
    """
    text = page.read_text("utf-8")
    before, began, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (began and ended):
        raise ValueError(f"{page.name} must hold the lines {BEGIN!r} and {END!r}")
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    told = [f"Measured on {day}: {machine}.", *(f"- {note}." for note in table.footnotes())]
    parts = ["\n".join([told[0], "", *told[1:]]), _misses(tables)]
    parts += [table.markdown(title, figures) for title, figures in tables.items()]
    page.write_text("\n\n".join([before + BEGIN, *parts, END + after]), "utf-8")


def _misses(tables: Mapping[str, Sequence[Figure]]) -> str:
    """The goals that are missed, first of all."""
    missed = [f for figures in tables.values() for f in figures if f.met is False]
    goals = sum(f.met is not None for figures in tables.values() for f in figures)
    lines = [f"{goals - len(missed)} of {goals} goals are met; missed are:" if missed
             else f"All {goals} goals are met."]  # fmt: skip
    lines += [
        f"- {f.name} ({f.clock} clock): {table.number(f.value)} {f.unit}, goal {f.goal}"
        for f in missed
    ]
    return "\n".join([lines[0], *(["", *lines[1:]] if missed else [])])
