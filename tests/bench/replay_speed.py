"""Replay: how many seconds of conversation pass in one of the CPU's, everything simulated included.

One process and one core; voice activity detection is on unless a row says otherwise. A run's length
is what its microphone heard, silences and all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from bench import clock
from bench.audio import SAMPLE_RATE
from bench.replay.player import play
from bench.replay.reading import read, read_all
from bench.replay.runner import run
from bench.replay.runs import Run
from bench.replay.scenario import Anchor, Scenario, Stack
from tests.bench.crowd import Scene, apart
from tests.bench.figures import Figure, Progress
from tests.bench.virtual_speed import speed

T = TypeVar("T")

LIBRARY = Path(__file__).parents[2] / "scenarios"
PLAIN = LIBRARY / "turns" / "plain-turn.yaml"
LONG_SECONDS = 600.0
CROWD = 100


def figures(quick: bool, progress: Progress) -> list[Figure]:
    """The library, a conversation of ten minutes, and a hundred conversations in one loop."""
    logging.getLogger("bench").setLevel(logging.CRITICAL)  # the faults are in the script
    run(PLAIN)  # what is loaded once is not the scenarios' to pay
    found = [_library(quick, progress)]
    if not quick:
        found += _long(progress)
    conversations = 20 if quick else CROWD
    bare = apart(Scene("raw", conversations, 1.0 if quick else 3.0, "virtual"))
    raw = speed(bare, bare.cpu_seconds)
    return found + [_crowd(vad, conversations, raw, progress) for vad in (False, True)]


def _library(quick: bool, progress: Progress) -> Figure:
    scenarios = read_all([LIBRARY])[: 6 if quick else None]
    played = cpu = 0.0
    slowest = ("", float("inf"))
    for scenario in scenarios:
        progress(scenario.id)
        began = time.process_time()
        (done,) = run(scenario, repeat=1, stacks=scenario.stacks[:1])
        took = time.process_time() - began
        played, cpu = played + _seconds(done), cpu + took
        slowest = min(slowest, (scenario.id, _seconds(done) / took), key=lambda pair: pair[1])
    note = f"{len(scenarios)} scenarios, {played:.0f} s; slowest {slowest[0]}, {slowest[1]:.0f}"
    what = "the library, conversation-seconds a second"
    return Figure("replay.library", what, played / cpu, "s/s", "virtual", goal=">= 100", note=note)


def _long(progress: Progress) -> list[Figure]:
    progress("ten minutes")
    done, cpu, wall = _timed(lambda: run(long_call(read(PLAIN)))[0])
    note = f"{_seconds(done):.0f} s, {len(done.messages)} messages"
    what = "a conversation of ten minutes"
    return [
        Figure("replay.long", f"{what}, CPU", cpu, "s", "virtual", goal="<= 6", note=note),
        Figure("replay.long.wall", f"{what}, by the wall", wall, "s", "wall"),
    ]


def long_call(scenario: Scenario) -> Scenario:
    """The question of a scenario asked again after each answer, for ten minutes."""
    first = scenario.script[0]
    again = [
        replace(first, id=f"again-{k}", at=Anchor("bot_ends", 0.5))
        for k in range(round(LONG_SECONDS / 4))
    ]
    setup = replace(scenario.setup, max_seconds=LONG_SECONDS)
    return replace(scenario, script=(first, *again), setup=setup, expect=())


def _crowd(vad: bool, conversations: int, raw: float, progress: Progress) -> Figure:
    progress(f"{conversations} in one loop")
    scenario = read(PLAIN)
    scenario = replace(scenario, setup=replace(scenario.setup, vad=vad))

    async def together() -> list[Run]:
        calls = (play(scenario, Stack(), repeat=k) for k in range(conversations))
        return await asyncio.gather(*calls)

    runs, cpu, _ = _timed(lambda: clock.run(together(), virtual=True))
    what = f"{conversations} scenarios in one loop, VAD {'on' if vad else 'off'}"
    pace = sum(map(_seconds, runs)) / cpu
    key = f"replay.crowd.{'vad' if vad else 'plain'}"
    return Figure(key, what, pace, "s/s", "virtual", raw, goal=None if vad else ">= 1000")


def _timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """What came of it, CPU seconds, wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def _seconds(done: Run) -> float:
    return len(done.user_pcm) / 2 / SAMPLE_RATE
