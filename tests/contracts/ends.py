"""A block of a test in, an assertion out: nothing of it is left when it ends."""

import asyncio
import gc
import os
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import NamedTuple

from bench import clock

POOLS = ("asyncio_", "virtual_")  # threads that a loop keeps for its jobs
SERVERS = "AioServer."  # gRPC's server waits for each call in a task of its own
POOL_GROWS = 2  # threads at most, of a native library's pool, when its calls come close together
SETTLE_SECONDS = 2.0  # that the wall clock may take for what virtual time does in one


class Held(NamedTuple):
    """What a process holds besides memory."""

    tasks: frozenset[asyncio.Task[object]]
    descriptors: int  # sockets among them
    threads: int  # native ones too, without those of a loop's own pool

    @classmethod
    def now(cls) -> "Held":
        """What it holds at this instant."""
        gc.collect()
        pool = sum(thread.name.startswith(POOLS) for thread in threading.enumerate())
        threads = len(os.listdir("/proc/self/task")) - pool
        tasks = frozenset(task for task in asyncio.all_tasks() if not _is_servers(task))
        return cls(tasks, len(os.listdir("/proc/self/fd")), threads)

    @classmethod
    def before(cls) -> "Held":
        """What it holds before a block, whose collections then look at what is newer alone: SDKs
        have made a million objects by then."""
        held = cls.now()
        gc.freeze()
        return held

    def exceeded(self, by: "Held", *, warm: bool = True, spare: int = 0) -> str:
        """What there is of it in `by` that was not there before, but for `spare` threads; of tasks
        alone unless `warm`."""
        told = [repr(task) for task in by.tasks - self.tasks]
        if warm and by.descriptors > self.descriptors:
            told.append(f"{by.descriptors - self.descriptors} descriptors")
        if warm and by.threads > self.threads + spare:
            told.append(f"{by.threads - self.threads} threads")
        return ", ".join(sorted(told))


@asynccontextmanager
async def nothing_left(*, virtual: bool = True, warm: bool = True) -> AsyncGenerator[None]:
    """No task, descriptor or thread that was not there before.

    A native library makes its own, once, when it is first used: unless the block is `warm`, tasks
    alone are looked at.
    """
    before = Held.before()  # what an earlier test left may go now, and not in the middle
    yield
    await settled(before, virtual=virtual, warm=warm)


async def settled(before: Held, *, virtual: bool = True, warm: bool = True, spare: int = 0) -> None:
    """Wait for what is ending, and assert that no more is held than before, but for `spare`
    threads."""
    until = clock.now() + (1.0 if virtual else SETTLE_SECONDS)
    await clock.sleep(1.0 if virtual else 0.02)
    while (left := before.exceeded(Held.now(), warm=warm, spare=spare)) and clock.now() < until:
        await clock.sleep(0.05)
    assert not left, left


def refused_port() -> int:
    """A port at which nobody listens, in a virtual network or on this machine."""
    return 1


def _is_servers(task: asyncio.Task[object]) -> bool:
    return getattr(task.get_coro(), "__qualname__", "").startswith(SERVERS)
