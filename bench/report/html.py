"""Runs in, one page out that holds all it shows: plots, tables, word diffs, recordings.

Everything that comes from a file or a mouth is escaped, and the page's own policy lets it load
nothing and run no script but its own.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.resources import files
from string import Template

import pandas as pd

from bench.metrics.session import quantile
from bench.metrics.statistics import minimum_n
from bench.replay.comparison import Comparison
from bench.replay.runs import Run, Verdict
from bench.report import charts
from bench.report.markup import Markup, joined, number, table, tag
from bench.report.picking import column, groups, known, total, where
from bench.report.pictures import Draw, picture
from bench.report.run_section import anchor, run_section, status_mark, verdict_table
from bench.report.sound import recorded_seconds
from bench.report.telling import ORDER, SIMULATED, assumptions, cells, overall, worst
from bench.report.tidy import Frames, frames

AUDIO_SECONDS = 240.0  # of recordings on a page; 43 kB each
DRAWN_RUNS = 24  # of which a page has pictures
RASTER_LINES = 60
OPEN_ROWS = 12  # of figures; a longer table is folded
WIDE = 6.8  # inches of a chart over all runs

Chart = tuple[Draw, float, str]  # how it is drawn, its height in inches, what it shows


def html(
    runs: Sequence[Run],
    comparison: Comparison | None = None,
    across: Sequence[Verdict] = (),
    *,
    audio_seconds: float = AUDIO_SECONDS,
    drawn_runs: int = DRAWN_RUNS,
) -> str:
    """The page.

    The runs that did not pass come first: they get pictures and recordings as long as there is
    room, `drawn_runs` and `audio_seconds` in all; where something is left out, the page says so.
    """
    ordered = sorted(runs, key=lambda run: (ORDER.index(run.status), run.scenario.id, run.name))
    counted = [run for run in ordered if not run.void]
    tables = frames(counted)
    body = joined(
        [
            _head(ordered, comparison, across),
            _matrix(ordered),
            _figures(tables),
            _across(across),
            _comparison(comparison),
            _charts(counted, tables),
            tag("h2", "Runs") if ordered else None,
            *_sections(ordered, audio_seconds, drawn_runs),
        ]
    )
    return _page(f"Replay: {overall(runs, comparison, across)}", body)


def _page(title: str, body: Markup) -> str:
    parts = {name: _file(f"page.{name}") for name in ("html", "css", "js")}
    made = Template(parts["html"]).substitute(
        title=tag("title", title)[len("<title>") : -len("</title>")],
        style=parts["css"],
        style_hash=_digest(parts["css"]),
        script=parts["js"],
        script_hash=_digest(parts["js"]),
        body=body,
    )
    return made.encode("utf-8", "replace").decode("utf-8")  # half a surrogate cannot be written


def _file(name: str) -> str:
    return files("bench.report").joinpath("page", name).read_text("utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _head(runs: Sequence[Run], comparison: Comparison | None, across: Sequence[Verdict]) -> Markup:
    if not runs:
        return joined([tag("h1", "Replay"), tag("p", "Nothing was played.")])
    counts = [(status, sum(run.status == status for run in runs)) for status in ORDER]
    pills = [
        tag("li", f"{count} {status}", class_=f"status {status}")
        for status, count in counts
        if count
    ]
    lasted = sum(recorded_seconds(run) for run in runs)
    took = sum(run.wall_seconds for run in runs)
    seeds = ", ".join(sorted({str(run.seed) for run in runs}, key=int))
    clocks = " and ".join(sorted({run.clock for run in runs}))
    said = f"{len(runs)} run{'s' * (len(runs) != 1)}, {lasted:.0f} s of conversation"
    said += f" in {took:.1f} s" * bool(took)
    return joined(
        [
            tag("h1", "Replay: ", status_mark(overall(runs, comparison, across))),
            tag("ul", *pills, class_="counts"),
            tag("p", f"{said}; {clocks} clock; seed {seeds}.", class_="faint"),
            _simulated(runs),
        ]
    )


def _simulated(runs: Sequence[Run]) -> Markup | None:
    if not any(run.simulated for run in runs):
        return None
    said = assumptions(runs)
    listed = [tag("ul", *(tag("li", one) for one in said))] if said else []
    more = f"{len(said)} assumption{'s' * (len(said) != 1)} behind simulated figures"
    inside = (
        [tag("details", tag("summary", more), tag("div", *listed, class_="inside"))] if said else []
    )
    return joined([tag("p", f"{SIMULATED.capitalize()}.", class_="note"), *inside])


def _matrix(runs: Sequence[Run]) -> Markup | None:
    """The status of every scenario with every stack; each leads to its runs."""
    if not runs:
        return None
    stacks = sorted({run.stack.name for run in runs})
    place = {run.name: k for k, run in enumerate(runs)}
    found = {(scenario, stack): group for scenario, stack, group in cells(runs)}
    rows = []
    for scenario in sorted({run.scenario.id for run in runs}):
        row: list[object] = [tag("th", scenario, scope="row")]
        for stack in stacks:
            group = found.get((scenario, stack))
            row.append(_cell(group, place) if group else "–")
        rows.append(row)
    return joined([tag("h2", "Scenarios"), table(["", *stacks], rows)])


def _cell(group: Sequence[Run], place: dict[str, int]) -> Markup:
    status = worst(run.status for run in group)
    first = min(place[run.name] for run in group if run.status == status)
    passed = sum(run.status == "pass" for run in group)
    several = f" {passed} of {len(group)}" * (len(group) > 1)
    return tag("td", tag("a", status_mark(status), several, href=f"#{anchor(first)}"))


def _figures(tables: Frames) -> Markup | None:
    """One row of figures for every scenario and stack; void runs are left out."""
    keys = ["scenario", "stack"]
    cut = dict(groups(tables.interrupts, keys))
    waits = dict(groups(tables.turns, keys))
    rows = []
    for name, runs in groups(tables.runs, keys):
        v2v = sorted(known(waits[name], "v2v_seconds")) if name in waits else []
        stops = _stops(cut[name]) if name in cut else []
        rows.append(
            [
                *name,
                number(str(len(runs))),
                number(str(len(v2v))),
                number(_milliseconds(v2v, 0.5)),
                number(_milliseconds(v2v, 0.95) if len(v2v) >= minimum_n(0.95) else "–"),
                number(_milliseconds(stops, 0.5)),
                *(number(_share(runs, share)) for share in ("answered", "cutoff_exact")),
                number(_share(runs, "false_stops")),
            ]
        )
    if not rows:
        return None
    head = ["scenario", "stack", "runs", "answers", "v2v p50, ms", "v2v p95", "stop p50, ms"]
    head += ["answered", "cut-off exact", "false stops"]
    note = f"No p95 below n = {minimum_n(0.95)}: no interval would hold for it. "
    note += "Cut-off exact: the history holds just the words that were heard."
    inside = tag("div", table(head, rows), tag("p", note, class_="faint"), class_="inside")
    summary = tag("summary", f"{len(rows)} rows, {len(tables.turns)} turns")
    folded = tag("details", summary, inside, open=len(rows) <= OPEN_ROWS)
    return joined([tag("h2", "Figures"), folded])


def _stops(interrupts: pd.DataFrame) -> list[float]:
    wanted = where(interrupts, lambda row: row["role"] == "interrupt")
    return sorted(known(wanted, "latency_seconds"))


def _milliseconds(ordered: Sequence[float], share: float) -> str:
    found = quantile(ordered, share)
    return "–" if found is None else f"{1000 * found:.0f}".replace("-", "−")


def _share(runs: pd.DataFrame, name: str) -> str:
    of = total(runs, f"{name}_of")
    return f"{total(runs, name):.0f} of {of:.0f}" if of else "–"


def _across(across: Sequence[Verdict]) -> Markup | None:
    if not across:
        return None
    return joined([tag("h2", "Across repeats"), verdict_table(across)])


def _comparison(comparison: Comparison | None) -> Markup | None:
    if comparison is None:
        return None
    gate = [verdict_table(comparison.gate)] if comparison.gate else []
    return joined(
        [
            tag("h2", "Beside the baseline: ", status_mark(comparison.status)),
            *gate,
            tag("pre", comparison.text()),
        ]
    )


def _charts(runs: Sequence[Run], tables: Frames) -> Markup | None:
    """What is seen only over several runs."""
    made = [
        tag("figure", picture(draw, text, WIDE, height), tag("figcaption", text))
        for draw, height, text in (*_of_turns(tables), *_of_interrupts(runs, tables))
    ]
    if not made:
        return None
    return joined([tag("h2", "Over all runs"), tag("div", *made, class_="charts")])


def _of_turns(tables: Frames) -> Iterator[Chart]:
    turns, runs, stacks = tables.turns, tables.runs, len(set(column(tables.runs, "stack")))
    if len(known(turns, "v2v_seconds")) > 1:
        text = "How long the user waited for an answer, by stack."
        yield partial(charts.latency_ecdf, turns), 3.4 + 0.2 * stacks, text
        text = "The middle and the tail of the wait, by stack."
        yield partial(charts.dumbbell, turns), 1.5 + 0.6 * stacks, text
    if len(tables.joins):
        text = "Steps in level and pitch where synthesis calls meet."
        yield partial(charts.join_steps, tables.joins), 4.0, text
    if known(runs, "usd_per_minute"):
        text = "What a minute costs by list prices, and what of it paid for nothing."
        yield partial(charts.cost_stack, runs), 1.6 + 0.7 * stacks, text


def _of_interrupts(runs: Sequence[Run], tables: Frames) -> Iterator[Chart]:
    cut = where(tables.interrupts, lambda row: row["role"] == "interrupt")
    if 0 < len(cut) <= RASTER_LINES:
        text = "The bot's voice around the moment the user cut in; each line is an interrupt."
        yield partial(charts.interrupt_raster, runs), 1.5 + 0.2 * max(4, len(cut)), text
    if len(cut) > 1:
        text = "How the time to silence is made up."
        yield partial(charts.interrupt_histogram, cut), 3.2, text
    tried = where(tables.runs, lambda row: row["false_stops_of"] > 0)
    if len(set(column(tried, "policy"))) > 1:
        text = "Policies: how fast the bot stops, and how often for nothing."
        yield partial(charts.trade_off, tables.runs, tables.interrupts), 3.6, text


def _sections(runs: Sequence[Run], audio_seconds: float, drawn_runs: int) -> Iterator[Markup]:
    left = audio_seconds
    for place, run in enumerate(runs):
        seconds = recorded_seconds(run)
        with_audio = 0 < seconds <= left
        left -= seconds if with_audio else 0.0
        yield run_section(run, place, with_audio=with_audio, drawn=place < drawn_runs)
