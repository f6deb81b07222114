"""Figure 1: final transcript → first audio at the sink, our own time.

Providers take no time, so all that passes is ours: five hops, 20 tokens to the end of the first
sentence, its synthesis call and its first chunk. Microphone frames go on all the while.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from bench import clock
from tests.bench import clocks
from tests.bench.baseline import RawTalker
from tests.bench.figures import Figure, Progress, percentiles
from tests.bench.talkers import EngineTalker, Talker
from tests.bench.workload import ANSWER_SECONDS, QUESTION, Delays, Microphone

BLOCK = 25  # turns of one contestant before the other's
GOALS = {"p50": "<= 0.8", "p99": "<= 2"}
STREAMED = Delays(yields=True)


def figures(quick: bool, progress: Progress) -> list[Figure]:
    """Own time of a turn on a dedicated core, then on the wall clock."""
    found: list[Figure] = []
    turns = 200 if quick else 300
    for key, name, delays in (
        ("turn", "final → first audio", Delays()),
        ("turn.streamed", "same, tokens one a loop pass", STREAMED),
    ):
        progress(f"{turns} turns, dedicated core")
        ours, raw = interleaved(turns, delays, "core")
        goals = GOALS if delays == Delays() else None
        note = f"{turns} turns"
        found += percentiles(key, name, ours, raw, clock="core", goals=goals, note=note)
    turns = 50 if quick else 100
    progress(f"{turns} turns, wall clock")
    ours, raw = interleaved(turns, Delays(), "wall", play_seconds=0.03)
    note = f"{turns} turns"
    return found + percentiles(
        "turn.wall", "final → first audio", ours, raw, clock="wall", note=note
    )


def interleaved(
    turns: int, delays: Delays, on: str, play_seconds: float = ANSWER_SECONDS
) -> tuple[list[float], list[float]]:
    """Latencies (seconds) of ours and the baseline's turns, measured in alternating blocks.

    After `play_seconds` what is left of an answer is interrupted.
    """
    latencies: dict[Callable[[Delays], Talker], list[float]] = {EngineTalker: [], RawTalker: []}
    while len(latencies[RawTalker]) < turns:
        for make, seconds in latencies.items():
            n = min(BLOCK, turns - len(seconds))
            seconds += clocks.run(measure(make, delays, n, play_seconds), on)
    return latencies[EngineTalker], latencies[RawTalker]


async def measure(
    make: Callable[[Delays], Talker], delays: Delays, turns: int, play_seconds: float
) -> list[float]:
    """One conversation's latencies in seconds, after one turn to warm up."""
    talker, draw = make(delays), random.Random(turns)
    await talker.start()
    microphone = Microphone(talker)
    microphone.start()
    latencies = [await one_turn(talker, play_seconds, draw) for _ in range(turns + 1)]
    microphone.stop()
    await talker.stop()
    return latencies[1:]


async def one_turn(talker: Talker, play_seconds: float, draw: random.Random) -> float:
    """Ask, wait for the first chunk; let it play; a pause of no particular length."""
    talker.sink.expect()
    asked_at = clock.now()
    talker.hear(QUESTION)
    await talker.sink.first.wait()
    latency = talker.sink.first_at - asked_at
    await clock.sleep(play_seconds)
    talker.interrupt()
    await clock.sleep(draw.uniform(0.02, 0.05))
    return latency
