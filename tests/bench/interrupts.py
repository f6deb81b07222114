"""Figure 2: interrupt → last frame and last audible sample, at 100 live conversations.

The device is cleared by the interrupt, so the last audible sample is the one that plays when
`clear` arrives. Counted from the instant the interrupt was due: what other conversations' work
delayed it is in the figure.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bench import clock
from tests.bench import clocks
from tests.bench.baseline import RawTalker
from tests.bench.figures import Figure, Progress, percentiles
from tests.bench.talkers import EngineTalker, Talker
from tests.bench.workload import ANSWER_SECONDS, QUESTION, Microphone

CONVERSATIONS = 100
GOALS = {"p99": "<= 0.5"}
WATCH_SECONDS = 0.05  # after each interrupt: two chunks could come by then


@dataclass(slots=True)
class Silence:
    """What was seen of the interrupts: seconds until `clear`, and frames that came after it."""

    seconds: list[float] = field(default_factory=list[float])
    leaked: int = 0


def figures(quick: bool, progress: Progress) -> list[Figure]:
    """Requested interrupts, and a spoken "stop", on a dedicated core; then on the wall clock."""
    found: list[Figure] = []
    for key, name, on, spoken, rounds in (
        ("interrupt", "interrupt → silence", "core", False, 2 if quick else 5),
        ("interrupt.stop", "final “stop” → silence", "core", True, 1 if quick else 2),
        ("interrupt.wall", "interrupt → silence", "wall", False, 1 if quick else 2),
    ):
        progress(f"{CONVERSATIONS} conversations, {rounds} interrupts each, {on} clock")
        ours, raw = Silence(), Silence()
        clocks.run(scene(EngineTalker, ours, rounds, spoken=spoken), on)
        clocks.run(scene(RawTalker, raw, rounds, spoken=False), on)
        goals = GOALS if not spoken else None
        found += percentiles(key, name, ours.seconds, raw.seconds, clock=on, goals=goals)
        note = f"{len(ours.seconds)} interrupts"
        leaks = Figure(f"{key}.leak", "chunks after it", ours.leaked, "chunks", on, goal="<= 0")
        found.append(replace(leaks, note=note))
    return found


async def scene(
    make: Callable[[], Talker],
    seen: Silence,
    rounds: int,
    *,
    spoken: bool,
    conversations: int = CONVERSATIONS,
) -> None:
    """All speak, each from an instant of its own, are interrupted and asked again."""
    draw = random.Random(conversations)
    talkers = [make() for _ in range(conversations)]
    microphones = [Microphone(talker) for talker in talkers]
    for talker in talkers:
        await talker.start()
    async with asyncio.TaskGroup() as all_of_them:
        for talker, microphone in zip(talkers, microphones, strict=True):
            wait_seconds = draw.uniform(0.0, ANSWER_SECONDS)
            listens = [draw.uniform(0.1, ANSWER_SECONDS - 0.1) for _ in range(rounds)]
            one = one_conversation(talker, microphone, wait_seconds, listens, seen, spoken=spoken)
            all_of_them.create_task(one)
    for microphone in microphones:
        microphone.stop()
    for talker in talkers:
        await talker.stop()


async def one_conversation(
    talker: Talker,
    microphone: Microphone,
    wait_seconds: float,
    listens: list[float],
    seen: Silence,
    *,
    spoken: bool,
) -> None:
    """Begin after a while; then ask, listen for a while, interrupt, and ask again."""
    await clock.sleep(wait_seconds)
    microphone.start()
    for seconds in listens:
        await one_interrupt(talker, seconds, seen, spoken=spoken)
    seen.leaked += talker.sink.leaked


async def one_interrupt(
    talker: Talker, listen_seconds: float, seen: Silence, *, spoken: bool
) -> None:
    """Ask, listen for a while, interrupt, and see what still comes."""
    talker.sink.expect()
    talker.hear(QUESTION)
    await talker.sink.first.wait()
    due = talker.sink.first_at + listen_seconds
    over = asyncio.Event()

    def interrupt() -> None:
        if spoken:
            talker.hear("Stop.")
        else:
            talker.interrupt()
        over.set()

    asyncio.get_running_loop().call_at(due, interrupt)
    await over.wait()
    await clock.sleep(WATCH_SECONDS)
    seen.seconds.append(talker.sink.cleared_at - due)
    if spoken:  # it was answered
        talker.interrupt()
        await clock.sleep(WATCH_SECONDS)
