"""Every chart draws what there is, says what it rests on, and says when there is nothing."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from bench.report import charts, frames, style
from bench.report.charts.words import marked
from tests.report.some_runs import one, play, scenario, several

pytestmark = pytest.mark.replay

EFFECTS = pd.DataFrame(
    [
        {"name": "v2v p50", "estimate": -40.0, "low": -90.0, "high": 12.0, "margin": 60.0,
         "status": "pass", "n": 24, "unit": "ms"},
        {"name": "stop", "estimate": 90.0, "low": 70.0, "high": 130.0, "margin": 30.0,
         "status": "fail", "n": 12, "unit": "ms"},
    ]
)  # fmt: skip
HOSTILE = "_$x^{2}$ <b>\x00\x1b \ud800 \u0645 \u6f22\u5b57 \U0001f600"


def every(runs):
    """All charts of some runs, by name."""
    told = frames(runs)
    drawn = {
        "waterfall": partial(charts.waterfall, told.spans),
        "latency_ecdf": partial(charts.latency_ecdf, told.turns),
        "dumbbell": partial(charts.dumbbell, told.turns),
        "interrupt_raster": partial(charts.interrupt_raster, runs),
        "interrupt_histogram": partial(charts.interrupt_histogram, told.interrupts),
        "stop_curve": partial(charts.stop_curve, told.interrupts),
        "trade_off": partial(charts.trade_off, told.runs, told.interrupts),
        "word_diff": partial(charts.word_diff, told.interrupts),
        "staircase": partial(charts.staircase, told.partials, words=told.words),
        "join_steps": partial(charts.join_steps, told.joins),
        "cost_stack": partial(charts.cost_stack, told.runs),
        "forest": partial(charts.forest, EFFECTS if runs else EFFECTS[:0]),
    }
    if runs:
        drawn["timeline"] = partial(charts.timeline, runs[0])
    return drawn


def drawn(draw, width=8.0, height=4.0):
    """The texts of a chart and its picture's dots."""
    with style.figure(width, height) as (made, ax):
        assert draw(ax) is ax
        canvas = FigureCanvasAgg(made)
        canvas.draw()
        dots = np.asarray(canvas.buffer_rgba())[..., :3].copy()
        texts = [
            text.get_text() for text in made.findobj(lambda artist: hasattr(artist, "get_text"))
        ]
    return [text for text in texts if text], dots


@pytest.mark.parametrize("name", charts.__all__)
def test_a_chart_of_runs_has_ink_and_says_what_it_rests_on(name):
    texts, dots = drawn(every(list(several(2)))[name])
    assert (dots < 200).any(axis=-1).mean() > 0.004
    (footer,) = [text for text in texts if text.startswith("n = ")]
    if name != "forest":
        assert "seed 7" in footer
        assert "clock virtual" in footer
        assert "simulated" in footer
        assert "profiles" in footer
        assert ("2 repeats" in footer) == (name not in ("timeline", "staircase"))
    assert not any("no data" in text for text in texts)


@pytest.mark.parametrize("name", [name for name in charts.__all__ if name != "timeline"])
def test_a_chart_of_nothing_says_so(name):
    texts, _ = drawn(every([])[name])
    said = {"no data", "nothing was compared", "no seam was measured", "no list price is known"}
    assert said & set(texts)
    assert any(text.startswith("n = 0") for text in texts)


@pytest.mark.parametrize("name", charts.__all__)
def test_a_chart_holds_any_words(name):
    run = dataclasses.replace(one(), scenario=dataclasses.replace(one().scenario, id=HOSTILE))
    told = frames([run])
    for rows in (told.turns, told.interrupts, told.partials, told.runs, told.joins):
        for column in ("scenario", "stack", "policy"):
            rows[column] = HOSTILE
    hostile = every([run]) | {
        "latency_ecdf": partial(charts.latency_ecdf, told.turns),
        "dumbbell": partial(charts.dumbbell, told.turns),
        "stop_curve": partial(charts.stop_curve, told.interrupts),
        "trade_off": partial(charts.trade_off, told.runs, told.interrupts),
        "word_diff": partial(charts.word_diff, told.interrupts.assign(intended=HOSTILE * 9)),
        "staircase": partial(charts.staircase, told.partials.assign(text=HOSTILE)),
        "join_steps": partial(charts.join_steps, told.joins),
        "cost_stack": partial(charts.cost_stack, told.runs),
        "forest": partial(charts.forest, EFFECTS.assign(name=HOSTILE)),
    }
    drawn(hostile[name])


def test_no_figure_stays_open():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    drawn(every([one()])["timeline"])
    assert plt.get_fignums() == before


def test_a_missing_answer_is_a_plateau_below_one():
    turns = frames(several(2)).turns.copy()
    turns = turns[turns["stack"] == turns["stack"].iloc[0]].reset_index(drop=True)
    turns.loc[0, "v2v_seconds"] = float("nan")
    with style.figure() as (_, ax):
        charts.latency_ecdf(turns, ax)
        line = max(ax.get_lines(), key=lambda line: len(line.get_ydata()))
        assert line.get_ydata()[-1] == pytest.approx(1 - 1 / len(turns))
        assert ax.get_xscale() == "log"
    texts, _ = drawn(partial(charts.latency_ecdf, turns))
    assert any("1 never" in text for text in texts)


def test_an_early_answer_is_drawn_left_of_zero():
    turns = frames([one()]).turns.copy()
    turns.loc[0, "v2v_seconds"] = -0.3
    with style.figure() as (_, ax):
        charts.latency_ecdf(turns, ax)
        assert ax.get_xlim()[0] < -0.3


def test_bars_stand_at_their_true_instants_so_that_overlap_shows():
    spans = frames([one()]).spans
    with style.figure() as (_, ax):
        charts.waterfall(spans, ax)
        bars = {}
        for bar in ax.patches:
            if bar.get_width() > 0:
                bars.setdefault(to_hex(bar.get_facecolor()).upper(), []).append(
                    (bar.get_x(), bar.get_x() + bar.get_width())
                )
    model, synthesis = bars[style.STAGES["model"]][0], bars[style.STAGES["synthesis"]][0]
    assert model[0] < synthesis[0] < model[1]


def test_interrupts_are_sorted_by_their_stop_and_those_without_come_last():
    never = play(scenario(settings={"barge_in": "never"}))
    slow = play(scenario(settings={"barge_in": "on-words(1)"}))
    with style.figure() as (_, ax):
        charts.interrupt_raster([never, slow, one()], ax, roles=("interrupt",))
        (image,) = ax.images
        levels = image.get_array()
    assert levels.shape[0] == 3
    loud = [(row > -30).sum() for row in levels]
    assert loud == sorted(loud)


def test_the_raster_names_what_differs():
    slow = play(scenario(settings={"barge_in": "on-words(1)"}))
    texts, _ = drawn(partial(charts.interrupt_raster, [one(), slow]))
    assert "hold-then-decide, opening-hours cut #0" in texts
    texts, _ = drawn(partial(charts.interrupt_raster, [one()]))
    assert "opening-hours cut #0" in texts


def test_words_that_nobody_heard_are_told_apart_from_the_first_on():
    full = "We are open from nine to five . On Sundays we are closed".split()
    shared = [word for word, same in marked(full, ["We"]) if same]
    assert shared == ["We"]
    assert marked(full, ["We"])[0] == ("We", True)
    assert [word for word, same in marked("We are open now".split(), full) if not same] == ["now"]


def test_the_footer_counts_each_seed_once_and_tells_a_mixture():
    rows = frames(several(1)).turns.copy()
    assert style.provenance(rows, "turns").startswith(
        "n = 6 turns · 1 repeat · seed 7 · clock virt"
    )
    rows.loc[0, "simulated"] = False
    assert style.provenance(rows).endswith("partly simulated")
    assert style.provenance(rows, n=2).startswith("n = 2 ·")


def test_every_chart_is_shown_and_told_of_in_the_documents():
    docs = Path(__file__).parents[2] / "docs"
    page = (docs / "charts.md").read_text("utf-8")
    for name in charts.__all__:
        assert f"**`{name}(" in page
        assert f"(images/charts/{name}.png)" in page
        assert (docs / "images/charts" / f"{name}.png").is_file()


def test_two_charts_in_one_figure_share_its_footer():
    told = frames([one()])
    with style.styled():
        made = Figure(figsize=(10, 4))
        left, right = made.subplots(1, 2)
        charts.latency_ecdf(told.turns, left)
        charts.dumbbell(told.turns, right)
        lines = made.get_supxlabel().split("\n")
        made.clear()
    assert len(lines) == 2
