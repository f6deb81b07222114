"""Figures in, a table to read out: on the terminal or in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.figures import Figure
from tests.bench.peers import RAW, SOURCE, beside

HEADS = ("figure", "clock", "ours", "unit", "raw", "× raw", "goal", "")
MARKS = {True: "met", False: "MISSED", None: ""}
CLOCKS = (
    "clocks: core = CPU time of the main thread + the sleeps the loop asks for (a dedicated core); "
    "wall = this machine as busy as it is; virtual = a clock that jumps; process = as the system "
    "counts"
)
MEMORY = "gc.collect(); gc.freeze() once at start, as the server does; the collector stays on"


def number(value: float) -> str:
    """Three significant digits, whole numbers as they are."""
    if value == round(value) and abs(value) < 1e6:
        return str(round(value))
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def cells(figure: Figure) -> tuple[str, ...]:
    """One row, as `HEADS` has it."""
    return (
        figure.name,
        figure.clock,
        number(figure.value),
        figure.unit,
        "" if figure.raw is None else number(figure.raw),
        "" if figure.ratio is None else f"{figure.ratio:.2g}",
        figure.goal or "",
        MARKS[figure.met],
    )


def rest(figure: Figure) -> str:
    """The note and what the peers need for it, on one line."""
    peers = ", ".join(f"{name} {text}" for name, text in beside(figure.key).items())
    return "; ".join(part for part in (figure.note, f"peers: {peers}" if peers else "") if part)


def plain(title: str, figures: Sequence[Figure]) -> str:
    """A table for the terminal."""
    rows = [HEADS, *map(cells, figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    lines = [title, _aligned(HEADS, widths)]
    for figure, row in zip(figures, rows[1:], strict=True):
        lines.append(_aligned(row, widths))
        if text := rest(figure):
            lines.append(f"      {text}")
    return "\n".join(lines)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    left = [f"{row[i]:<{widths[i]}}" for i in (0, 1)]
    right = [f"{row[2]:>{widths[2]}}", f"{row[3]:<{widths[3]}}"]
    right += [f"{row[i]:>{widths[i]}}" for i in range(4, len(row))]
    return "  ".join([*left, *right]).rstrip()


def markdown(figures: Sequence[Figure]) -> str:
    """The same for `docs/performance.md`, a column for each peer."""
    peers = list(dict.fromkeys(p for f in figures for p in beside(f.key)))
    heads = [*HEADS[:-1], "met", *("raw, there" if peer == RAW else peer for peer in peers)]
    lines = [_row(heads), _row(["---"] * len(heads))]
    for figure in figures:
        them = beside(figure.key)
        lines.append(_row([*cells(figure), *(them.get(peer, "") for peer in peers)]))
    notes = [f"- {f.name}: {f.note}" for f in figures if f.note]
    return "\n".join([*lines, *(["", *notes] if notes else [])])


def _row(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"


def footnotes() -> list[str]:
    """What a reader of any of the tables must know."""
    return [CLOCKS, MEMORY, SOURCE]
