"""Interrupts in, how fast the bot fell silent out, and at what price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bench.audio import SAMPLE_RATE
from bench.metrics.barge_in import YIELD_SECONDS, Stop, stops
from bench.metrics.reading import FALSE_ROLES, read
from bench.metrics.session import quantile
from bench.metrics.statistics import kaplan_meier, stopped_by, wilson
from bench.replay.runs import Run
from bench.report import style
from bench.report.picking import Look, groups, known, records, total, where
from bench.report.spans import settings
from bench.report.tidy import frames

BIN_SECONDS = 0.01
AUDIBLE_DB = (-50.0, -12.0)  # of full scale: white and black
NAMED_ROWS = 24
PARTS = {"detect": style.GREEN, "decide": style.PURPLE, "flush": style.VERMILLION}


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the raster: its run and step, its stop, the bot's level in each bin."""

    of: tuple[Run, str]
    stop: Stop
    level: np.ndarray


def interrupt_raster(
    runs: Sequence[Run],
    ax: Axes,
    *,
    before: float = 0.5,
    after: float = 1.5,
    roles: Sequence[str] = ("interrupt",),
) -> Axes:
    """A line for each time the user cut in, its first sound at 0: the bot's voice in grey, and when
    the sound was noticed, the interrupt decided, the last sample heard. Fastest first; those that
    did not stop the bot come last, with an arrow."""
    lines = [line for run in runs for line in _lines(run, before, after, roles)]
    table = where(frames(runs).interrupts, lambda row: row["role"] in roles)
    if not lines:
        return style.footer(style.nothing(ax), table, "interrupts")
    lines.sort(key=lambda line: (line.stop.censored, line.stop.latency or line.stop.bound))
    low, high = AUDIBLE_DB
    levels = np.vstack([line.level for line in lines])
    extent = (-before * 1000, after * 1000, len(lines) - 0.5, -0.5)
    ax.imshow(levels, cmap="Greys", vmin=low, vmax=high + 8, aspect="auto", extent=extent,
              interpolation="nearest")  # fmt: skip
    for place, line in enumerate(lines):
        _marks(ax, place, line.stop, after)
    ax.axvline(0, color=style.BLUE, linewidth=1.2)
    named = len(lines) <= NAMED_ROWS
    ax.set_yticks(range(len(lines)), _names(lines) if named else [])
    ax.tick_params(axis="y", length=0, labelsize=7)
    ax.set_xlabel("milliseconds after the user's first sound")
    made = {"u_on": Line2D([], [], color=style.BLUE)}
    made |= {name: _tick(colour) for name, colour in _MARKED.items()}
    made |= {"bot's voice": "#777777"}
    if any(line.stop.censored for line in lines):
        made["not stopped"] = Line2D([], [], ls="none", marker=">", color=style.FAINT)
    style.key(ax, made)
    return style.footer(ax, table, "interrupts", n=len(lines))


def interrupt_histogram(interrupts: pd.DataFrame, ax: Axes) -> Axes:
    """How the time from the user's first sound to the bot's last is made up: the counts of
    `detect`, `decide` and `flush`, each with its median.

    A flush below 0 is a bot that was paused before it was decided to interrupt it.
    """
    cut = where(interrupts, lambda row: row["role"] == "interrupt" and not row["censored"])
    rows = {name: [1000 * s for s in known(cut, f"{name}_seconds")] for name in PARTS}
    every = [value for values in rows.values() for value in values]
    if not every:
        return style.footer(style.nothing(ax), cut, "interrupts")
    edges = np.histogram_bin_edges(every, bins=min(40, max(10, len(every))))
    highest = max(np.histogram(values, edges)[0].max() for values in rows.values())
    for place, (name, values) in enumerate(rows.items()):
        counts, _ = np.histogram(values, edges)
        ax.bar(edges[:-1], counts / highest * 0.8, np.diff(edges), bottom=-place, align="edge",
               color=PARTS[name], alpha=0.75, ec="white", lw=0.3)  # fmt: skip
        ax.axhline(-place, color=style.RULE, linewidth=0.7)
        middle = quantile(sorted(values), 0.5)
        if middle is not None:
            ax.vlines(middle, -place, -place + 0.84, color=style.INK, linewidth=1)
            look: Look = {"fontsize": 7.5, "va": "top", "path_effects": style.HALO}
            ax.text(middle, -place + 0.86, f" median {middle:.0f} ms".replace("-", "−"), **look)
    if edges[0] < 0:
        ax.axvline(0, color=style.FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
    ax.set_yticks([-k + 0.3 for k in range(len(PARTS))], list(PARTS))
    ax.set_ylim(-len(PARTS) + 0.9, 0.95)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("milliseconds" + " (below 0: silent before it was decided)" * bool(edges[0] < 0))
    return style.footer(ax, cut, "interrupts that stopped the bot")


def stop_curve(interrupts: pd.DataFrame, ax: Axes, *, by: str = "policy") -> Axes:
    """The share of interrupts by which the bot was silent within a time, a curve for each `by`
    (Kaplan and Meier, with the pointwise 95 % band): one that never stopped the bot counts as long
    as it was seen to go on."""
    cut = where(interrupts, lambda row: row["role"] == "interrupt")
    made: dict[str, Line2D | str] = {}
    edge = _edge(cut)
    for k, (name, rows) in enumerate(groups(cut, by)):
        observed = _observed(rows)
        points = kaplan_meier(observed)
        last = max(seconds for seconds, _ in observed)
        at = [0.0, *(point.value * 1000 for point in points), max(edge, 1000 * last)]
        colour = style.SERIES[k % len(style.SERIES)]
        shares = [[getattr(p, name) for p in points] for name in ("share", "low", "high")]
        share, low, high = ([0.0, *s, s[-1] if s else 0.0] for s in shares)
        (line,) = ax.step(at, share, where="post", color=colour, linewidth=style.thickness(k))
        ax.fill_between(at, low, high, step="post", color=colour, alpha=0.13, linewidth=0)
        lost = sum(not stopped for _, stopped in observed)
        made[f"{name} (n = {len(rows)}{f', {lost} not stopped' * bool(lost)})"] = line
    if not made:
        return style.footer(style.nothing(ax), cut, "interrupts")
    ax.set(xlim=(0, edge), ylim=(0, 1.02), ylabel="share silent")
    ax.set_xlabel("milliseconds after the user's first sound")
    ax.grid(visible=True)
    style.key(ax, {**made, "95 % pointwise band": "#e4e4e4"}, columns=1)
    return style.footer(ax, cut, "interrupts")


def trade_off(
    runs: pd.DataFrame, interrupts: pd.DataFrame, ax: Axes, *, by: str = "policy"
) -> Axes:
    """For each `by`: how fast the bot stops for an interrupt (median) against how often it stops
    for what is none (a cough, an "mm-hm"), with Wilson's 95 % interval. Best is below and left."""
    points = [
        (str(name), rows, _middle_stop(where(interrupts, lambda row, name=name: row[by] == name)))
        for name, rows in groups(runs, by)
        if total(rows, "false_stops_of")
    ]
    if not points:
        return style.footer(style.nothing(ax), runs, "runs")
    middles = [middle * 1000 for *_, middle in points if middle is not None]
    edge = max(middles, default=500.0) * 1.5 + 50
    for k, (name, rows, middle) in enumerate(points):
        some, of = int(total(rows, "false_stops")), int(total(rows, "false_stops_of"))
        at = edge if middle is None else middle * 1000
        _point(ax, at, (some, of), style.SERIES[k % len(style.SERIES)], whole=middle is not None)
        text = style.legible(f"{name}{': no stop' * (middle is None)}\n{some} of {of}")
        side: Look = {"xytext": (-9 if middle is None else 9, 9), "textcoords": "offset points"}
        side |= {"ha": "right" if middle is None else "left", "va": "center"}
        ax.annotate(text, (at, some / of * 100), **side, fontsize=8, path_effects=style.HALO)
    ax.set(xlim=(0, edge * 1.02), ylim=(-4, 104), ylabel="false stops, %")
    ax.grid(visible=True)
    ax.set_xlabel("median from the user's first sound to silence, milliseconds")
    return style.footer(ax, runs, "runs")


def _point(ax: Axes, at: float, share: tuple[int, int], colour: str, *, whole: bool) -> None:
    bounds = wilson(*share)
    assert bounds is not None
    percent = 100 * share[0] / share[1]
    reach = [[percent - 100 * bounds.low], [100 * bounds.high - percent]]
    look: Look = {"color": colour, "capsize": 3, "ms": 7, "mfc": colour if whole else "white"}
    ax.errorbar(at, percent, yerr=np.abs(reach), fmt="o", clip_on=False, **look)


def _edge(interrupts: pd.DataFrame) -> float:
    """Milliseconds up to which stops are drawn: a little beyond the last one, at least 2 s."""
    stops = known(interrupts, "latency_seconds")
    return 1000 * max([YIELD_SECONDS, *(1.1 * seconds for seconds in stops)])


_MARKED = {"detect": style.GREEN, "decided": style.PURPLE, "p_stop": style.VERMILLION}


def _tick(colour: str) -> Line2D:
    return Line2D([], [], linestyle="none", marker="|", ms=9, mew=2.2, color=colour)


def _names(lines: Sequence[_Line]) -> list[str]:
    """Of each line: its scenario, step and repeat, and whatever else is not the same for all."""
    told = []
    for run, step in (line.of for line in lines):
        policy = str(settings(run.trace).get("barge_in", ""))
        told.append((run.stack.name, policy, f"{run.scenario.id} {step} #{run.repeat}"))
    differ = [len(set(values)) > 1 for values in zip(*told, strict=True)]
    differ[-1] = True
    shown = (
        ", ".join(p for p, differs in zip(parts, differ, strict=True) if differs) for parts in told
    )
    return [style.legible(name) for name in shown]


def _lines(run: Run, before: float, after: float, roles: Sequence[str]) -> list[_Line]:
    told = read(run.trace)
    found = list[_Line]()
    for stop in stops(told):
        step = told.step(stop.step)
        if step is not None and stop.role in roles:
            since = step.began_at - before - (told.mic_at or 0.0)
            level = _level(run.bot_pcm, since, before + after)
            found.append(_Line((run, stop.step), stop, level))
    return found


def _level(pcm: bytes, since: float, seconds: float) -> np.ndarray:
    """The level in dBFS of each bin, silence outside the recording."""
    size, bins = int(BIN_SECONDS * SAMPLE_RATE), round(seconds / BIN_SECONDS)
    samples = np.frombuffer(pcm[: len(pcm) & ~1], dtype="<i2").astype(np.float64)
    first = round(since * SAMPLE_RATE)
    low, high = max(first, 0), min(first + size * bins, samples.size)
    wanted = np.zeros(size * bins)
    if low < high:
        wanted[low - first : high - first] = samples[low:high]
    rms = np.sqrt((wanted.reshape(bins, size) ** 2).mean(axis=1)) / 32768
    return 20 * np.log10(rms.clip(min=1e-6))


def _marks(ax: Axes, place: int, stop: Stop, after: float) -> None:
    if stop.censored:
        ax.plot(min(stop.bound, after) * 1000, place, ">", color=style.FAINT, ms=5, clip_on=False)
        return
    at = {"p_stop": stop.latency, "detect": stop.detect}
    if stop.detect is not None and stop.decide is not None:
        at["decided"] = stop.detect + stop.decide
    for name, seconds in at.items():
        if seconds is not None and seconds <= after:
            half = 0.42 if name == "p_stop" else 0.28
            look: Look = {"color": _MARKED[name], "linewidth": 2.2, "zorder": 3}
            ax.vlines(seconds * 1000, place - half, place + half, **look)


def _middle_stop(interrupts: pd.DataFrame) -> float | None:
    """The median stop, which interrupts that stopped nothing delay."""
    cut = where(interrupts, lambda row: row["role"] not in ("", *FALSE_ROLES))
    return stopped_by(kaplan_meier(_observed(cut)), 0.5)


def _observed(interrupts: pd.DataFrame) -> list[tuple[float, bool]]:
    """Seconds, and whether the bot stopped then or was only seen to go on for so long."""
    return [
        (
            max(0.0, row["bound_seconds" if row["censored"] else "latency_seconds"]),
            not row["censored"],
        )
        for row in records(interrupts)
    ]
