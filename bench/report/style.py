"""Axes in, the same hand everywhere out: colours, letters, the line under a chart."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

# Okabe and Ito: told apart with every kind of colour vision.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK, YELLOW)
"""For things that are compared, in this order."""

INK, FAINT, RULE = "#222222", "#6b6b6b", "#d9d9d9"
USER, BOT = BLUE, ORANGE
STAGES = {"endpoint": SKY, "model": GREEN, "synthesis": PURPLE, "playing": ORANGE}
VERDICTS = {"pass": GREEN, "fail": VERMILLION, "inconclusive": ORANGE, "void": FAINT}

HALO = (withStroke(linewidth=2, foreground="white"),)
"""The path effect of letters that stand on lines."""

GAP_SECONDS, LATE_SECONDS = 0.2, 1.5
"""Guide lines: the usual gap between two people, and what still feels like an answer."""

STYLE: Mapping[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": FAINT,
    "axes.grid": False,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "savefig.dpi": 140,
    "svg.fonttype": "none",
    "svg.hashsalt": "talkbench",
    "text.parse_math": False,  # what people say may hold dollar signs
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 8,
}


@contextmanager
def styled() -> Iterator[None]:
    """Figures made inside look like ours; a letter that the font has not becomes a box."""
    with mpl.rc_context(cast(Any, STYLE)), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
        yield


_SPACES = "\n\N{NO-BREAK SPACE}"


def legible(text: object) -> str:
    """A text that can be drawn: what is no letter or sign becomes one that says so."""
    whole = str(text).encode("utf-8", "replace").decode("utf-8")
    return "".join(
        c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in whole
    )


@contextmanager
def figure(width: float = 8.0, height: float = 3.2) -> Iterator[tuple[Figure, Axes]]:
    """A figure of so many inches with one Axes, drawn without a display; nothing stays behind."""
    with styled():
        made = Figure(figsize=(width, height))
        yield made, made.add_subplot()
        made.clear()


def nothing(ax: Axes, what: str = "no data") -> Axes:
    """An empty chart that says so."""
    ax.text(0.5, 0.5, what, transform=ax.transAxes, ha="center", va="center", color=FAINT)
    ax.set_xticks([])
    ax.set_yticks([])
    return ax


def guides(ax: Axes, *, below: bool = False) -> None:
    """Vertical lines at 200 ms and 1.5 s, where the axis comes to them, named at the top or below
    what is drawn."""
    left, right = ax.get_xlim()
    for at, text in ((GAP_SECONDS, "200 ms"), (LATE_SECONDS, "1.5 s")):
        if left <= at <= right:
            ax.axvline(at, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0.5)
            place: dict[str, Any] = {
                "xy": (at, float(not below)),
                "va": "bottom" if below else "top",
            }
            place |= {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
            offset = (2, 2 if below else -1)
            ax.annotate(text, xytext=offset, **place, fontsize=7, color=FAINT, path_effects=HALO)


def key(ax: Axes, entries: Mapping[str, Any], columns: int = 0, **more: Any) -> None:
    """A legend above the axes, where it hides nothing: colours or ready handles by name."""
    handles = [Patch(color=made) if isinstance(made, str) else made for made in entries.values()]
    place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0.1}
    look = {"ncols": columns or len(entries), "columnspacing": 1.1, "handlelength": 1.3}
    ax.legend(handles, [legible(name) for name in entries], **{**place, **look, **more})


def thickness(place: int) -> float:
    """Of a curve among others: the first are thicker, so that one under another is seen."""
    return max(1.4, 3.0 - 0.8 * place)


def wrapped(stack: str, letters: int = 26) -> str:
    """A stack's name on as many lines as it needs, broken after its signs of addition."""
    lines = [""]
    for part in legible(stack).replace("+", "+\0").split("\0"):
        if lines[-1] and len(lines[-1]) + len(part) > letters:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def footer(ax: Axes, rows: pd.DataFrame, noun: str = "", *, n: int | None = None) -> Axes:
    """Print under the figure what it rests on: how many, how often, seed, clock, profiles.

    `rows` are those of a frame of `bench.report.frames` that the chart shows; `noun` is what `n`
    counts. A line that another chart of the figure has printed already is not printed twice.
    """
    whole = ax.get_figure(root=True)
    assert whole is not None
    if whole.get_layout_engine() is None:
        whole.set_layout_engine("constrained")
    lines = [line for line in whole.get_supxlabel().split("\n") if line]
    line = provenance(rows, noun, n=n)
    if line not in lines:
        lines.append(line)
    whole.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=7, color=FAINT)
    return ax


def provenance(rows: pd.DataFrame, noun: str = "", *, n: int | None = None) -> str:
    """What rows rest on, in one line."""
    count = len(rows) if n is None else n
    said = [f"n = {count} {noun}".strip()]
    if "repeat" in rows and len(rows):
        repeats = rows["repeat"].nunique()
        said.append(f"{repeats} repeat{'s' * (repeats != 1)}")
    said += [
        f"{name} {listed}"
        for name in ("seed", "clock", "profiles")
        if name in rows and (listed := _listed(rows[name]))
    ]
    simulated = set(rows["simulated"]) if "simulated" in rows else set()
    if True in simulated:
        said.append("partly simulated" if False in simulated else "simulated")
    return legible(" · ".join(said))


def _listed(values: Iterable[object], most: int = 3) -> str:
    known = [text for text in dict.fromkeys(map(str, values)) if text]
    return ", ".join(known[:most]) + ", …" * (len(known) > most)
