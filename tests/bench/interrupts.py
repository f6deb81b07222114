"""Figure 2: interrupt → last frame and last audible sample, at 100 live conversations.

The device is cleared by the interrupt, so the last audible sample is the one that plays when
`clear` arrives. Counted from the instant the interrupt was due: what other conversations' work
delayed it is in the figure.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from bench import clock
from tests.bench import clocks
from tests.bench.baseline import RawTalker
from tests.bench.figures import Figure, Progress, percentiles
from tests.bench.talkers import EngineTalker, Talker
from tests.bench.turn_latency import talk_into
from tests.bench.workload import LIVE, QUESTION, Delays

CONVERSATIONS = 100
GOALS = {"p99": "<= 0.5"}
QUIET_SECONDS = 0.25  # watched after each interrupt for frames that should not come


@dataclass(slots=True)
class Silence:
    """What was seen of the interrupts: seconds until `clear`, and frames that came after it."""

    seconds: list[float] = field(default_factory=list[float])
    leaked: int = 0


def figures(quick: bool, progress: Progress) -> list[Figure]:
    """Requested interrupts, and a spoken "stop", on a dedicated core; then on the wall clock."""
    found: list[Figure] = []
    rounds = 2 if quick else 5
    for key, name, on, spoken in (
        ("interrupt", "interrupt → silence", "core", False),
        ("interrupt.stop", "final “stop” → silence", "core", True),
        ("interrupt.wall", "interrupt → silence", "wall", False),
    ):
        progress(f"{CONVERSATIONS} conversations, {rounds} interrupts each, {on} clock")
        ours, raw = Silence(), Silence()
        for turn in range(rounds):
            clocks.run(scene(EngineTalker, ours, seed=turn, spoken=spoken), on)
            clocks.run(scene(RawTalker, raw, seed=turn, spoken=False), on)
        goals = GOALS if not spoken else None
        found += percentiles(key, name, ours.seconds, raw.seconds, clock=on, goals=goals)
        leaks = Figure(f"{key}.leak", "frames after it", ours.leaked, "frames", on, goal="<= 0")
        found.append(leaks)
    return found


async def scene(
    make: Callable[[Delays], Talker],
    seen: Silence,
    *,
    seed: int,
    spoken: bool,
    conversations: int = CONVERSATIONS,
) -> None:
    """All speak at once, each from an instant of its own, and each is interrupted once."""
    draw = random.Random(seed)
    talkers = [make(LIVE) for _ in range(conversations)]
    for talker in talkers:
        await talker.start()
    microphones: list[asyncio.Task[None]] = []
    async with asyncio.TaskGroup() as all_of_them:
        for talker in talkers:
            plan = draw.uniform(0.0, 1.0), draw.uniform(0.1, 3.5)
            all_of_them.create_task(one_interrupt(talker, plan, seen, microphones, spoken=spoken))
    for microphone in microphones:
        microphone.cancel()
    for talker in talkers:
        await talker.stop()


async def one_interrupt(
    talker: Talker,
    plan: tuple[float, float],
    seen: Silence,
    microphones: list[asyncio.Task[None]],
    *,
    spoken: bool,
) -> None:
    """Ask after a while, listen for a while, interrupt, and see what still comes."""
    wait_seconds, listen_seconds = plan
    await clock.sleep(wait_seconds)
    microphones.append(asyncio.create_task(talk_into(talker)))
    talker.sink.expect()
    talker.hear(QUESTION)
    await talker.sink.first.wait()
    due = talker.sink.first_at + listen_seconds
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def interrupt() -> None:
        if spoken:
            talker.hear("Stop.")
        else:
            talker.interrupt()
        over.set()

    loop.call_at(due, interrupt)
    await over.wait()
    await clock.sleep(QUIET_SECONDS)
    seen.seconds.append(talker.sink.cleared_at - due)
    seen.leaked += talker.sink.last_at > talker.sink.cleared_at
