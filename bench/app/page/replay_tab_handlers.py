"""What people do on the replay tab in, what it shows then out."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from dataclasses import replace
from html import escape
from typing import Any

import gradio as gr

from bench import clock
from bench.app.page.replay_tab_jobs import Job, Replays
from bench.app.page.replay_tab_library import SMOKE, Library
from bench.app.page.replay_tab_results import Desk, Result
from bench.app.page.replay_tab_shown import detail, found, progress, table
from bench.errors import ConfigError, TalkbenchError
from bench.replay.runner import Task, plan
from bench.replay.scenario import Scenario, Stack

MOST_RUNS = 120  # in one replay: the library with four stacks
MOST_REPEATS = 20
LARGEST_SEED = 2**31
REDRAWN_SECONDS = 0.2  # at most so often while runs are played
DRAWING = "Drawing …"

Visitor = Callable[[gr.Request], Hashable]


class ReplayHandlers:
    """The handlers of the tab; `visitor` tells whose request one is."""

    def __init__(self, replays: Replays, library: Library, visitor: Visitor) -> None:
        self.replays = replays
        self.library = library
        self._visitor = visitor

    async def opened(self, kept: str, request: gr.Request) -> list[Any]:
        """The tab is looked at: the scenarios there are, and what the visitor has; `kept` names a
        result from before a reload of the page, "" when there is none."""
        shelf = await asyncio.to_thread(self.library.shelf)
        visitor = self._visitor(request)
        if kept:
            self.replays.results.adopt(visitor, kept)
        desk = self.replays.results.of(visitor)
        choices = gr.update(choices=shelf.choices(), visible=bool(shelf.scenarios))
        return [choices, found(shelf), table(desk), detail(desk.find(desk.chosen))]

    async def smoke(self) -> list[str]:
        """The few that are tried first."""
        return self.library.shelf().tagged(SMOKE)

    async def every(self) -> list[str]:
        """All there are."""
        return list(self.library.shelf().scenarios)

    async def none(self) -> list[str]:
        """None of them."""
        return []

    async def run(
        self,
        chosen: Sequence[str],
        stt: Sequence[str],
        llm: Sequence[str],
        tts: Sequence[str],
        repeat: str,
        seed: str,
        request: gr.Request,
    ) -> AsyncIterator[list[Any]]:
        """Play what was chosen: progress, verdicts, the run looked at, and what may be pressed."""
        try:
            tasks = self.planned(chosen, (stt, llm, tts), repeat, seed)
            job = self.replays.begin(self._visitor(request), tasks)
        except TalkbenchError as error:
            yield [_problem(str(error)), *[gr.skip()] * 4]
            return
        async for shown in self._watched(job):
            yield shown
        first = _interesting(job.desk)
        if first is not None and job.desk.find(job.desk.chosen) is None:
            async for told in self._looked_at(job.desk, first):
                yield [gr.skip(), table(job.desk), told, *[gr.skip()] * 2]

    async def stop(self, request: gr.Request) -> None:
        """Call the replay off; who watches it shows what became of it."""
        self.replays.stop(self._visitor(request))

    async def choose(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[Any]:
        """Look at one run of the visitor's own."""
        desk = self.replays.results.of(self._visitor(request))
        result = desk.find(str((getattr(event, "_data", None) or {}).get("run", "")))
        if result is not None:
            async for told in self._looked_at(desk, result):
                yield told

    async def left(self, request: gr.Request) -> None:
        """The page was closed or is loaded again: nobody waits for what is still to be played."""
        self.replays.stop(self._visitor(request))

    async def _watched(self, job: Job) -> AsyncIterator[list[Any]]:
        looked_at: Any = ""  # of the replay before; what is looked at meanwhile stays
        while not job.over:
            news = job.news
            yield [progress(job), table(job.desk), looked_at, *_pressable(running=True)]
            looked_at = gr.skip()
            await news.wait()
            await clock.sleep(REDRAWN_SECONDS)
        yield [progress(job), table(job.desk), gr.skip(), *_pressable(running=False)]

    async def _looked_at(self, desk: Desk, result: Result) -> AsyncIterator[str]:
        desk.chosen = result.name
        if result.pictures is None and result.run is not None:
            yield detail(result, note=DRAWING)
        note = ""
        try:
            await self.replays.draw(result)
        except TalkbenchError as error:
            note = f"The pictures could not be drawn: {error}"
        if desk.chosen == result.name:  # else another was chosen meanwhile
            yield detail(result, note=note)

    def planned(
        self,
        chosen: Sequence[str],
        named: tuple[Sequence[str], ...],
        repeat: str,
        seed: str,
    ) -> list[Task]:
        """The runs that were asked for. Raises ConfigError when they cannot be."""
        shelf = self.library.shelf()
        scenarios = [shelf.scenarios[id] for id in shelf.scenarios if id in set(chosen or ())]
        if not scenarios:
            raise ConfigError("Choose at least one scenario.")
        tasks = [
            task
            for scenario in scenarios
            for task in plan(
                scenario,
                stacks=stacks(scenario, *named),
                repeat=_whole(repeat, "Repeat", 1, MOST_REPEATS),
                seed=_whole(seed, "Seed", 0, LARGEST_SEED),
                clock="virtual",
            )
        ]
        if len(tasks) > MOST_RUNS:
            raise ConfigError(
                f"These are {len(tasks)} runs, and one replay here has {MOST_RUNS} at most: choose "
                "fewer, or use `talkbench replay`."
            )
        return tasks


def stacks(
    scenario: Scenario, stt: Sequence[str], llm: Sequence[str], tts: Sequence[str]
) -> list[Stack]:
    """Every combination of the names; where none is given, those of the scenario's own stacks."""
    made = [
        replace(own, stt=ears, llm=head, tts=mouth, voice=own.voice if not tts else "default")
        for own in scenario.stacks
        for ears, head, mouth in itertools.product(
            stt or [own.stt], llm or [own.llm], tts or [own.tts]
        )
    ]
    return list(dict.fromkeys(made))


def _whole(text: str, name: str, low: int, high: int) -> int | None:
    text = (text or "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and low <= int(text[:20]) <= high):
        raise ConfigError(f"{name} is {text[:40]!r}: want a whole number from {low} to {high}.")
    return int(text)


def _interesting(desk: Desk) -> Result | None:
    """The first that did not pass, else the first."""
    broken = (result for result in desk.results if result.status != "pass")
    return next(broken, desk.results[0] if desk.results else None)


def _pressable(*, running: bool) -> list[Any]:
    return [gr.update(interactive=not running), gr.update(interactive=running)]


def _problem(text: str) -> str:
    return f'<p class="tb-problem" role="alert">{escape(text)}</p>'
