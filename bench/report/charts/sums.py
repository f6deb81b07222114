"""Sums in, comparisons out: A beside B, the seams of the voice, the money."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bench.report import style
from bench.report.picking import Look, column, groups, known, records, total

STAGES = {"stt": style.SKY, "llm": style.GREEN, "tts": style.PURPLE}
NOTICED = {"level_step_db": 1.0, "pitch_step_semitones": 1.0}


def forest(effects: pd.DataFrame, ax: Axes) -> Axes:
    """A beside B: the difference of each metric with its interval, its margin and its verdict.

    `effects` has the columns name, estimate, low, high, margin, status and, if wanted, n; all
    differences are in one unit, named in the column unit, and lower is better. Beyond the margin
    (the shade) is a regression.
    """
    if effects.empty:
        return style.footer(style.nothing(ax, "nothing was compared"), effects, "comparisons")
    rows = records(effects)
    for place, row in enumerate(rows):
        _effect(ax, -place, row)
    numbers = [row[name] for row in rows for name in ("low", "high", "margin", "estimate")]
    reach = max([abs(number) for number in numbers if number == number] + [1e-9])
    ax.set_xlim(-1.15 * reach, 1.15 * reach)
    ax.axvline(0, color=style.INK, linewidth=0.9)
    ax.set_yticks([-k for k in range(len(rows))], [_effect_name(row) for row in rows])
    ax.set_ylim(-len(rows) + 0.4, 0.6)
    ax.tick_params(axis="y", length=0)
    unit = rows[0].get("unit", "")
    ax.set_xlabel(f"better  ◂  difference{f', {unit}' * bool(unit)}  ▸  worse")
    present = {name: c for name, c in style.VERDICTS.items() if name in column(effects, "status")}
    style.key(ax, {**present, "beyond the margin": "#f7e3d7"})
    return style.footer(ax, effects, "comparisons")


def join_steps(joins: pd.DataFrame, ax: Axes, *, by: str = "stack") -> Axes:
    """Each seam between two synthesis calls by its step in level and in pitch; inside the frame
    are steps of less than 1 dB and 1 semitone."""
    if joins.empty:
        return style.footer(style.nothing(ax, "no seam was measured"), joins, "seams")
    level, pitch = NOTICED["level_step_db"], NOTICED["pitch_step_semitones"]
    ax.fill_between([-level, level], -pitch, pitch, color="#eef3ee", zorder=0)
    made: dict[str, Line2D | str] = {}
    for k, (name, rows) in enumerate(groups(joins, by)):
        colour = style.SERIES[k % len(style.SERIES)]
        look: Look = {
            "linestyle": "none",
            "marker": "osD^vP"[k % 6],
            "alpha": 0.65,
            "color": colour,
        }
        steps = (column(rows, "level_step_db"), column(rows, "pitch_step_semitones"))
        ax.plot(*steps, ms=5, mec="white", **look)
        made[f"{name} (n = {len(rows)})"] = Line2D([], [], **look)
    for axis, name in (("x", "level_step_db"), ("y", "pitch_step_semitones")):
        reach = max(1.3 * NOTICED[name], 1.15 * max(map(abs, known(joins, name)), default=0.0))
        ax.set(**{f"{axis}lim": (-reach, reach)})
    ax.axhline(0, color=style.RULE, linewidth=0.8, zorder=0.5)
    ax.axvline(0, color=style.RULE, linewidth=0.8, zorder=0.5)
    ax.set(xlabel="step in level, dB", ylabel="step in pitch, semitones")
    style.key(ax, {**made, "within 1 dB and 1 semitone": "#dfe9df"}, columns=1)
    return style.footer(ax, joins, "seams")


def cost_stack(runs: pd.DataFrame, ax: Axes, *, by: str = "stack") -> Axes:
    """US dollars a minute of conversation by stage, for each `by`, from list prices; the hatched
    end paid for words that nobody heard. A stack with an unknown price has no bar."""
    rows = [(str(name), _per_minute(some)) for name, some in groups(runs, by)]
    if not any(per_minute for _, per_minute in rows):
        return style.footer(style.nothing(ax, "no list price is known"), runs, "runs")
    for place, (_, per_minute) in enumerate(rows):
        _cost_bar(ax, -place, per_minute)
    ax.set_yticks([-k for k in range(len(rows))], [style.wrapped(name) for name, _ in rows])
    ax.set_ylim(-len(rows) + 0.4, 0.6)
    ax.margins(x=0.16)
    ax.set_xlim(left=0)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("US dollars a minute, list prices")
    waste = Patch(fc="white", ec=style.INK, hatch="////", lw=0.5)
    style.key(ax, {**STAGES, "never heard": waste})
    return style.footer(ax, runs, "runs")


def _effect(ax: Axes, place: float, row: Mapping[str, Any]) -> None:
    estimate, low, high, margin = (float(row[n]) for n in ("estimate", "low", "high", "margin"))
    colour = style.VERDICTS.get(str(row["status"]), style.FAINT)
    if margin == margin:
        ax.barh(place, 1e6, 0.9, left=margin, color="#f7e3d7", zorder=0)
        ax.vlines(margin, place - 0.45, place + 0.45, color=style.VERMILLION, linewidth=0.8)
    if low == low and high == high:
        ax.plot([low, high], [place, place], color=colour, linewidth=2, marker="|", ms=8)
    ax.plot(estimate, place, "s", color=colour, ms=6.5)
    across = ax.get_yaxis_transform()
    ax.text(1.01, place, str(row["status"]), transform=across, va="center", fontsize=8)


def _effect_name(row: Mapping[str, Any]) -> str:
    return style.legible(row["name"]) + (f" (n = {row['n']})" if row.get("n") else "")


def _per_minute(rows: pd.DataFrame) -> dict[str, float] | None:
    """By stage, and what of it was wasted; None when a price is unknown."""
    names = [f"{name}_usd" for name in (*STAGES, "wasted")]
    minutes = total(rows, "seconds") / 60
    if not minutes or any(len(known(rows, name)) < len(rows) for name in names):
        return None
    return {name: total(rows, name) / minutes for name in names}


def _cost_bar(ax: Axes, place: float, per_minute: Mapping[str, float] | None) -> None:
    if per_minute is None:
        ax.text(0, place, " a price is unknown", va="center", fontsize=8, color=style.FAINT)
        return
    left = 0.0
    for name, colour in STAGES.items():
        width = per_minute[f"{name}_usd"]
        ax.barh(place, width, 0.55, left=left, color=colour, ec="white", lw=0.4)
        left += width
    lost = per_minute["wasted_usd"]
    ax.barh(place, lost, 0.55, left=left - lost, fc="none", ec=style.INK, hatch="////", lw=0.5)
    said = f" {left:.4f}, {100 * lost / left:.0f} % never heard" if left else " 0"
    ax.text(left, place, said, va="center", fontsize=8)
