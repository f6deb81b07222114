"""A trace in, a table of its turns out: one row a turn, as CSV."""

from __future__ import annotations

import csv
import io

from bench.metrics.turns import Stages, Turn, flat, turns
from bench.trace import Trace

_COLUMNS = ("turn", *flat(Turn(0, 0.0, "", "", Stages())))


def turns_csv(trace: Trace) -> str:
    """One row a turn under a line of names; durations in seconds, empty where nothing is known."""
    text = io.StringIO()
    table = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    table.writeheader()
    for turn in turns(trace):
        table.writerow({"turn": turn.turn, **flat(turn)})
    return text.getvalue()
