"""Runs in, a table to read in a terminal out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.events import ProviderFailed
from bench.metrics.figures import run_figures
from bench.metrics.session import quantile
from bench.replay.comparison import Comparison
from bench.replay.runs import Run, Status, Verdict
from bench.report.telling import SIMULATED, cells, verdict_line, worst

MOST_FAILURES = 3  # of a run's providers, that are told
COLOURS: dict[Status, str] = {
    "pass": "green",
    "fail": "bold red",
    "inconclusive": "yellow",
    "void": "magenta",
}


def show(
    runs: Sequence[Run],
    across: Sequence[Verdict],
    comparison: Comparison | None,
    console: Console,
) -> None:
    """Print a line for every scenario and stack, what did not pass and why, and the sum."""
    stacks = {run.stack.name for run in runs}
    if len(stacks) == 1:
        console.print(f"stack: {escape(stacks.pop())}", style="dim")
    console.print(_table(runs))
    for run in runs:
        reasons = [run.void] * bool(run.void) + _failures(run)
        _print_reasons(run.name, reasons, run.verdicts, console)
    _print_reasons("across repeats", [], across, console)
    if comparison is not None:
        console.print(escape(comparison.text()), soft_wrap=True)
    if any(run.simulated for run in runs):
        console.print(SIMULATED, style="dim")
    console.print(_sum(runs))


def _table(runs: Sequence[Run]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    several = len({run.stack.name for run in runs}) > 1
    for heading in ("scenario", "stack") if several else ("scenario",):
        table.add_column(heading, overflow="fold")
    for heading in ("runs", "turns", "v2v p50 ms", "stop p50 ms"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for scenario, stack, group in cells(runs):
        status = worst(run.status for run in group)
        figures = [run_figures(run.trace) for run in group]
        turns = sum(figure.bot_turns for figure in figures)
        waits = [response.v2v for figure in figures for response in figure.responses]
        stops = [stop.latency for figure in figures for stop in figure.stops]
        names = (scenario, stack) if several else (scenario,)
        numbers = (str(len(group)), str(turns), _middle(waits), _middle(stops))
        table.add_row(*map(escape, names), *numbers, f"[{COLOURS[status]}]{status}[/]")
    return table


def _middle(seconds: Iterable[float | None]) -> str:
    """The median in milliseconds; a dash when there is nothing to take it of."""
    middle = quantile(sorted(value for value in seconds if value is not None), 0.5)
    return "–" if middle is None else f"{middle * 1000:.0f}"


def _failures(run: Run) -> list[str]:
    """The first failures of providers in a run that did not pass: of all else, often the reason."""
    if run.status == "pass":
        return []
    told = (f"{one.provider}: {one.kind}: {one.message}" for one in run.trace.of(ProviderFailed))
    return list(dict.fromkeys(told))[:MOST_FAILURES]


def _print_reasons(
    name: str, reasons: list[str], verdicts: Iterable[Verdict], console: Console
) -> None:
    reasons += [verdict_line(verdict) for verdict in verdicts if verdict.status != "pass"]
    if reasons:
        console.print(escape(name), style="bold")
        for reason in reasons:
            console.print(f"  {escape(reason)}", soft_wrap=True)


def _sum(runs: Sequence[Run]) -> str:
    return ", ".join(_counted(runs)) or "nothing was played"


def _counted(runs: Sequence[Run]) -> Iterator[str]:
    for status, colour in COLOURS.items():
        if count := sum(run.status == status for run in runs):
            yield f"[{colour}]{count} {status}[/]"
    played = sum(len(run.user_pcm) for run in runs) / 32_000
    took = sum(run.wall_seconds for run in runs)
    if took:
        yield f"{played:.0f} s of conversation in {took:.1f} s ({played / took:.0f} × real time)"
