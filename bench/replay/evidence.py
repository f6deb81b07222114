"""Figures in, what an expectation is held against out, under its name and in its unit.

None is no data, and no data is no pass.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.events import ToolCalled
from bench.metrics.barge_in import YIELD_SECONDS, Stop
from bench.metrics.figures import RunFigures, Said, StepFigures, run_figures
from bench.metrics.reading import ANSWERED_ROLES, Readable, Reading
from bench.metrics.response import Response
from bench.metrics.words import words_of
from bench.replay.runs import Run, Status
from bench.simulation.profiles import prices
from bench.trace import Trace

Share = tuple[int, int]  # how many, of how many


def figures_of(run: Run, told: Readable | None = None) -> RunFigures:
    """A run's figures, its cost by the prices of its stack; `told` is its trace, once read."""
    stack = run.stack
    paid = prices(stack.stt, stack.llm, stack.tts, run.scenario.profiles)
    return run_figures(told or run.trace, paid)


def of_step(told: Reading, figures: StepFigures, metric: str) -> Any:
    """What is known of a step that was played; KeyError for what is no metric of a step."""
    if metric in ("heard", "context_equals_heard"):
        heard, context = cut_texts(told, figures)
        if metric == "heard" or heard is None or context is None:
            return heard
        return words_of(heard) == words_of(context)
    if metric == "tool_called":
        return called_tools(told, figures.step)
    return figure_of(figures, metric)


def called_tools(told: Reading, step_id: str) -> str | None:
    """The names of the tools that were called to answer a step; None when there were none."""
    step = told.step(step_id)
    turns = told.turns_of(step) if step is not None else ()
    called = [f.name for turn in turns for _, f in turn.facts if isinstance(f, ToolCalled)]
    return " ".join(called) or None


def cut_texts(told: Reading, figures: StepFigures) -> tuple[str | None, str | None]:
    """What was heard, and what the history holds, of the answer that a step cut off; of its own
    answer that something else cut off when it cut none."""
    if figures.cut is not None:
        return figures.cut.heard, figures.cut.context
    step = told.step(figures.step)
    turns = told.turns_of(step) if step is not None else ()
    own = (said for turn in turns for said in told.answers(turn) if said.cut is not None)
    return next(((said.heard, said.context) for said in own), (None, None))


def figure_of(figures: StepFigures, metric: str) -> Any:
    """The same by the step's figures alone, which tell nothing of `heard`."""
    if metric in _STEP_SECONDS:
        return _milliseconds(_STEP_SECONDS[metric](figures))
    return _STEP[metric](figures)


def of_run(figures: RunFigures, trace: Trace, metric: str) -> Any:
    """What is known of a whole run; KeyError for what is no metric of a run."""
    if metric == "events":
        return Counter(type(fact).__name__ for _, fact in trace)
    if metric in _RUN_SECONDS:
        return _milliseconds(_RUN_SECONDS[metric](figures))
    return _RUN[metric](figures)


def values(metric: str, runs: Sequence[RunFigures]) -> list[float]:
    """Every value of a metric in some runs: of each step, or of each run for what a step has not.

    Steps that were not played have none.
    """
    if is_of_steps(metric):
        found = [figure_of(step, metric) for run in runs for step in run.steps if step.played]
    else:
        found = [_RUN[metric](run) for run in runs]
    return [float(value) for value in found if value is not None]


def has_share(metric: str) -> bool:
    """Whether a metric is how often something was so."""
    return metric in _SHARES


def is_of_steps(metric: str) -> bool:
    """Whether a metric has a value for each step, and not one for the whole run."""
    return metric in _OF_STEPS


def share(metric: str, runs: Sequence[RunFigures], statuses: Sequence[Status] = ()) -> Share:
    """How often something was so, of how many times it could have been, over some runs.

    `statuses` are what the runs came to.
    """
    if metric == "pass_rate":
        return sum(status == "pass" for status in statuses), len(statuses)
    shares = [found for run in runs if (found := _SHARES[metric](run)) is not None]
    return sum(some for some, _ in shares), sum(all for _, all in shares)


def why_none(figures: StepFigures, metric: str) -> str:
    """What is known where there is no figure; "" when that is nothing."""
    if metric in ("stop_ms", "detect_ms", "flush_ms"):
        if figures.stop is None:
            return "the bot was silent when the step began"
        if figures.stop.censored:
            return f"the bot did not stop: it was heard for {figures.stop.bound * 1000:.0f} ms more"
    if metric in _OF_CUTS and figures.cut is None:
        return "nothing was cut off"
    if metric == "tool_called":
        return "no tool was called"
    if metric in _OF_ANSWERS and not figures.user_turns:
        return "the step became no turn"
    return ""


def _milliseconds(seconds: float | Sequence[float] | None) -> Any:
    if isinstance(seconds, Sequence):
        return [1000 * value for value in seconds]
    return None if seconds is None else 1000 * seconds


def _of_response(name: str) -> Callable[[StepFigures], float | None]:
    return lambda figures: getattr(figures.response, name) if figures.response else None


def _stop(figures: StepFigures) -> float | None:
    return figures.stop.latency if figures.stop else None


def _until_decided(figures: StepFigures) -> float | None:
    stop = figures.stop
    if stop is None or stop.detect is None or stop.decide is None:
        return None
    return stop.detect + stop.decide


def _held(figures: StepFigures) -> float | None:
    return sum(pause.seconds for pause in figures.pauses) if figures.pauses else None


_RESPONSE_NAMES = tuple(
    field.name for field in dataclasses.fields(Response) if field.type == "float | None"
)
_STEP_SECONDS: dict[str, Callable[[StepFigures], float | None]] = {
    **{f"{name}_ms": _of_response(name) for name in _RESPONSE_NAMES},
    "stop_ms": _stop,
    "detect_ms": _until_decided,
    "flush_ms": lambda f: f.stop.flush if f.stop else None,
    "hold_ms": _held,
    "resume_ms": lambda f: f.pauses[-1].after if f.pauses else None,
    "cut_ms": lambda f: f.cut.cut_seconds if f.cut else None,
    "overlap_ms": lambda f: f.overlap.seconds if f.overlap else None,
}


_STEP: dict[str, Callable[[StepFigures], Any]] = {
    "replies": lambda f: f.replies,
    "reply": lambda f: f.reply,
    "interrupts": lambda f: f.interrupts,
    "resume": lambda f: bool(f.resumed),
    "cutoff_error_words": lambda f: f.cut.error_words if f.cut else None,
    "cut_words": lambda f: f.cut.cut_words if f.cut else None,
    "phantom_characters": lambda f: f.cut.phantom_characters if f.cut else None,
    "not_said_after": lambda f: f.said_after,
    "user_turns": lambda f: f.user_turns,
    "heard_wer": lambda f: f.heard_wer,
    "transcript": lambda f: f.transcript,
    "partials": lambda f: f.partials,
    "unstable_words": lambda f: f.upwr,
}
_OF_STEPS = frozenset({*_STEP_SECONDS, *_STEP})
_OF_CUTS = frozenset(
    "heard context_equals_heard cutoff_error_words cut_words phantom_characters cut_ms".split()
)
_OF_ANSWERS = frozenset({"reply", "transcript", "ttfs_ms"} | {f"{n}_ms" for n in _RESPONSE_NAMES})


def _stops(figures: RunFigures) -> list[float]:
    """Of the steps that wanted one. A bot that spoke on for longer than it may counts with as long
    as it was heard; one that ended by itself before tells nothing."""
    wanted = [stop for stop in figures.stops if stop.role in ANSWERED_ROLES]
    return [_at_least(stop) for stop in wanted if not stop.censored or stop.bound >= YIELD_SECONDS]


def _at_least(stop: Stop) -> float:
    return stop.bound if stop.latency is None else stop.latency


_RUN_SECONDS: dict[str, Callable[[RunFigures], float | Sequence[float] | None]] = {
    "overlap_ms": lambda f: f.overlap.seconds if f.overlap else None,
    "underrun_ms": lambda f: f.underruns.seconds,
    "v2v_ms": lambda f: f.v2v,
    "stop_ms": _stops,
    "longest_silence_ms": lambda f: f.longest_silence,
}


def joined(says: Sequence[Said]) -> str | None:
    """All that was said, None when nothing was."""
    return " ".join(said.text for said in says) if says else None


def _ratio(found: Share | None) -> float | None:
    return found[0] / found[1] if found is not None and found[1] else None


_RUN: dict[str, Callable[[RunFigures], Any]] = {
    "turns": lambda f: {"bot": f.bot_turns, "user": f.user_turns},
    "interrupts": lambda f: f.interrupts,
    "false_interrupts": lambda f: f.false_stops[0] if f.false_stops[1] else None,
    "underruns": lambda f: f.underruns.n,
    "duration_s": lambda f: f.seconds,
    "heard_wer": lambda f: f.truth_wer,
    "cutoff_exact": lambda f: _ratio(f.cutoff_exact),
    "failures": lambda f: f.failures,
    "bot_says": lambda f: joined(f.says),
    "ends": lambda f: f.ended,
    "cost_per_min_usd": lambda f: f.cost_per_min_usd,
    "waste_share": lambda f: f.waste_share,
}

_SHARES: Mapping[str, Callable[[RunFigures], Share | None]] = {
    "false_interrupt_rate": lambda f: f.false_stops,
    "yield_rate": lambda f: f.yielded,
    "missed_interrupt_rate": lambda f: f.missed,
    "response_rate": lambda f: f.answered,
    "cutoff_exact": lambda f: f.cutoff_exact,
    "cutoff_within_1": lambda f: f.cutoff_within_1,
}
