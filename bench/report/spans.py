"""A trace in, when each part was at work out: the bars of a waterfall, not yet measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bench.events import (
    AgentFinished,
    AgentRequested,
    ConversationStarted,
    JoinMeasured,
    SynthesisFinished,
    SynthesisRequested,
)
from bench.metrics.hearing import UserTurn
from bench.metrics.reading import Reading
from bench.trace import Trace

Span = tuple[str, float, float]


def settings(trace: Trace) -> Mapping[str, object]:
    """What the conversation began with."""
    started = trace.of(ConversationStarted)
    return started[0].settings if started else {}


def spans(told: Reading) -> Iterator[dict[str, Any]]:
    """When each stage worked for each turn; they may overlap. A stage that never ended, lasts until
    the conversation does.

    - `endpoint`: from the end of the user's speech to the commit of the turn;
    - `model`: from the question to the whole answer; `first token` is its first part;
    - `synthesis`: one synthesis call, from its text to the last of its sound;
    - `playing`: the answer, as it sounded.
    """
    for turn in told.turns:
        zero = told.ended_speaking(turn)
        for stage, began, ended in sorted(_of(told, turn, zero), key=lambda span: span[1]):
            yield {
                "turn": turn.number,
                "stage": stage,
                "began_at": began,
                "ended_at": ended,
                "after_seconds": None if zero is None else began - zero,
                "until_seconds": None if zero is None else ended - zero,
            }


def joins(told: Reading) -> Iterator[dict[str, Any]]:
    """Every measured seam between two synthesis calls."""
    for at, fact in told.trace:
        if isinstance(fact, JoinMeasured):
            steps = (fact.level_step_db, fact.pitch_step_semitones)
            names = ("level_step_db", "pitch_step_semitones")
            yield {"turn": fact.turn, "at": at, **dict(zip(names, steps, strict=True))}


def _of(told: Reading, turn: UserTurn, zero: float | None) -> Iterator[Span]:
    over = told.span[1]
    if zero is not None:
        yield "endpoint", zero, turn.committed_at
    requested = turn.first(AgentRequested)
    if requested is not None:
        finished = turn.first(AgentFinished)
        yield "model", requested, over if finished is None else finished
    ends = [at for at, fact in turn.facts if isinstance(fact, SynthesisFinished)]
    calls = [at for at, fact in turn.facts if isinstance(fact, SynthesisRequested)]
    for i, began in enumerate(calls):
        yield "synthesis", began, ends[i] if i < len(ends) else over
    for said in told.answers(turn):
        for stretch in said.sounded:
            yield "playing", stretch.began_at, stretch.ended_at
