"""Runs to make in, results out, one job at a time: the line before the one process that plays."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, Literal

from bench import clock
from bench.app.page.replay_tab_results import REPORT, Across, Desk, Result, Results
from bench.engine.worker import spawn
from bench.errors import BrokenStream, ConfigError, ConnectFailed, Stalled, TalkbenchError
from bench.replay.runner import Task
from bench.replay.runs import Verdict
from bench.speech.frames import Kind
from bench.speech.process import Channel, WorkerProcess

logger = logging.getLogger(__name__)

WORKER = "bench.app.page.replay_tab_worker"
MOST_IN_LINE = 8  # jobs, the one that is played included
RUN_SECONDS = 60.0  # that one run, or its pictures, may take; the process is then ended
JOB_SECONDS = 600.0
IDLE_SECONDS = 300.0  # without work, then the process gives back its memory
START_SECONDS = 40.0

State = Literal["waiting", "playing", "done", "stopped", "late", "failed"]


class Busy(TalkbenchError):
    """A job cannot be taken now: the line is full, or the visitor's last one is not over."""


class Job:
    """Runs of one visitor, played one after the other; `news` is set at the next change."""

    def __init__(self, visitor: Hashable, tasks: Sequence[Task], desk: Desk) -> None:
        self.visitor, self.tasks, self.desk = visitor, tuple(tasks), desk
        self.state: State = "waiting"
        self.before = 0  # jobs that are played first
        self.why = ""  # it failed
        self.task: asyncio.Task[None] | None = None
        self.news = asyncio.Event()

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state not in ("waiting", "playing")

    def tell(self) -> None:
        """Wake who watches."""
        self.news.set()
        self.news = asyncio.Event()


class Replays:
    """The jobs of a server and their results; `close` ends the process and removes the files."""

    def __init__(self, *, worker: str = WORKER, run_seconds: float = RUN_SECONDS) -> None:
        self.results = Results()
        self._process = WorkerProcess(
            worker, name="replay", start_seconds=START_SECONDS, stall_seconds=run_seconds
        )
        self._run_seconds = run_seconds
        self._line: list[Job] = []
        self._turn = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """The process that plays, while there is one."""
        return self._process.pid

    def of(self, visitor: Hashable) -> Job | None:
        """A visitor's job, while it waits or is played."""
        return next((job for job in self._line if job.visitor == visitor), None)

    def begin(self, visitor: Hashable, tasks: Sequence[Task]) -> Job:
        """Put runs in line; they take the place of what the visitor had.

        Raises:
            Busy: the line is full, or the visitor is in it already.
        """
        if self.of(visitor) is not None:
            raise Busy("Your last replay is not over yet: press Stop, or wait for it.")
        if len(self._line) >= MOST_IN_LINE:
            raise Busy(f"{len(self._line)} replays are in line on this server: try again later.")
        job = Job(visitor, tasks, self.results.clear(visitor))
        self._line.append(job)
        job.before = len(self._line) - 1
        job.task = spawn(self._perform(job), name="replay")
        job.task.add_done_callback(lambda task: self._leave(job, task))  # also if it never began
        return job

    def stop(self, visitor: Hashable) -> None:
        """Call a visitor's job off; what was played stays."""
        job = self.of(visitor)
        if job is not None and job.task is not None:
            job.task.cancel()

    async def draw(self, result: Result) -> None:
        """Draw the pictures of a result, unless they are there.

        Raises:
            TalkbenchError: they cannot be drawn.
        """
        if result.pictures is None and result.run is not None:
            asked = {"folder": str(result.run), "into": str(result.place)}
            try:
                result.take_pictures(await _told(self._begin("draw", asked)))
            except ConfigError as error:
                raise ConfigError(_without(result.place, error)) from None

    async def report(self, result: Result) -> None:
        """Write the page on the replay that a result is of, among the result's files.

        Raises:
            TalkbenchError: it cannot be written.
        """
        desk = self.results.desk_of(result.name) or Desk([result])
        asked = {"folders": _folders(desk), "into": str(result.place / REPORT)}
        await _told(self._begin("report", asked))

    async def close(self) -> None:
        """End the jobs, the process and the files."""
        jobs = [job.task for job in self._line if job.task is not None]
        for task in jobs:
            task.cancel()
        if self._idle is not None:
            self._idle.cancel()
        self._process.kill()
        await asyncio.gather(*jobs, return_exceptions=True)
        await asyncio.to_thread(self._process.close)
        self.results.close()

    async def _perform(self, job: Job) -> None:
        try:
            async with self._turn, clock.deadline(JOB_SECONDS):
                job.state = "playing"
                for task in job.tasks:
                    job.tell()
                    self.results.keep(job.desk, await self._played(task))
                await self._judge_across(job)
            job.state = "done"
        except TimeoutError:
            job.state = "late"
        except TalkbenchError as error:
            job.state, job.why = "failed", str(error)

    async def _judge_across(self, job: Job) -> None:
        expected = [each for task in job.tasks for each in task.scenario.expect]
        if any(each.where == "across" for each in expected):
            told = await _told(self._begin("across", {"folders": _folders(job.desk)}))
            job.desk.across = tuple(
                Across(scenario, stack, Verdict(*verdict))
                for scenario, stack, verdict in told["across"]
            )

    def _leave(self, job: Job, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            job.state = "stopped"
        elif (error := task.exception()) is not None:
            logger.error("a replay ended in the middle", exc_info=error)
            job.state, job.why = "failed", "something is wrong with the bench itself; see its log"
        self._line.remove(job)
        for place, each in enumerate(self._line):
            each.before = place
        for each in (job, *self._line):
            each.tell()

    async def _played(self, task: Task) -> Result:
        """A run that could not be made is a result too; raises ConnectFailed when none can be."""
        result, scenario = self.results.make(task), task.scenario
        stack = task.stack
        asked = {
            "scenario": str(scenario.path),
            "stack": {"stt": stack.stt, "llm": stack.llm, "tts": stack.tts, "voice": stack.voice},
            "seed": task.seed,
            "repeat": task.repeat,
            "into": str(result.place),
        }
        work = self._begin("play", asked)
        try:
            result.take(await _told(work))
        except Stalled:
            result.void = f"it took longer than {self._run_seconds:g} s"
        except (BrokenStream, ConfigError) as error:
            result.void = _without(scenario.path.parent if scenario.path else None, error)
        except (asyncio.CancelledError, ConnectFailed):
            work.add_done_callback(lambda _: self.results.drop(result))
            raise
        return result

    def _begin(self, work: str, asked: dict[str, Any]) -> asyncio.Future[dict[str, Any]]:
        def job(channel: Channel) -> dict[str, Any]:
            return channel.ask(Kind.OPEN, {"work": work, **asked}).json()

        self._rest_later()
        return self._process.begin(job)

    def _rest_later(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._rest)

    def _rest(self) -> None:
        if self._process.jobs:
            self._rest_later()
        else:
            self._process.kill()


def _folders(desk: Desk) -> list[str]:
    return [str(each.run) for each in desk.results if each.run is not None]


def _without(folder: Path | None, error: TalkbenchError) -> str:
    """What an error says, for who need not know where the server keeps its files."""
    return str(error) if folder is None else str(error).replace(f"{folder}/", "")


async def _told(work: asyncio.Future[dict[str, Any]]) -> dict[str, Any]:
    """An answer; who no longer wants it leaves the work to itself."""
    await asyncio.wait([work])
    return work.result()
