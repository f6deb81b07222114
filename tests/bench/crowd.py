"""A number of live conversations in, one process' lateness, CPU and memory out.

`python -m tests.bench.crowd '{"who": "ours", "conversations": 10}'` plays one scene in a process of
its own and prints what was seen as JSON; `apart` does so from another.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import subprocess
import sys
import time
import tracemalloc
from array import array
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from bench import clock
from bench.events import AudioDropped
from tests.bench import clocks
from tests.bench.baseline import RawTalker
from tests.bench.figures import percentile, settle_memory
from tests.bench.talkers import EngineTalker, Talker
from tests.bench.workload import ANSWER_SECONDS, LIVE, QUESTION, SENTENCES, Microphone, spoken

ROOT = Path(__file__).parents[2]
PAUSE_SECONDS = 0.5  # from the end of an answer to the next question
CYCLE_SECONDS = ANSWER_SECONDS + PAUSE_SECONDS + 0.35
CHILD_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Scene:
    """Who talks (`ours`, `vad`: ours with Silero, `raw`), how many, how long, on which clock."""

    who: str
    conversations: int
    seconds: float = 10.0  # that are measured, after all have begun
    on: str = "core"


@dataclass(slots=True)
class Seen:
    """What one scene showed; seconds, and MiB where it says so."""

    scene: Scene
    chunks: int
    p50: float  # lateness of a chunk
    p99: float
    worst: float
    first: float  # median from the final transcript to the first audio
    cpu: float  # of all conversations together, share of a core
    answers: int
    frames: int
    dropped: int  # microphone frames, for want of time
    underruns: int
    wall_seconds: float  # that the measured seconds took
    cpu_seconds: float

    @property
    def cpu_each(self) -> float:
        """Percent of a core for a conversation."""
        return 100 * self.cpu / self.scene.conversations


@dataclass(slots=True)
class Crowd:
    """The conversations of a scene, and the moments their questions were answered."""

    talkers: list[Talker]
    firsts: array[float] = field(default_factory=lambda: array("d"))

    def lateness(self) -> array[float]:
        """Of every chunk since `forget`, in seconds."""
        return array("f", (late for talker in self.talkers for late in talker.sink.lateness))

    def forget(self) -> None:
        """Measure from here on."""
        for talker in self.talkers:
            del talker.sink.lateness[:]
        del self.firsts[:]

    def frames(self) -> int:
        """Microphone frames that reached a transcriber."""
        return sum(talker.frames for talker in self.talkers)

    async def converse(self, talker: Talker, wait_seconds: float) -> None:
        """Ask, hear the answer out, pause, ask again, for ever."""
        await clock.sleep(wait_seconds)
        microphone = Microphone(talker)
        microphone.start()
        try:
            while True:
                await self._one_turn(talker)
        finally:
            microphone.stop()

    async def _one_turn(self, talker: Talker) -> None:
        talker.sink.expect()
        asked_at = clock.now()
        talker.hear(QUESTION)
        await talker.sink.first.wait()
        self.firsts.append(talker.sink.first_at - asked_at)
        await clock.sleep_until(talker.sink.first_at + ANSWER_SECONDS + PAUSE_SECONDS)


def makers() -> dict[str, Callable[[], Talker]]:
    """Who can be asked for."""
    return {"ours": lambda: EngineTalker(LIVE), "vad": _with_silero, "raw": lambda: RawTalker(LIVE)}


def _with_silero() -> Talker:
    from bench.speech.silero import SileroStream

    return EngineTalker(LIVE, vad=SileroStream().probability)


async def play(scene: Scene) -> Seen:
    """All begin, spread over one cycle; then they are watched for the seconds of the scene."""
    draw = random.Random(scene.conversations)
    crowd = Crowd([makers()[scene.who]() for _ in range(scene.conversations)])
    for talker in crowd.talkers:
        await talker.start()
    waits = [draw.uniform(0, CYCLE_SECONDS) for _ in crowd.talkers]
    talks = [
        asyncio.create_task(crowd.converse(talker, wait))
        for talker, wait in zip(crowd.talkers, waits, strict=True)
    ]
    await clock.sleep(CYCLE_SECONDS)
    seen = await _watch(scene, crowd)
    for talk in talks:
        talk.cancel()
    ended = await asyncio.gather(*talks, return_exceptions=True)
    for talker in crowd.talkers:
        await talker.stop()
    failed = [end for end in ended if not isinstance(end, asyncio.CancelledError)]
    if failed:
        raise RuntimeError(f"{len(failed)} conversations failed, the first: {failed[0]!r}")
    return seen


async def _watch(scene: Scene, crowd: Crowd) -> Seen:
    crowd.forget()
    frames, began_at = crowd.frames(), clock.now()
    wall, busy, cpu = time.monotonic(), clocks.busy_seconds(), time.process_time()
    await clock.sleep(scene.seconds)
    busy, elapsed = clocks.busy_seconds() - busy, clock.now() - began_at
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    late = crowd.lateness()
    return Seen(
        scene=scene,
        chunks=len(late),
        p50=percentile(late, 0.5),
        p99=percentile(late, 0.99),
        worst=max(late),
        first=percentile(crowd.firsts, 0.5) if crowd.firsts else 0.0,
        cpu=busy / elapsed,
        answers=len(crowd.firsts),
        frames=crowd.frames() - frames,
        dropped=sum(map(_dropped, crowd.talkers)),
        underruns=sum(talker.underruns for talker in crowd.talkers),
        wall_seconds=wall,
        cpu_seconds=cpu,
    )


def _dropped(talker: Talker) -> int:
    if not isinstance(talker, EngineTalker):
        return 0
    facts = talker.conversation.trace.of(AudioDropped)
    return sum(fact.samples for fact in facts) // 320


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB a conversation: resident and as the interpreter counts, and its asyncio tasks."""

    idle: float
    used: float
    idle_objects: float
    used_objects: float
    tasks: float


async def weigh(who: str, conversations: int, *, traced: bool) -> tuple[float, float, float]:
    """MiB a conversation when all are started, then after all have spoken for 2 s; and tasks.

    The first tenth is made before the scales are read, so that what is loaded once does not count.
    """
    talkers = [makers()[who]() for _ in range(conversations // 10)]
    for talker in talkers:
        await talker.start()
    await clock.sleep(0.1)
    before, tasks = _held(traced), len(asyncio.all_tasks())
    more: list[Talker] = []
    for _ in range(conversations):
        more.append(makers()[who]())
        await more[-1].start()
    await clock.sleep(0.1)
    idle, tasks = (_held(traced) - before) / conversations, len(asyncio.all_tasks()) - tasks
    for talker in more:
        talker.sink.expect()
        talker.receive_audio(bytes(640))
        talker.hear(QUESTION)
    await clock.sleep(2.5)
    used = (_held(traced) - before) / conversations
    assert all(talker.sink.chunks for talker in more)
    for talker in (*talkers, *more):
        await talker.stop()
    return idle, used, tasks / conversations


def _held(traced: bool) -> float:
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] if traced else psutil.Process().memory_info().rss
    return held / 2**20


def apart(scene: Scene) -> Seen:
    """Play a scene in a process of its own."""
    return Seen(**_child(asdict(scene)) | {"scene": scene})


def weigh_apart(who: str, conversations: int) -> Memory:
    """Weigh conversations twice, in two processes: resident memory, and what objects hold."""
    asked = {"who": who, "conversations": conversations}
    idle, used, tasks = _child(asked | {"weigh": "rss"})["mib"]
    idle_objects, used_objects, _ = _child(asked | {"weigh": "objects"})["mib"]
    return Memory(idle, used, idle_objects, used_objects, tasks)


def _child(asked: dict[str, object]) -> dict[str, object]:
    command = [sys.executable, "-m", "tests.bench.crowd", json.dumps(asked)]
    ran = subprocess.run(
        command, cwd=ROOT, capture_output=True, check=False, text=True, timeout=CHILD_SECONDS
    )
    if ran.returncode:
        raise RuntimeError(f"{asked} failed:\n{ran.stderr[-2000:]}")
    return json.loads(ran.stdout)


def _main(asked: dict[str, object]) -> dict[str, object]:
    for sentence in SENTENCES:
        spoken(sentence)
    if asked["who"] == "vad":
        _with_silero()  # the model is loaded once, before the first conversation
    settle_memory()
    if "weigh" not in asked:
        scene = Scene(**asked)
        return asdict(clocks.run(play(scene), scene.on))
    traced = asked["weigh"] == "objects"
    if traced:
        tracemalloc.start()
    who, conversations = str(asked["who"]), int(str(asked["conversations"]))
    return {"mib": clocks.run(weigh(who, conversations, traced=traced))}


if __name__ == "__main__":
    print(json.dumps(_main(json.loads(sys.argv[1]))))
