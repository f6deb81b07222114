"""Runs to judge, keep and compare: short calls with parts whose every instant is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.replay.runs import Run
from bench.replay.scenario import Anchor, Expectation, Scenario, Stack, Step
from tests.replay.some_calls import LINE, call, step

HELLO = step("hello", Anchor("time", 0.5), "hello there")
CUT = step("cut", Anchor("bot_word", word=4), "no stop please", role="interrupt")


def scenario(*script: Step, id: str = "short", **changes: Any) -> Scenario:
    return Scenario(id=id, script=script or (HELLO,), **changes)


def expecting(*wanted: tuple[str, Any]) -> tuple[Expectation, ...]:
    """Expectations by path: `hello.v2v_ms` of a step, `run.turns`, `across.v2v_ms`."""
    expected: list[Expectation] = []
    for path, operand in wanted:
        place, _, metric = path.partition(".")
        where = place if place in ("run", "across") else "step"
        name = "" if where != "step" else place
        expected.append(Expectation(where, metric, operand, name))  # type: ignore[arg-type]
    return tuple(expected)


def played(
    asked: Scenario, lines: Sequence[str] = (LINE,), *, repeat: int = 0, **settings: Any
) -> Run:
    """A run of it; the recordings are made up."""
    trace, user, _, conversation = call(asked, lines, **settings)
    messages = tuple(
        {"sender": str(message.sender), "text": message.text}
        for message in conversation.transcript.event_logs
    )
    return Run(
        scenario=asked,
        stack=Stack(),
        seed=0,
        repeat=repeat,
        clock="virtual",
        trace=trace,
        user_pcm=bytes(user.received),
        bot_pcm=b"\x01\x00" * 1600,
        messages=messages,
        assumptions=("how fast words come is assumed",),
        wall_seconds=0.25,
    )
