"""Runs in, JSON for programs out: every verdict, and the figures they were read from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from bench.replay.comparison import Comparison
from bench.replay.evidence import figures_of
from bench.replay.golden import Likeness
from bench.replay.plain import to_plain
from bench.replay.runs import Run, Verdict
from bench.report.telling import SIMULATED, assumptions, overall

FORMAT = "talkbench summary 1"


def summary_json(
    runs: Sequence[Run], comparison: Comparison | None = None, across: Iterable[Verdict] = ()
) -> str:
    """One object: `status`, `runs` (verdicts, stages of every answer, stops, cut-offs), `across`
    and `baseline`. Times are seconds; what nobody knows is null."""
    over_all = list(across)
    told = {
        "format": FORMAT,
        "status": overall(runs, comparison, over_all),
        "simulated": SIMULATED if any(run.simulated for run in runs) else "",
        "assumptions": assumptions(runs),
        "runs": [_run(run) for run in runs],
        "across": [to_plain(verdict) for verdict in over_all],
        "baseline": None if comparison is None else _comparison(comparison),
    }
    return json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _run(run: Run) -> dict[str, Any]:
    figures = figures_of(run)
    return {
        "name": run.name,
        "scenario": run.scenario.id,
        "title": run.scenario.title,
        "tags": list(run.scenario.tags),
        "stack": to_plain(run.stack),
        "simulated": run.simulated,
        "seed": run.seed,
        "repeat": run.repeat,
        "clock": run.clock,
        "digest": run.digest,
        "wall_seconds": run.wall_seconds,
        "status": run.status,
        "void": run.void,
        "verdicts": [to_plain(verdict) for verdict in run.verdicts],
        "seconds": figures.seconds,
        "turns": {"bot": figures.bot_turns, "user": figures.user_turns},
        "answers": [to_plain(response) for response in figures.responses],
        "stops": [to_plain(stop) for stop in figures.stops],
        "cuts": [to_plain(cut) | {"error_words": cut.error_words} for cut in figures.cuts],
        "underruns": to_plain(figures.underruns),
        "overlap": to_plain(figures.overlap),
        "usd_per_minute": figures.cost_per_min_usd,
        "waste_share": figures.waste_share,
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "status": comparison.status,
        "runs": [_likeness(like) for like in comparison.likenesses],
        "gate": [to_plain(verdict) for verdict in comparison.gate],
        "new": list(comparison.new),
        "gone": list(comparison.gone),
    }


def _likeness(like: Likeness) -> dict[str, Any]:
    return to_plain(like) | {"status": like.status}
