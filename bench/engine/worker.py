"""Items in, work done: workers on queues, and events whose work can be called off."""

from __future__ import annotations

import asyncio
import logging
import threading
import traceback
from collections.abc import Coroutine, Generator, Iterable
from typing import Any, Generic, TypeVar, cast

from bench.errors import ProviderError, redacted
from bench.events import Fact, ProviderFailed, WorkerFailed
from bench.trace import Trace

T = TypeVar("T")
logger = logging.getLogger(__name__)

QUEUE_SIZE = 64  # items; the default of every queue that names no size of its own
HANG_UP_SECONDS = 1.0  # how long a cancelled task may take to close its streams


def spawn(work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
    """Start a task; the caller keeps it and ends it. The one place where tasks are born."""
    return asyncio.create_task(work, name=name)


class Ending:
    """Tasks that were told to stop; awaiting it waits, within the bound, until they have."""

    def __init__(
        self, tasks: Iterable[asyncio.Task[Any]] = (), *, seconds: float = HANG_UP_SECONDS
    ) -> None:
        self._tasks = [task for task in tasks if not task.done()]
        self._seconds = seconds

    def __await__(self) -> Generator[Any, None, None]:
        return self._wait().__await__()

    async def _wait(self) -> None:
        current = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not current]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._seconds)
        for task in tasks:
            if task in late:
                logger.error("%s did not stop within %.1f s", task.get_name(), self._seconds)


class InterruptibleEvent(Generic[T]):
    """A piece of work that can be called off.

    Interrupting sets `interruption_event` (SDK callback threads read it) and cancels the task that
    works on the event.
    """

    def __init__(self, payload: T, is_interruptible: bool = True) -> None:
        self.payload = payload
        self.is_interruptible = is_interruptible
        self.interrupted = False
        self.turn = 0  # of the user's, that the work is about
        self.task: asyncio.Task[Any] | None = None
        self.called_off: asyncio.Future[None] | None = None  # for whoever waits for the task
        self._flag: threading.Event | None = None
        self._listed_in: LiveEvents | None = None

    @property
    def interruption_event(self) -> threading.Event:
        """Set once the event is interrupted; made on first use, since most events never need it."""
        if self._flag is None:
            self._flag = threading.Event()
            if self.interrupted:
                self._flag.set()
        return self._flag

    def interrupt(self) -> bool:
        """Call the work off; False when it is not interruptible or already was interrupted."""
        if not self.is_interruptible or self.interrupted:
            return False
        self.interrupted = True
        if self._flag is not None:
            self._flag.set()
        self.cancel()
        return True

    def cancel(self) -> None:
        """Cancel the task that works on it, if any, interruptible or not."""
        if self.task is not None:
            self.task.cancel()
        if self.called_off is not None and not self.called_off.done():
            self.called_off.set_result(None)

    def is_interrupted(self) -> bool:
        """Whether the work was called off."""
        return self.interrupted

    def list_in(self, live: LiveEvents) -> None:
        """Join the live events, until `done`."""
        self._listed_in = live
        live[self] = None

    def done(self) -> None:
        """Leave the set of live events: nothing is left to interrupt."""
        if self._listed_in is not None:
            self._listed_in.pop(self, None)
            self._listed_in = None


LiveEvents = dict[InterruptibleEvent[Any], None]  # a set that keeps its order


class BaseWorker:
    """Takes items from one queue, works on them one by one, puts what comes of it on another.

    Override `process`; put results on `output_queue`. An item that raises is recorded and logged,
    and the worker goes on with the next.
    """

    def __init__(
        self,
        input_queue: asyncio.Queue[Any] | None = None,
        output_queue: asyncio.Queue[Any] | None = None,
    ) -> None:
        self.input_queue: asyncio.Queue[Any] = input_queue or asyncio.Queue(QUEUE_SIZE)
        self.output_queue: asyncio.Queue[Any] = output_queue or asyncio.Queue(QUEUE_SIZE)
        self.active = False
        self.trace: Trace | None = None
        self.turn = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """What traces and logs call this worker."""
        return type(self).__name__

    def start(self) -> None:
        """Begin to work; a second call changes nothing. Needs a running loop."""
        if self._task is None:
            self.active = True
            self._task = spawn(self._run(), name=self.name)

    def terminate(self) -> Ending:
        """Stop now; await the result to wait until the worker has closed what it had open."""
        self.active = False
        if self._task is None:
            return Ending()
        self._task.cancel()
        return Ending([self._task], seconds=2 * HANG_UP_SECONDS)

    async def process(self, item: Any) -> None:
        """Work on one item."""
        raise NotImplementedError(
            f"{self.name} must say what it does with an item: write process()"
        )

    async def _run(self) -> None:
        try:
            await self._run_loop()
        except asyncio.CancelledError:
            if self.active:  # somebody else cancelled this task: keep the promise to cancel
                raise
        except Exception as error:  # the loop itself broke, not an item
            self.failed(error)
        finally:
            self.active = False

    async def _run_loop(self) -> None:
        while True:
            await self._work_on(await self.input_queue.get())

    async def _work_on(self, item: Any) -> None:
        try:
            await self.process(item)
        except Exception as error:  # the worker survives any item
            self.failed(error)

    def record(self, fact: Fact) -> None:
        """Put a fact on the trace, when there is one."""
        if self.trace is not None:
            self.trace.record(fact)

    def failed(self, error: BaseException, after_seconds: float = 0.0) -> None:
        """Leave the mark of a failure: a fact in the trace and a redacted line in the log."""
        message, kind = redacted(str(error)), type(error).__name__
        if isinstance(error, ProviderError):
            after = after_seconds if error.after_seconds is None else error.after_seconds
            fact: Fact = ProviderFailed(error.provider, kind, after, error.reason, turn=self.turn)
        else:
            fact = WorkerFailed(self.name, kind, after_seconds, message, turn=self.turn)
        self.record(fact)
        story = "".join(traceback.format_exception(error))
        logger.error("%s failed: %s: %s\n%s", self.name, kind, message, redacted(story))


class InterruptibleWorker(BaseWorker):
    """A worker whose items are `InterruptibleEvent`s: each runs as a task that the event owns."""

    async def _work_on(self, item: Any) -> None:
        if not isinstance(item, InterruptibleEvent):
            await super()._work_on(item)
            return
        event = cast("InterruptibleEvent[Any]", item)
        if not event.is_interrupted():
            await self._own(event)
        event.done()

    async def _own(self, event: InterruptibleEvent[Any]) -> None:
        task = event.task = spawn(self.process(event), name=f"{self.name} at work")
        task.add_done_callback(self._worked)
        called_off = event.called_off = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait([task, called_off], return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await Ending([task])
        except asyncio.CancelledError:  # the worker is stopped, not the event
            task.cancel()
            await Ending([task])
            raise
        finally:
            event.task = event.called_off = None

    def _worked(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed(error)
