"""Scenarios and stacks in, judged runs out: one by one, or in several processes."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench import clock
from bench.replay.expectations import judge
from bench.replay.player import play
from bench.replay.reading import read_all
from bench.replay.runs import Run
from bench.replay.scenario import Scenario, Stack
from bench.simulation.draws import Draws

T = TypeVar("T")

Source = Path | str | Scenario
Progress = Callable[[Run], None]


@dataclass(frozen=True, slots=True)
class Task:
    """One run to be made."""

    scenario: Scenario
    stack: Stack
    seed: int
    repeat: int
    clock: str


def run(
    scenarios: Source | Iterable[Source],
    *,
    stacks: Sequence[Stack] | None = None,
    repeat: int | None = None,
    seed: int | None = None,
    clock: str | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> list[Run]:
    """Play scenarios, each with every stack and as many times as it says, and judge every run.

    `scenarios` are files, folders of files or scenarios; what is given beside them (`stacks`,
    `repeat`, `seed`, `clock`: "virtual" or "wall") stands over what they say. `jobs` processes
    share the work; `progress` is told of each run as it is done. Works inside a running loop too,
    as in a notebook: it then blocks until all is done.

    Raises:
        ConfigError: a file that cannot be read, or a provider that cannot be used.
    """
    tasks = plan(scenarios, stacks=stacks, repeat=repeat, seed=seed, clock=clock)
    return list(results(tasks, jobs=jobs, progress=progress))


def plan(
    scenarios: Source | Iterable[Source],
    *,
    stacks: Sequence[Stack] | None = None,
    repeat: int | None = None,
    seed: int | None = None,
    clock: str | None = None,
) -> list[Task]:
    """The runs that `run` would make, in order.

    On the wall clock the stacks of a repeat come in a drawn order, so that none is always first.
    """
    tasks = list[Task]()
    for scenario in _scenarios(scenarios):
        setup = scenario.setup
        kind, first = clock or setup.clock, setup.seed if seed is None else seed
        for k in range(setup.repeat if repeat is None else repeat):
            chosen = list(stacks or scenario.stacks)
            if kind == "wall":
                draws = Draws(first, k)
                chosen.sort(key=lambda stack: draws.uniform(scenario.id, "order" + stack.name, 0))
            tasks.extend(Task(scenario, stack, first, k, kind) for stack in chosen)
    return tasks


def results(
    tasks: Sequence[Task], *, jobs: int = 1, progress: Progress | None = None
) -> Generator[Run]:
    """Make the runs, in the order of the tasks; close it to stop early."""
    for done in _in_processes(tasks, jobs) if jobs > 1 and len(tasks) > 1 else map(_make, tasks):
        if progress is not None:
            progress(done)
        yield done


def _scenarios(scenarios: Source | Iterable[Source]) -> list[Scenario]:
    given = [scenarios] if isinstance(scenarios, Path | str | Scenario) else list(scenarios)
    found = list[Scenario]()
    for is_file, group in itertools.groupby(given, key=lambda s: not isinstance(s, Scenario)):
        if is_file:
            found += read_all([Path(source) for source in group if isinstance(source, Path | str)])
        else:
            found += [source for source in group if isinstance(source, Scenario)]
    return found


def _make(task: Task) -> Run:
    """One run in a loop of its own; in a thread of its own where a loop already runs."""
    return _in_thread(lambda: _play(task)) if _in_a_loop() else _play(task)


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _play(task: Task) -> Run:
    playing = play(
        task.scenario, task.stack, seed=task.seed, repeat=task.repeat, clock_kind=task.clock
    )
    done = clock.run(playing, virtual=task.clock == "virtual")
    done.verdicts = judge(done)
    return done


def _in_processes(tasks: Sequence[Task], jobs: int) -> Iterator[Run]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=context) as pool:
        yield from pool.map(_play, tasks)


def _in_thread(work: Callable[[], T]) -> T:
    """What `work` returns or raises, from a thread that has no running loop."""
    outcome: list[T] = []
    error: list[BaseException] = []

    def do() -> None:
        try:
            outcome.append(work())
        except BaseException as raised:  # raised again by the caller
            error.append(raised)

    thread = threading.Thread(target=do, name="replay")
    thread.start()
    thread.join()
    if error:
        raise error[0]
    return outcome[0]
