"""The wall clock beside virtual time: the smoke set played on both, stage by stage.

All scenarios share one loop on the wall, so it takes as long as the longest. A known delay is
measured on both clocks too: what is measured less what is known is the instrument's bias.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator, Sequence

from bench import clock
from bench.metrics.figures import run_figures
from bench.metrics.response import responses
from bench.replay.player import play
from bench.replay.reading import read_all
from bench.replay.runs import Run
from bench.replay.scenario import Scenario
from tests.bench.figures import Figure, Progress
from tests.bench.replay_speed import LIBRARY
from tests.metrics.known_delay import DELAYS_MS, call

STAGES = (
    "endpoint_delay", "commit_gap", "ttft", "flush_gap", "tts_queue", "ttfa", "out_buffer", "v2v"
)  # fmt: skip


def figures(quick: bool, progress: Progress) -> list[Figure]:
    """The largest difference of each stage, and the bias."""
    scenarios = [s for s in read_all([LIBRARY]) if "smoke" in s.tags][: 2 if quick else None]
    progress("the smoke set in virtual time")
    virtual = clock.run(_all(scenarios, "virtual"), virtual=True)
    progress("the smoke set on the wall clock")
    wall = clock.run(_all(scenarios, "wall"))
    differences = dict(_differences(virtual, wall))
    goal = "<= 30"
    found = [
        Figure(f"agreement.{stage}", f"wall less virtual, {stage}, largest", worst, "ms", "wall",
               goal=goal, note=f"median {middle:.2f} ms, {count} of {len(scenarios)} scenarios")
        for stage, (worst, middle, count) in differences.items()
    ]  # fmt: skip
    return found + list(_bias(quick, progress))


async def _all(scenarios: Sequence[Scenario], kind: str) -> list[Run]:
    calls = (play(scenario, scenario.stacks[0], clock_kind=kind) for scenario in scenarios)
    return await asyncio.gather(*calls)


def _differences(
    virtual: Sequence[Run], wall: Sequence[Run]
) -> Iterator[tuple[str, tuple[float, float, int]]]:
    """By stage: the largest and the median difference in ms, and of how many."""
    pairs = [
        (ours, theirs)
        for run, other in zip(virtual, wall, strict=True)
        for ours, theirs in zip(responses(run.trace), responses(other.trace), strict=False)
    ]
    for stage in STAGES:
        apart = [
            1e3 * abs(there - here)
            for ours, theirs in pairs
            if (here := getattr(ours, stage)) is not None
            and (there := getattr(theirs, stage)) is not None
        ]
        if apart:
            yield stage, (max(apart), statistics.median(apart), len(apart))
    stops = [
        1e3 * abs(there.latency - here.latency)
        for run, other in zip(virtual, wall, strict=True)
        for here, there in zip(
            run_figures(run.trace).stops, run_figures(other.trace).stops, strict=False
        )
        if here.latency is not None and there.latency is not None
    ]
    if stops:
        yield "stop", (max(stops), statistics.median(stops), len(stops))


def _bias(quick: bool, progress: Progress) -> Iterator[Figure]:
    for kind in ("virtual", "wall"):
        progress(f"known delays, {kind}")
        measured = [_measured_ms(delay, kind) - delay for delay in DELAYS_MS[: 1 if quick else 4]]
        worst = max(measured, key=abs)
        note = f"median {statistics.median(measured):.3f} ms"
        what = "known delay of 137/213/353/457 ms, largest bias"
        goal = "<= 1" if kind == "virtual" else None
        yield Figure(
            f"bias.{kind}", f"{what}, {kind}", abs(worst), "ms", kind, goal=goal, note=note
        )


def _measured_ms(delay_ms: int, kind: str) -> float:
    """What voice to voice comes to for a bot that is known to take so long."""
    made = clock.run(call(delay_ms / 1e3, kind), virtual=kind == "virtual")
    (answer,) = responses(made.trace)
    assert answer.v2v is not None
    return 1e3 * answer.v2v
