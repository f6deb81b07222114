"""Workers survive their items, events are called off once, tasks have ends."""

import asyncio
import logging
import threading

import pytest

from bench import clock
from bench.engine.worker import (
    BaseWorker,
    Ending,
    InterruptibleEvent,
    InterruptibleWorker,
    LiveEvents,
    spawn,
)
from bench.errors import Rejected
from bench.events import ProviderFailed, WorkerFailed
from bench.trace import Trace

pytestmark = pytest.mark.unit

KEY = "sk-abcdefghijklmnopqrstuvwxyz0123456789"


class Worker(BaseWorker):
    """Passes items on; an exception is raised, a number waited for."""

    async def process(self, item: object) -> None:
        if isinstance(item, Exception):
            raise item
        if isinstance(item, float):
            await clock.sleep(item)
        await self.output_queue.put(item)


class Interruptible(InterruptibleWorker):
    """Waits for its payload's seconds and notes what became of it."""

    def __init__(self, closing_seconds: float = 0.0) -> None:
        super().__init__(asyncio.Queue(8), asyncio.Queue(8))
        self.closing_seconds = closing_seconds
        self.log: list[tuple[str, float]] = []

    async def process(self, item: InterruptibleEvent[float]) -> None:
        try:
            await clock.sleep(item.payload)
            self.log.append(("done", clock.now()))
        except asyncio.CancelledError:
            self.log.append(("cancelled", clock.now()))
            raise
        finally:
            await clock.sleep(self.closing_seconds)


def test_items_are_worked_on_one_by_one_in_their_order():
    async def main() -> list[object]:
        worker = Worker(asyncio.Queue(8), asyncio.Queue(8))
        for item in (0.3, 0.1, 0.2):
            worker.input_queue.put_nowait(item)
        worker.start()
        worker.start()
        done = [await worker.output_queue.get() for _ in range(3)]
        assert clock.now() == pytest.approx(0.6, abs=1e-5)
        await worker.terminate()
        return done

    assert clock.run(main(), virtual=True) == [0.3, 0.1, 0.2]


def test_an_item_that_raises_leaves_a_fact_and_an_error_without_its_secrets(
    caplog: pytest.LogCaptureFixture,
):
    async def main() -> Trace:
        worker = Worker(asyncio.Queue(8), asyncio.Queue(8))
        worker.trace, worker.turn = Trace(), 7
        worker.start()
        for item in (ValueError(f"api_key={KEY}"), Rejected("vendor", f"key {KEY}", 1.5), "well"):
            worker.input_queue.put_nowait(item)
        assert await worker.output_queue.get() == "well"
        await worker.terminate()
        return worker.trace

    trace = clock.run(main(), virtual=True)
    assert trace.of(WorkerFailed) == [
        WorkerFailed("Worker", "ValueError", 0.0, "api_key=***", turn=7)
    ]
    (failed,) = trace.of(ProviderFailed)
    assert (failed.provider, failed.kind, failed.after_seconds) == ("vendor", "Rejected", 1.5)
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 2
    assert "Traceback" in caplog.text
    assert KEY not in caplog.text + "".join(trace.lines())


def test_terminate_may_be_called_or_awaited_and_comes_at_any_time():
    async def main() -> None:
        worker = Worker(asyncio.Queue(8), asyncio.Queue(8))
        worker.terminate()
        await worker.terminate()
        worker.start()
        assert worker.active
        worker.terminate()
        assert not worker.active
        await clock.sleep(0)
        await worker.terminate()
        await worker.terminate()
        busy = Worker(asyncio.Queue(8), asyncio.Queue(8))
        busy.input_queue.put_nowait(100.0)
        busy.start()
        await clock.sleep(1.0)
        await busy.terminate()
        assert clock.now() == pytest.approx(1.0, abs=1e-5)
        assert len(asyncio.all_tasks()) == 1

    clock.run(main(), virtual=True)


def test_who_cancels_the_task_from_outside_gets_a_cancelled_task():
    async def main() -> None:
        worker = Worker(asyncio.Queue(8), asyncio.Queue(8))
        worker.start()
        await clock.sleep(0)
        assert worker._task is not None
        worker._task.cancel()
        await asyncio.wait([worker._task])
        assert worker._task.cancelled()
        assert not worker.active

    clock.run(main(), virtual=True)


def test_a_worker_without_process_says_what_is_missing():
    async def main() -> str:
        worker = BaseWorker()
        worker.trace = Trace()
        worker.start()
        worker.input_queue.put_nowait(1)
        await clock.sleep(0.1)
        await worker.terminate()
        return worker.trace.of(WorkerFailed)[0].message

    assert clock.run(main(), virtual=True) == (
        "BaseWorker must say what it does with an item: write process()"
    )


# Events


def test_an_event_is_called_off_once_and_only_if_it_may_be():
    event = InterruptibleEvent("work")
    assert not event.is_interrupted()
    assert event.interrupt()
    assert not event.interrupt()
    assert event.is_interrupted()
    assert event.interrupted
    assert event.interruption_event.is_set()
    firm = InterruptibleEvent("work", is_interruptible=False)
    assert not firm.interrupt()
    assert not firm.interruption_event.is_set()


def test_the_flag_is_a_threading_event_whenever_it_is_first_asked_for():
    early, late = InterruptibleEvent(1), InterruptibleEvent(2)
    flag = early.interruption_event
    assert isinstance(flag, threading.Event)
    early.interrupt()
    late.interrupt()
    assert flag.is_set()
    assert late.interruption_event.is_set()
    assert early.interruption_event is flag


def test_interrupting_cancels_the_work_and_the_next_item_follows_at_once():
    async def main() -> list[tuple[str, float]]:
        worker = Interruptible()
        long, short = InterruptibleEvent(10.0), InterruptibleEvent(0.5)
        worker.input_queue.put_nowait(long)
        worker.input_queue.put_nowait(short)
        worker.start()
        await clock.sleep(1.0)
        assert long.interrupt()
        await clock.sleep(1.0)
        await worker.terminate()
        assert long.task is short.task is None
        return worker.log

    log = clock.run(main(), virtual=True)
    assert [name for name, _ in log] == ["cancelled", "done"]
    assert [at for _, at in log] == pytest.approx([1.0, 1.5], abs=1e-5)


def test_an_event_interrupted_in_the_queue_is_never_worked_on():
    async def main() -> list[tuple[str, float]]:
        worker = Interruptible()
        events = [InterruptibleEvent(0.1) for _ in range(3)]
        for event in events:
            worker.input_queue.put_nowait(event)
        events[1].interrupt()
        worker.start()
        await clock.sleep(1.0)
        await worker.terminate()
        return worker.log

    assert [name for name, _ in clock.run(main(), virtual=True)] == ["done", "done"]


@pytest.mark.parametrize("passes", range(8))
def test_interrupting_in_the_pass_in_which_the_work_is_taken_up(passes: int):
    async def main() -> None:
        live: LiveEvents = {}
        worker = Interruptible()
        worker.start()
        event, after = InterruptibleEvent(0.0), InterruptibleEvent(0.0)
        event.list_in(live)
        worker.input_queue.put_nowait(event)
        worker.input_queue.put_nowait(after)
        for _ in range(passes):
            await clock.sleep(0)
        event.interrupt()
        await clock.sleep(1.0)
        assert not live
        assert worker.log[-1][0] == "done"
        await worker.terminate()

    clock.run(main(), virtual=True)


def test_live_events_forget_what_is_done_and_keep_their_order():
    live: LiveEvents = {}
    events = [InterruptibleEvent(i) for i in range(4)]
    for event in events:
        event.list_in(live)
    events[1].done()
    events[1].done()
    assert [event.payload for event in live] == [0, 2, 3]


def test_work_that_refuses_to_stop_holds_up_the_next_for_a_second_at_most(
    caplog: pytest.LogCaptureFixture,
):
    async def main() -> list[tuple[str, float]]:
        worker = Interruptible(closing_seconds=30.0)
        first, second = InterruptibleEvent(10.0), InterruptibleEvent(0.0)
        worker.input_queue.put_nowait(first)
        worker.input_queue.put_nowait(second)
        worker.start()
        await clock.sleep(1.0)
        first.interrupt()
        await clock.sleep(1.5)
        log = list(worker.log)
        await worker.terminate()
        await clock.sleep(60.0)
        assert len(asyncio.all_tasks()) == 1
        return log

    log = clock.run(main(), virtual=True)
    assert [name for name, _ in log] == ["cancelled", "done"]
    assert log[1][1] == pytest.approx(2.0, abs=1e-4)
    assert "did not stop within" in caplog.text


def test_work_that_is_no_event_is_done_too():
    async def main() -> Trace:
        worker = Interruptible()
        worker.trace = Trace()
        worker.start()
        worker.input_queue.put_nowait("no event")
        await clock.sleep(0.1)
        await worker.terminate()
        return worker.trace

    (failed,) = clock.run(main(), virtual=True).of(WorkerFailed)
    assert failed.kind == "AttributeError"


def test_an_ending_names_who_is_late_and_waits_no_longer(caplog: pytest.LogCaptureFixture):
    async def stubborn() -> None:
        try:
            await clock.sleep(100.0)
        except asyncio.CancelledError:
            await clock.sleep(50.0)

    async def main() -> None:
        task = spawn(stubborn(), name="the stubborn one")
        await clock.sleep(0)
        task.cancel()
        await Ending([task], seconds=2.0)
        assert clock.now() == pytest.approx(2.0, abs=1e-4)
        await task

    clock.run(main(), virtual=True)
    assert "the stubborn one did not stop within 2.0 s" in caplog.text
