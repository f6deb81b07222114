"""Runs in, tidy tables out: one row a thing that happened, each saying where it comes from.

Columns say their unit: `…_seconds` are durations, `…_at` seconds of the trace's clock. What nobody
knows is missing (NaN, or "" among texts), never 0. The figures are those of `bench.metrics`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.audio import SAMPLE_RATE
from bench.events import SentenceReady
from bench.metrics.barge_in import Stop, stops
from bench.metrics.cutoffs import Cut, cuts
from bench.metrics.figures import RunFigures, StepFigures, run_figures, step_figures
from bench.metrics.hearing import UserTurn
from bench.metrics.reading import Reading, read
from bench.metrics.response import response
from bench.replay.runs import Run
from bench.report.columns import CUT, KEYS, SHARED, SHARES, STOP, TABLES, WAITS, table
from bench.report.spans import joins, settings, spans
from bench.simulation.profiles import digest, prices
from bench.truths import StepMissed

__all__ = ["KEYS", "Frames", "frames"]

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Frames:
    """What happened in some runs.

    - `turns`: a row a committed turn, with the seven stages of its answer and their sum;
    - `interrupts`: a row for each step that came while the bot spoke or stopped it, and for each
      answer that was cut off otherwise (then `step` is "");
    - `partials`: a row a transcript, as it arrived; `utterance` counts those that became final;
    - `words`: a row a word that the scripted user said; `steps`: a row a step;
    - `runs`: a row a run, shares as `x` of `x_of`; `verdicts`: a row an expectation;
    - `spans`: a row for each stretch in which a stage worked for a turn, also in seconds after the
      end of the user's speech; `joins`: a row a seam between two synthesis calls.
    """

    turns: pd.DataFrame
    interrupts: pd.DataFrame
    partials: pd.DataFrame
    words: pd.DataFrame
    steps: pd.DataFrame
    runs: pd.DataFrame
    verdicts: pd.DataFrame
    spans: pd.DataFrame
    joins: pd.DataFrame


def frames(runs: Iterable[Run]) -> Frames:
    """The tables of some runs; without any they are empty and have their columns."""
    rows: dict[str, list[Row]] = {name: [] for name in TABLES}
    for run in runs:
        told, shared = read(run.trace), keys(run)
        for name, make in _MAKERS.items():
            rows[name] += [{**shared, **row} for row in make(run, told)]
    return Frames(**{name: table(name, found) for name, found in rows.items()})


def keys(run: Run) -> Row:
    """What stands in every row of a run."""
    stack, simulated = run.stack, run.simulated
    said = (run.scenario.id, stack.name, stack.stt, stack.llm, stack.tts, stack.voice)
    rest = (run.repeat, run.seed, run.clock, simulated)
    beside = (digest() if simulated else "", settings(run.trace).get("barge_in", ""))
    return dict(zip(SHARED, (*said, *rest, *beside), strict=True))


def _turns(_: Run, told: Reading) -> Iterator[Row]:
    for turn in told.turns:
        waited, answer = response(told, turn), told.answer(turn)
        yield {
            "turn": turn.number,
            "steps": " ".join(turn.steps),
            "said": turn.text,
            "reason": turn.reason,
            "committed_at": turn.committed_at,
            "ended_speaking_at": told.ended_speaking(turn),
            "answered_at": answer.began_at if answer else None,
            "intended": answer.intended if answer else _planned(turn),
            "heard": answer.heard if answer else "",
            "cut_off": answer is not None and answer.cut is not None,
            "withdrawn": turn.withdrawn,
            "truth": waited.truth,
        } | {f"{name}_seconds": getattr(waited, name) for name in WAITS}


def _planned(turn: UserTurn) -> str:
    """What was to be said to a turn that nothing was heard of."""
    return " ".join(fact.text for _, fact in turn.facts if isinstance(fact, SentenceReady))


def _interrupts(_: Run, told: Reading) -> Iterator[Row]:
    lost = {cut.utterance: cut for cut in cuts(told)}
    for stop in stops(told):
        cut = None if stop.censored else lost.pop(stop.utterance, None)
        yield _stop(told, stop) | (_cut(cut) if cut else {})
    for cut in lost.values():
        yield {"utterance": cut.utterance, "turn": cut.turn} | _cut(cut)


def _stop(told: Reading, stop: Stop) -> Row:
    step = told.step(stop.step)
    said = next((said for said in told.utterances if said.id == stop.utterance), None)
    return {
        "step": stop.step,
        "role": stop.role,
        "utterance": stop.utterance,
        "turn": said.turn if said else 0,
        "began_at": step.began_at if step else None,
        "stopped_at": said.ended_at if said and not stop.censored else None,
        "censored": stop.censored,
    } | {f"{name}_seconds": getattr(stop, name) for name in STOP}


def _cut(cut: Cut) -> Row:
    return {"cut_off": True} | {name: getattr(cut, name) for name in CUT}


def _partials(_: Run, told: Reading) -> Iterator[Row]:
    utterance = 1
    for heard in told.heard:
        yield {
            "step": heard.steps[-1] if heard.steps else "",
            "utterance": utterance,
            "at": heard.at,
            "text": heard.text,
            "final": heard.final,
            "ignored": heard.ignored,
        }
        utterance += heard.final


def _words(_: Run, told: Reading) -> Iterator[Row]:
    origin = told.mic_at or 0.0
    for step in told.steps:
        for number, word in enumerate(step.words, 1):
            yield {
                "step": step.step,
                "role": step.role,
                "word": number,
                "text": word.text,
                "began_at": origin + word.start_sample / SAMPLE_RATE,
                "ended_at": origin + word.end_sample / SAMPLE_RATE,
            }


def _steps(run: Run, told: Reading) -> Iterator[Row]:
    for step in told.steps:
        yield {"text": step.text} | _step(step_figures(told, step.step))
    for missed in run.trace.of(StepMissed):
        if missed.step in told.missed:
            role = next((s.role for s in run.scenario.script if s.id == missed.step), "")
            yield {"step": missed.step, "role": role, "missed": missed.reason}


def _step(figures: StepFigures) -> Row:
    same = ("step", "role", "played", "began_at", "ended_at", "interrupts", "replies", "resumed")
    same += ("reply", "transcript", "aftermath", "user_turns", "partials", "heard_wer", "upwr")
    return {name: getattr(figures, name) for name in same} | {
        "v2v_seconds": figures.v2v,
        "stop_seconds": figures.stop.latency if figures.stop else None,
        "overlap_seconds": figures.overlap.seconds if figures.overlap else None,
        "paused_seconds": sum(pause.seconds for pause in figures.pauses) or None,
    }


def _runs(run: Run, told: Reading) -> Iterator[Row]:
    stack = run.stack
    figures = run_figures(told, prices(stack.stt, stack.llm, stack.tts, run.scenario.profiles))
    same = ("seconds", "ended", "user_turns", "bot_turns", "interrupts", "failures")
    shares: Row = {}
    for name in SHARES:
        some, of = getattr(figures, name) or (None, 0)
        shares |= {name: some if of else None, f"{name}_of": of}
    yield (
        {
            "name": run.name,
            "status": run.status,
            "void": run.void,
            "digest": run.digest,
            "wall_seconds": run.wall_seconds,
            "response_mode": settings(run.trace).get("response_mode", ""),
            "underruns": figures.underruns.n,
            "underrun_seconds": figures.underruns.seconds,
            "overlap_seconds": figures.overlap.seconds if figures.overlap else None,
            "longest_silence_seconds": figures.longest_silence,
            "talk_ratio": figures.talk_ratio,
            "truth_wer": figures.truth_wer,
        }
        | {name: getattr(figures, name) for name in same}
        | shares
        | _money(figures)
    )


def _money(figures: RunFigures) -> Row:
    """US dollars, by list prices."""
    parts = ("stt", "llm", "tts", "wasted")
    return {f"{part}_usd": getattr(figures.cost, part, None) for part in parts} | {
        "usd_per_minute": figures.cost_per_min_usd,
        "waste_share": figures.waste_share,
    }


def _verdicts(run: Run, _: Reading) -> Iterator[Row]:
    for verdict in run.verdicts:
        yield {name: getattr(verdict, name) for name in TABLES["verdicts"]}


_MAKERS = {
    "turns": _turns,
    "interrupts": _interrupts,
    "partials": _partials,
    "words": _words,
    "steps": _steps,
    "runs": _runs,
    "verdicts": _verdicts,
    "spans": lambda _, told: spans(told),
    "joins": lambda _, told: joins(told),
}
