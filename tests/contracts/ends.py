"""A block of a test in, an assertion out: nothing of it is left when it ends."""

import asyncio
import gc
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bench import clock


@asynccontextmanager
async def nothing_left() -> AsyncGenerator[None]:
    """No task and no descriptor that was not there before."""
    gc.collect()  # what an earlier test left may go now, and not in the middle
    tasks, descriptors = asyncio.all_tasks(), _descriptors()
    yield
    await clock.sleep(1.0)
    left = asyncio.all_tasks() - tasks
    assert not left, left
    gc.collect()
    assert _descriptors() <= descriptors


def refused_port() -> int:
    """A port at which nobody listens in a virtual network."""
    return 1


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))
