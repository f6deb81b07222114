"""Turns in, where their time went and how it is spread out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator
from matplotlib.transforms import Transform

from bench.metrics.session import quantile
from bench.metrics.statistics import ecdf, minimum_n, quantile_interval
from bench.report import style
from bench.report.picking import Look, column, groups, known, records, together, where

ONE_TURN = ["scenario", "stack", "repeat", "seed", "turn"]
STAGE_LANES = ("endpoint", "model", "synthesis", "playing")
TICKS = (-1, -0.5, -0.2, 0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20, 30, 60)
LINES = ("-", "--", "-.", ":")


def waterfall(spans: pd.DataFrame, ax: Axes, *, most: int = 12) -> Axes:
    """What worked when for each turn: `Frames.spans`, in seconds after the end of the speech.

    Each stage has a line of its own, so that stages which overlap are seen to. The figure beside
    the first sound of an answer is the wait for it. Only the first `most` turns are drawn.
    """
    known = where(spans, lambda row: row["after_seconds"] == row["after_seconds"])
    turns = groups(known, ONE_TURN, sort=False)
    if not turns:
        return style.footer(style.nothing(ax), spans, "turns")
    shown = turns[:most]
    starts = [_wait(rows) for _, rows in shown]
    for place, (_, rows) in enumerate(shown):
        _stages(ax, -place, rows)
    edge = max([start for start in starts if start is not None] + [style.LATE_SECONDS]) * 1.12 + 0.1
    ax.set_xlim(min([0.0, *column(known, "after_seconds")]) - 0.03 * edge, edge)
    _waits(ax, starts)
    ax.set_yticks([-k for k in range(len(shown))], [f"turn {name[-1]}" for name, _ in shown])
    several = _name_runs(ax, [name[:-1] for name, _ in shown])
    ax.set_ylim(-len(shown) + 0.45, 0.9 if several else 0.55)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("seconds after the end of the user's speech")
    style.guides(ax)
    style.key(ax, style.STAGES)
    left_out = f" ({len(turns) - most} more not drawn)" if len(turns) > most else ""
    rows = together([rows for _, rows in shown])
    return style.footer(ax, rows, f"turns{left_out}", n=len(shown))


def latency_ecdf(
    turns: pd.DataFrame, ax: Axes, *, figure: str = "v2v_seconds", by: str = "stack"
) -> Axes:
    """The share of turns answered within a time, a curve for each `by`, with Wilson's pointwise
    95 % band. A turn without an answer never comes, so its curve ends below 1. Withdrawn turns want
    none."""
    wanted = where(turns, lambda row: not row.get("withdrawn"))
    found = [(str(name), _values(rows, figure)) for name, rows in groups(wanted, by)]
    if not any(map(math.isfinite, (value for _, values in found for value in values))):
        return style.footer(style.nothing(ax), wanted, "turns")
    edge = max(v for _, values in found for v in values if math.isfinite(v)) * 1.25
    for k, (name, values) in enumerate(found):
        _curve(ax, values, edge, _counted(name, values), k)
    _seconds_axis(ax, [v for _, values in found for v in values if math.isfinite(v)], edge)
    ax.set_ylim(0, 1.02)
    ax.set_ylabel("share of turns")
    ax.grid(visible=True)
    ax.set_xlabel(f"{_named(figure)}, seconds")
    style.guides(ax, below=True)
    lines = {str(line.get_label()): line for line in ax.get_lines()}
    lines = {name: line for name, line in lines.items() if not name.startswith("_")}
    style.key(ax, {**lines, "95 % pointwise band": "#e4e4e4"}, columns=1)
    return style.footer(ax, wanted, "turns")


def dumbbell(
    turns: pd.DataFrame, ax: Axes, *, figure: str = "v2v_seconds", by: str = "stack"
) -> Axes:
    """From p50 (full) to p95 (hollow) for each `by`, fastest first; ticks bound the 95 % intervals
    that hold for any distribution, where there are turns enough for one."""
    found = [(str(name), sorted(known(rows, figure))) for name, rows in groups(turns, by)]
    found = sorted((g for g in found if g[1]), key=lambda g: (quantile(g[1], 0.5) or 0.0, g[0]))
    if not found:
        return style.footer(style.nothing(ax), turns, "turns")
    for place, (_, values) in enumerate(found):
        _bell(ax, -place, values)
    _seconds_axis(ax, [v for _, values in found for v in values], None)
    ax.set_yticks([-k for k in range(len(found))], [_bell_name(*group) for group in found])
    ax.set_ylim(-len(found) + 0.4, 0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=True, axis="x")
    style.guides(ax)
    ax.set_xlabel(f"{_named(figure)}, seconds")
    few = any(len(values) < minimum_n(0.95) for _, values in found)
    bounds = "95 % interval" + f" (p95: none below n = {minimum_n(0.95)})" * few
    dot: Look = {"color": style.BLUE, "linestyle": "none", "marker": "o", "mew": 1.6}
    bar = Line2D([], [], color=style.FAINT, linewidth=0.8, marker="|", ms=6)
    made = {"p50": Line2D([], [], **dot), "p95": Line2D([], [], mfc="white", **dot), bounds: bar}
    style.key(ax, made)
    return style.footer(ax, turns, "answers", n=sum(len(values) for _, values in found))


def _stages(ax: Axes, place: float, rows: pd.DataFrame) -> None:
    height = 0.19
    for row in records(rows):
        lane = place + 0.285 - height * STAGE_LANES.index(row["stage"])
        after = row["after_seconds"]
        width = max(row["until_seconds"] - after, 0.004)
        colour = style.STAGES[row["stage"]]
        ax.barh(lane, width, height, left=after, color=colour, ec="white", lw=0.4)


def _waits(ax: Axes, starts: Sequence[float | None]) -> None:
    for place, start in enumerate(starts):
        text = "no answer" if start is None else f"{start:.2f} s "
        at = ax.get_xlim()[1] if start is None else start
        look: Look = {"fontsize": 7, "color": style.INK, "path_effects": style.HALO}
        ax.text(at, -place - 0.285, text, ha="right", va="center", **look)


def _wait(rows: pd.DataFrame) -> float | None:
    starts = [row["after_seconds"] for row in records(rows) if row["stage"] == "playing"]
    return min(starts, default=None)


def _name_runs(ax: Axes, names: Sequence[tuple[object, ...]]) -> bool:
    """Say above the first turn of each run which run it is, unless there is only one."""
    if len(set(names)) < 2:
        return False
    for place, name in enumerate(names):
        if place == 0 or name != names[place - 1]:
            scenario, stack, repeat, _ = name
            text = style.legible(f"{scenario} · {stack} · repeat {repeat}")
            look: Look = {"fontsize": 7, "color": style.FAINT, "path_effects": style.HALO}
            ax.text(0.005, -place + 0.47, text, transform=_across(ax), va="center", **look)
            if place:
                ax.axhline(-place + 0.57, color=style.RULE, linewidth=0.6)
    return True


def _across(ax: Axes) -> Transform:
    """Shares of the axes from the left, the data's own height."""
    return ax.get_yaxis_transform()


def _values(rows: pd.DataFrame, figure: str) -> list[float]:
    """The values of a column, without end where there was no answer."""
    return [value if value == value else math.inf for value in map(float, column(rows, figure))]


def _counted(name: str, values: Sequence[float]) -> str:
    lost = sum(not math.isfinite(value) for value in values)
    return f"{name} (n = {len(values)}{f', {lost} never' * bool(lost)})"


def _curve(ax: Axes, values: Sequence[float], edge: float, label: str, place: int) -> None:
    points = [point for point in ecdf(values) if math.isfinite(point.value)]
    colour = style.SERIES[place % len(style.SERIES)]
    look: Look = {"color": colour, "linestyle": LINES[place // len(style.SERIES) % len(LINES)]}
    look |= {"linewidth": style.thickness(place), "label": label}
    if not points:
        ax.plot([], [], **look)
        return
    at = [points[0].value, *(p.value for p in points), edge]
    share = [0.0, *(p.share for p in points), points[-1].share]
    low = [0.0, *(p.low for p in points), points[-1].low]
    high = [0.0, *(p.high for p in points), points[-1].high]
    ax.step(at, share, where="post", **look)
    ax.fill_between(at, low, high, step="post", color=colour, alpha=0.13, linewidth=0)


def _bell(ax: Axes, place: float, values: Sequence[float]) -> None:
    ordered = sorted(values)
    middle, tail = quantile(ordered, 0.5), quantile(ordered, 0.95)
    assert middle is not None
    assert tail is not None
    ax.plot([middle, tail], [place, place], color=style.BLUE, linewidth=2, alpha=0.45, zorder=1)
    for at, share, fill in ((middle, 0.5, style.BLUE), (tail, 0.95, "white")):
        bounds = quantile_interval(ordered, share)
        if bounds is not None:
            offset = place - 0.2 if share == 0.5 else place + 0.2
            ends = [bounds.low, bounds.high]
            ax.plot(ends, [offset, offset], color=style.FAINT, linewidth=0.8, marker="|", ms=6)
        ax.plot(at, place, "o", ms=7, mfc=fill, mec=style.BLUE, mew=1.6, zorder=2)


def _bell_name(name: str, values: Sequence[float]) -> str:
    return f"{style.wrapped(name)}\nn = {len(values)}"


def _seconds_axis(ax: Axes, values: Sequence[float], edge: float | None) -> None:
    """A logarithmic axis of seconds; linear around 0 when an answer came early."""
    low, high = min(values), edge or max(values) * 1.15
    if low > 0:
        ax.set_xscale("log")
        ax.set_xlim(low * 0.7, max(high, style.LATE_SECONDS * 1.1))
    else:
        ax.set_xscale("symlog", linthresh=0.1)
        ax.set_xlim(low * 1.2 - 0.02, max(high, style.LATE_SECONDS * 1.1))
    left, right = ax.get_xlim()
    ax.set_xticks([tick for tick in TICKS if left <= tick <= right])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _named(figure: str) -> str:
    name = figure.removesuffix("_seconds").replace("_", " ")
    return {"v2v": "voice to voice"}.get(name, name)
