"""Runs in, pictures out: what the replay tab shows of them, drawn by its own process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench.metrics.barge_in import stops
from bench.metrics.cutoffs import cuts
from bench.metrics.reading import Reading, read
from bench.metrics.response import responses
from bench.replay.runs import Run
from bench.report import style
from bench.report.charts.interrupts import interrupt_raster
from bench.report.charts.timeline import timeline
from bench.report.charts.turns import waterfall
from bench.report.tidy import frames

WIDE_INCHES, NARROW_INCHES = 11.0, 8.0
SECONDS_AN_INCH = 4.0  # of a timeline, before it grows wider than the page
WIDEST_INCHES = 30.0
MOST_TURNS = 20

Drawn = tuple[str, str, str]  # a file, what it shows, that in words


def pictures(run: Run, into: Path) -> list[Drawn]:
    """Draw a run as PNG files: the timeline always, the others where there is something to draw."""
    told = read(run.trace)
    interrupts = [stop for stop in stops(told) if stop.role == "interrupt"]
    drawn = [_timeline(run, told, len(interrupts), into)]
    if any(told.ended_speaking(turn) is not None for turn in told.turns):
        drawn.append(_waterfall(run, told, into))
    if interrupts:
        size = NARROW_INCHES, 1.7 + 0.4 * len(interrupts)
        _save(into / "interrupts.png", size, lambda ax: interrupt_raster([run], ax))
        in_words = f"Times to silence: {_figures(stop.latency for stop in interrupts)}."
        drawn.append(("interrupts.png", "How the bot stopped", in_words))
    return drawn


def cut_offs(run: Run) -> list[dict[str, str]]:
    """The answers that were cut off: what was intended, what was heard, what the agent was told."""
    return [
        {"intended": cut.intended, "heard": cut.heard or "", "context": cut.context}
        for cut in cuts(run.trace)
    ]


def _timeline(run: Run, told: Reading, interrupts: int, into: Path) -> Drawn:
    began, ended = told.span
    seconds = ended - began
    wide = min(max(WIDE_INCHES, seconds / SECONDS_AN_INCH), WIDEST_INCHES)
    _save(into / "timeline.png", (wide, 4.6), lambda ax: timeline(run, ax))
    turns = len(told.turns)
    in_words = f"{seconds:.1f} seconds: {_count(turns, 'turn')}, {_count(interrupts, 'interrupt')}."
    return "timeline.png", "What was said, understood, played and heard", in_words


def _waterfall(run: Run, told: Reading, into: Path) -> Drawn:
    spans = frames([run]).spans
    size = NARROW_INCHES, 1.5 + 0.5 * min(len(told.turns), MOST_TURNS)
    _save(into / "waterfall.png", size, lambda ax: waterfall(spans, ax, most=MOST_TURNS))
    waits = _figures(response.v2v for response in responses(told))
    return "waterfall.png", "What each answer waited for", f"Voice to voice: {waits}."


def _save(file: Path, inches: tuple[float, float], draw: Callable[[Any], Any]) -> None:
    with style.figure(*inches) as (made, ax):
        draw(ax)
        made.savefig(file)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _figures(seconds: Iterable[float | None]) -> str:
    known = [f"{1000 * each:.0f} ms" for each in seconds if each is not None]
    return ", ".join(known) or "no data"
