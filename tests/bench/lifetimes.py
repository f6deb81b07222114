"""Figure 5: what a microphone frame, an import, a start, a stop and an hour cost."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from array import array
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil

from bench import clock
from bench.engine.agent import GeneratedResponse
from bench.engine.synthesizer import BaseMessage, ChunkResult, SynthesisResult
from tests.bench import clocks
from tests.bench.baseline import RawTalker
from tests.bench.figures import Figure, Progress, percentile
from tests.bench.talkers import EngineTalker, Talker
from tests.bench.workload import FRAME, FRAME_SECONDS, LIVE, QUESTION, Delays

ROOT = Path(__file__).parents[2]
MIB = 2**20
ENGINE = "bench.engine.conversation"  # brings all of the engine with it; `bench.engine` is prose
IMPORTER = """
import json, os, sys, time, asyncio, resource
sys.path.insert(0, sys.argv[1])
before, modules = time.process_time(), set(sys.modules)
for name in sys.argv[2:]:
    __import__(name)
cpu, added = time.process_time() - before, sorted(set(sys.modules) - modules)
rss = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
tops = {name.partition(".")[0] for name in added}
third = sorted(tops - set(sys.stdlib_module_names) - {"bench"})
print(json.dumps({"cpu": cpu, "total": time.process_time(), "rss": rss,
                  "modules": len(added), "third": third}))
"""


def figures(quick: bool, progress: Progress) -> list[Figure]:
    """All of figure 5."""
    progress("microphone frames")
    found = frame_figures(20 if quick else 100)
    progress("imports in fresh processes")
    found += import_figures(3 if quick else 7)
    progress("start/stop cycles")
    found += cycle_figures(100 if quick else 500)
    minutes = 10 if quick else 60
    progress(f"{minutes} minutes of paced audio in virtual time")
    return [*found, hour_figure(minutes)]


def frame_figures(batches: int) -> list[Figure]:
    """CPU per microphone frame, from `receive_audio` into the transcriber's `process`."""
    found: list[Figure] = []
    for key, name, burst in (
        ("frame", "a microphone frame, 50 at a time", 50),
        ("frame.single", "a microphone frame, one a loop pass", 1),
    ):
        ours, raw = array("d"), array("d")
        for _ in range(batches):
            ours.append(clocks.run(frame_cost(EngineTalker, 2000, burst)))
            raw.append(clocks.run(frame_cost(RawTalker, 2000, burst)))
        goal = "<= 3" if burst > 1 else None
        cost, of_raw = 1e6 * min(ours), 1e6 * min(raw)  # the batch least disturbed by neighbours
        found.append(Figure(key, name, cost, "µs CPU", "core", of_raw, goal))
    return found


async def frame_cost(make: Callable[[], Talker], frames: int, burst: int) -> float:
    """Seconds of CPU a frame; every frame has reached the transcriber when it is over."""
    talker = make()
    await talker.start()
    await clock.sleep(0)
    began = time.thread_time()
    for _ in range(frames // burst):
        for _ in range(burst):
            talker.receive_audio(FRAME)
        await clock.sleep(0)
    cost = time.thread_time() - began
    await clock.sleep(0)
    assert talker.frames == frames
    await talker.stop()
    return cost / frames


def import_figures(times: int) -> list[Figure]:
    """CPU and memory of importing the engine in a fresh process; the baseline is asyncio alone."""
    ours = [imported(ENGINE) for _ in range(times)]
    raw = imported("json")
    return [
        Figure("import.cpu", f"import {ENGINE}", median(o["cpu"] for o in ours), "s CPU",
               "process", goal="<= 0.12", note="beyond asyncio's, which is all the baseline has"),
        Figure("import.total", "the whole process until then", median(o["total"] for o in ours),
               "s CPU", "process", raw["total"]),
        Figure("import.rss", "RSS after it", median(o["rss"] for o in ours) / MIB, "MiB",
               "process", raw["rss"] / MIB, "<= 30"),
        Figure("import.modules", "modules it adds to asyncio's", ours[0]["modules"], "modules",
               "process"),
        Figure("import.third", "third-party packages among them", len(ours[0]["third"]),
               "packages", "process", goal="<= 0"),
    ]  # fmt: skip


def imported(*modules: str) -> dict[str, float]:
    """What importing these costs after asyncio, in an interpreter of its own."""
    command = [sys.executable, "-I", "-c", IMPORTER, str(ROOT), *modules]
    ran = subprocess.run(command, capture_output=True, check=True, text=True)
    return json.loads(ran.stdout)


@dataclass(slots=True)
class Cycles:
    """Start/stop cycles: seconds each, tasks left over, resident bytes after every fifth."""

    start: list[float] = field(default_factory=list[float])
    stop: list[float] = field(default_factory=list[float])
    rss: list[int] = field(default_factory=list[int])
    cpu: float = 0.0
    tasks_left: int = 0


def cycle_figures(cycles: int) -> list[Figure]:
    """Short conversations one after the other, stopped while idle, thinking and speaking."""
    ours, raw = clocks.run(cycle(EngineTalker, cycles)), clocks.run(cycle(RawTalker, cycles))
    fifths = len(ours.rss) // 5
    growth = (ours.rss[-1] - ours.rss[fifths]) / MIB
    of_raw = (raw.rss[-1] - raw.rss[fifths]) / MIB
    note = f"from cycle {cycles // 5} to {cycles}"
    return [
        Figure("cycle.start", "start, p50", 1e3 * median(ours.start), "ms", "core",
               1e3 * median(raw.start)),
        Figure("cycle.stop.p50", "stop, p50", 1e3 * median(ours.stop), "ms", "core",
               1e3 * median(raw.stop)),
        Figure("cycle.stop.p99", "stop, p99", 1e3 * percentile(ours.stop, 0.99), "ms", "core",
               1e3 * percentile(raw.stop, 0.99), "<= 5"),
        Figure("cycle.cpu", "a short conversation", 1e3 * ours.cpu / cycles, "ms CPU", "core",
               1e3 * raw.cpu / cycles),
        Figure("cycle.tasks", f"tasks left after {cycles}", ours.tasks_left, "tasks", "core",
               goal="<= 0"),
        Figure("cycle.rss", "RSS growth", growth, "MiB", "process", of_raw or None, "<= 1", note),
    ]  # fmt: skip


async def cycle(make: Callable[[Delays], Talker], cycles: int) -> Cycles:
    """A third each is stopped idle, before the first audio, and mid-speech."""
    seen, process = Cycles(), psutil.Process()
    began = time.thread_time()
    for i in range(cycles):
        talker = make(LIVE)
        started_at = clock.now()
        await talker.start()
        seen.start.append(clock.now() - started_at)
        talker.receive_audio(FRAME)
        if i % 3:
            talker.hear(QUESTION)
            await clock.sleep(0.2 if i % 3 == 1 else 0.9)
        stopped_at = clock.now()
        await talker.stop()
        seen.stop.append(clock.now() - stopped_at)
        seen.rss.append(process.memory_info().rss)
        del talker
    seen.cpu = time.thread_time() - began
    await clock.sleep(0)
    seen.tasks_left = len(asyncio.all_tasks()) - 1
    gc.collect()
    seen.rss.append(process.memory_info().rss)
    return seen


class LongTalker(EngineTalker):
    """Says one thing, for as long as it is told to."""

    def __init__(self, chunks: int) -> None:
        super().__init__()
        self._chunks = chunks
        self.conversation.agent.generate_response = self._answer
        self.synthesizer.create_speech = self._speak

    async def _answer(self, *_: object) -> AsyncGenerator[GeneratedResponse, None]:
        yield GeneratedResponse(BaseMessage("And so on."))

    async def _speak(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        async def endless() -> AsyncGenerator[ChunkResult, None]:
            for left in reversed(range(self._chunks)):
                yield ChunkResult(FRAME, not left)

        return SynthesisResult(endless(), lambda seconds: message.text)


def hour_figure(minutes: int) -> Figure:
    """How far the last chunk of so many minutes is from its place, in samples."""
    drift, chunks, worst = clocks.run(_long_speech(minutes), "virtual")
    note = f"{chunks} chunks in virtual time, none further than {worst} samples from its place"
    name = f"drift after {minutes} minutes of paced audio"
    return Figure("hour.drift", name, drift, "samples", "virtual", goal="<= 0", note=note)


async def _long_speech(minutes: int) -> tuple[int, int, int]:
    talker = LongTalker(round(minutes * 60 / FRAME_SECONDS))
    await talker.start()
    talker.hear(QUESTION)
    await clock.sleep(minutes * 60 + 5)
    late = [round(seconds * 16_000) for seconds in talker.sink.lateness]
    chunks = talker.sink.chunks
    await talker.stop()
    return abs(late[-1]), chunks, max(map(abs, late))
