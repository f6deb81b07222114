"""Tables and axes in, the axes with a picture on them out: every chart that a report shows.

A chart neither loads nor saves. It says below the figure what it rests on, and where there is
nothing to draw it says that.
"""

from bench.report.charts.interrupts import (
    interrupt_histogram,
    interrupt_raster,
    stop_curve,
    trade_off,
)
from bench.report.charts.sums import cost_stack, forest, join_steps
from bench.report.charts.timeline import timeline
from bench.report.charts.turns import dumbbell, latency_ecdf, waterfall
from bench.report.charts.words import staircase, word_diff

__all__ = [
    "cost_stack",
    "dumbbell",
    "forest",
    "interrupt_histogram",
    "interrupt_raster",
    "join_steps",
    "latency_ecdf",
    "staircase",
    "stop_curve",
    "timeline",
    "trade_off",
    "waterfall",
    "word_diff",
]
