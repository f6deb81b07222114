"""The pictures of `docs/charts.md`, drawn anew: `python -m tests.report.chart_pictures`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from bench.metrics.comparison import absolute_shift, cluster_bootstrap
from bench.metrics.gates import gate
from bench.replay import Run, Scenario, Stack, read, run
from bench.report import charts, frames, style
from bench.report.picking import column, groups, records

ROOT = Path(__file__).parents[2]
INTO = ROOT / "docs" / "images" / "charts"
CUT_IN = ROOT / "scenarios/interrupts/mid-sentence.yaml"
MHM = ROOT / "scenarios/backchannels/mhm-three-times.yaml"
USUAL = Stack()
QUICK = Stack("sim:soniox-rt-v5", "sim:groq-gpt-oss-120b", "sim:cartesia-sonic-3")
POLICIES = ("hold-then-decide", "on-words(1)", "on-vad", "never")
REPEATS = 12
MARGIN = 0.15  # seconds

Draw = Callable[[Axes], object]


def with_settings(scenario: Scenario, **settings: object) -> Scenario:
    changed = {**scenario.setup.settings, **settings}
    return replace(scenario, setup=replace(scenario.setup, settings=changed))


def policies() -> list[Run]:
    made = [with_settings(read(path), barge_in=p) for path in (CUT_IN, MHM) for p in POLICIES]
    return run(made, stacks=[USUAL], repeat=3)


def spoiled(interrupts: pd.DataFrame) -> pd.DataFrame:
    """Three cut answers; the history of the second is made to hold two words too many, and that of
    the third one too few."""
    made = interrupts[interrupts["cut_off"]].iloc[:3].reset_index(drop=True)
    for place, words in ((1, 2), (2, -1)):
        count = len(made.loc[place, "heard"].split()) + words
        made.loc[place, "context"] = " ".join(made.loc[place, "intended"].split()[:count])
        made.loc[place, "error_words"] = words
    return made


def pairs(turns: pd.DataFrame, stage: str) -> dict[str, list[tuple[float, float]]]:
    """By repeat: the quick stack's seconds beside the usual one's, turn by turn."""
    found: dict[str, dict[tuple[int, str], float]] = {}
    for row in records(turns):
        waits = found.setdefault(str(row["repeat"]), {})
        waits[row["turn"], row["stack"]] = row[f"{stage}_seconds"]
    return {
        repeat: [
            (s, waits[t, USUAL.name]) for (t, stack), s in waits.items() if stack == QUICK.name
        ]
        for repeat, waits in found.items()
    }


def effects(turns: pd.DataFrame) -> pd.DataFrame:
    """Each stage of the quick stack less that of the usual one."""
    rows = []
    for stage in ("endpoint_delay", "ttft", "ttfa", "v2v"):
        clusters = pairs(turns, stage)
        every = [pair for cluster in clusters.values() for pair in cluster]
        shift, bounds = absolute_shift(every), cluster_bootstrap(clusters, absolute_shift)
        verdict = gate(shift or 0.0, bounds, MARGIN, n=len(clusters)).ruling
        low, high = (1000 * bounds.low, 1000 * bounds.high) if bounds else (None, None)
        rows.append(
            {"name": stage, "estimate": 1000 * (shift or 0.0), "low": low, "high": high,
             "margin": 1000 * MARGIN, "status": verdict, "n": len(every), "unit": "ms"}
        )  # fmt: skip
    first = turns.iloc[0]
    return pd.DataFrame(rows).assign(
        seed=first["seed"], clock="virtual", profiles=first["profiles"], simulated=True
    )


def drawings() -> Iterable[tuple[str, tuple[float, float], Draw]]:
    """Every chart's name, its inches, and how it is drawn."""
    calls = run(
        [with_settings(read(CUT_IN), measure_joins=True)], stacks=[USUAL, QUICK], repeat=REPEATS
    )
    tried, told = policies(), frames(calls)
    compared = frames(tried)
    first = [call for call in calls if call.stack == USUAL]
    yield "timeline", (11, 4.3), lambda ax: charts.timeline(first[0], ax)
    yield "waterfall", (8, 3.2), lambda ax: charts.waterfall(frames(first[:2]).spans, ax)
    yield "latency_ecdf", (8, 3.8), lambda ax: charts.latency_ecdf(told.turns, ax)
    yield "dumbbell", (8, 2.8), lambda ax: charts.dumbbell(told.turns, ax)
    cut_in = [call for call in tried if call.scenario.id == first[0].scenario.id]
    yield "interrupt_raster", (8, 4.2), lambda ax: charts.interrupt_raster(cut_in, ax)
    yield (
        "interrupt_histogram",
        (8, 3.2),
        lambda ax: charts.interrupt_histogram(told.interrupts, ax),
    )
    yield "stop_curve", (8, 3.6), lambda ax: charts.stop_curve(compared.interrupts, ax)
    yield "trade_off", (8, 3.6), lambda ax: charts.trade_off(compared.runs, compared.interrupts, ax)
    yield "word_diff", (9, 3), lambda ax: charts.word_diff(spoiled(told.interrupts), ax)
    partials = told.partials[told.partials["stack"] == USUAL.name]
    shaky = max(groups(partials, ["repeat", "utterance"]), key=lambda found: taken_back(found[1]))[
        1
    ]
    yield "staircase", (8, 3), lambda ax: charts.staircase(shaky, ax, words=told.words)
    yield "join_steps", (7, 4.2), lambda ax: charts.join_steps(told.joins, ax)
    yield "cost_stack", (8, 2.6), lambda ax: charts.cost_stack(told.runs, ax)
    yield "forest", (8, 2.9), lambda ax: charts.forest(effects(told.turns), ax)


def taken_back(partials: pd.DataFrame) -> int:
    """How many partials are no beginning of the next."""
    texts = [str(text).split() for text in column(partials, "text")]
    return sum(b[: len(a)] != a for a, b in pairwise(texts))


def main() -> None:
    INTO.mkdir(parents=True, exist_ok=True)
    for name, inches, draw in drawings():
        with style.figure(*inches) as (made, ax):
            draw(ax)
            made.savefig(INTO / f"{name}.png", dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
