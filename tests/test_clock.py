"""Timers and threads in, order out: the clock that jumps."""

import asyncio
import gc
import os
import threading
from collections.abc import Generator

import pytest

from bench import clock

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _nothing_left_open() -> Generator[None]:
    gc.collect()  # what other tests left to the collector
    before = (len(os.listdir("/proc/self/fd")), threading.active_count())
    yield
    gc.collect()
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == before


def virtual_loop() -> clock.VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, clock.VirtualLoop)
    return loop


def take(real_seconds: float) -> float:
    """Occupy a thread for a while."""
    threading.Event().wait(real_seconds)
    return real_seconds


def test_jumps_to_the_microsecond() -> None:
    async def main() -> list[float]:
        read = [clock.now()]
        for seconds in (0.02, 1e-6, 3600.000001, 0.1, 0.2):
            await clock.sleep(seconds)
            read.append(clock.now())
        await clock.sleep_until(4000.000003)
        await clock.sleep_until(10.0)
        return [*read, clock.now()]

    assert clock.run(main(), virtual=True) == [
        0.0,
        0.02,
        0.020001,
        3600.020002,
        3600.120002,
        3600.320002,
        4000.000003,
    ]


def test_a_late_start_keeps_the_microsecond() -> None:
    async def main() -> tuple[float, float, int]:
        begun = clock.now()
        for _ in range(1000):
            await clock.sleep(1e-6)
        return begun, clock.now(), virtual_loop().jumps

    assert clock.run(main(), virtual=True, start=1.7e9) == (1.7e9, 1.7e9 + 0.001, 1000)


def test_ten_minutes_of_frames_do_not_drift() -> None:
    async def main() -> float:
        for frame in range(1, 50 * 600 + 1):
            await clock.sleep_until(frame * 0.02)
        return clock.now()

    assert clock.run(main(), virtual=True) == 600.0


def test_equal_timers_fire_in_the_order_they_were_armed() -> None:
    async def main() -> list[int]:
        loop, fired = asyncio.get_running_loop(), list[int]()
        handles = [loop.call_at(1.0, fired.append, number) for number in range(300)]
        for handle in handles[::3]:
            handle.cancel()
        loop.call_at(0.5, lambda: loop.call_at(1.0, fired.append, 300))
        await clock.sleep(2)
        return fired

    assert clock.run(main(), virtual=True) == [n for n in range(301) if n % 3 or n == 300]


def test_a_timer_never_fires_in_the_instant_it_is_armed() -> None:
    async def main() -> list[float]:
        instants = list[float]()
        for when in (clock.now() + 1e-16, clock.now(), clock.now() - 5.0):
            fired = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_at(when, fired.set_result, None)
            await fired
            instants.append(clock.now())
        return instants

    assert clock.run(main(), virtual=True) == [1e-6, 2e-6, 3e-6]


async def outlast(limit: asyncio.Timeout) -> None:
    async with limit:
        limit.reschedule(5.0)
        await clock.sleep(100)


def test_a_deadline_passes_at_its_instant_and_can_be_moved() -> None:
    async def main() -> tuple[float, float]:
        with pytest.raises(TimeoutError):
            async with clock.deadline(1.5):
                await asyncio.Event().wait()
        first = clock.now()
        limit = clock.deadline(1.0)
        with pytest.raises(TimeoutError):
            await outlast(limit)
        async with clock.deadline(None):
            await clock.sleep(0)
        return first, clock.now()

    assert clock.run(main(), virtual=True) == (1.5, 5.0)


def test_thread_jobs_return_in_the_order_of_submission_and_take_no_time() -> None:
    async def main() -> tuple[list[int], float]:
        back, real = list[int](), [0.03, 0.0, 0.02, 0.001, 0.01, 0.0]

        async def submit(number: int) -> None:
            await asyncio.to_thread(take, real[number])
            back.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(len(real)):
                group.create_task(submit(number))
        return back, clock.now()

    assert clock.run(main(), virtual=True) == ([0, 1, 2, 3, 4, 5], 0.0)


def test_a_deadline_does_not_pass_while_a_thread_works() -> None:
    async def main() -> tuple[float, float]:
        async with clock.deadline(0.001):
            return await asyncio.to_thread(take, 0.05), clock.now()

    assert clock.run(main(), virtual=True) == (0.05, 0.0)


def test_a_cancelled_job_still_runs_and_the_clock_waits_for_it() -> None:
    async def main() -> tuple[float, list[str]]:
        loop, done = asyncio.get_running_loop(), list[str]()
        jobs = [
            loop.run_in_executor(None, lambda n=n: (take(0.01), done.append(f"job {n}")))
            for n in range(20)
        ]
        for job in jobs[:19]:
            job.cancel()
        await jobs[19]
        return clock.now(), sorted(done, key=lambda name: int(name[4:]))

    assert clock.run(main(), virtual=True) == (0.0, [f"job {n}" for n in range(20)])


def test_a_job_brings_back_its_error() -> None:
    async def main() -> None:
        await asyncio.to_thread(int, "twelve")

    with pytest.raises(ValueError, match="twelve"):
        clock.run(main(), virtual=True)


def test_held_the_clock_waits_for_a_thread_of_somebody_else() -> None:
    async def main() -> tuple[str, float]:
        loop = virtual_loop()
        answer: asyncio.Future[str] = loop.create_future()

        def callback_thread() -> None:
            take(0.02)
            loop.call_soon_threadsafe(answer.set_result, "answer")

        loop.call_later(0.001, lambda: answer.done() or answer.set_result("clock ran away"))
        thread = threading.Thread(target=callback_thread)
        thread.start()
        with loop.hold():
            said = await answer
        thread.join()
        return said, clock.now()

    assert clock.run(main(), virtual=True) == ("answer", 0.0)


def test_deadlock_names_the_tasks_and_where_they_wait() -> None:
    async def consume(queue: asyncio.Queue[None]) -> None:
        await queue.get()

    async def main() -> None:
        await clock.sleep(1.25)
        async with asyncio.TaskGroup() as group:
            group.create_task(consume(asyncio.Queue()), name="agent")
            group.create_task(consume(asyncio.Queue()), name="transcriber")

    with pytest.raises(clock.Deadlock) as stuck:
        clock.run(main(), virtual=True)
    message = str(stuck.value)
    assert message.startswith("nothing happens after 1.250000 s; waiting: ")
    for name in ("agent", "transcriber"):
        assert f"{name} in " in message
    assert message.count("consume > Queue.get") == 2


def test_waiting_without_end_is_a_deadlock_too() -> None:
    async def main() -> None:
        await clock.sleep(float("inf"))

    with pytest.raises(clock.Deadlock, match=r"main > sleep"):
        clock.run(main(), virtual=True)


def test_a_cancelled_timer_moves_no_clock() -> None:
    async def main() -> None:
        for seconds in (1.0, 2.0, 3.0):
            asyncio.get_running_loop().call_later(seconds, print).cancel()
        await clock.sleep(2.5)
        assert virtual_loop().jumps == 1
        await asyncio.Event().wait()

    with pytest.raises(clock.Deadlock, match=r"nothing happens after 2\.500000 s"):
        clock.run(main(), virtual=True)


def test_a_deadlock_of_many_is_short() -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(500):
                group.create_task(asyncio.Event().wait())

    with pytest.raises(clock.Deadlock, match=r"and 481 more$"):
        clock.run(main(), virtual=True)


def test_debug_mode_changes_nothing() -> None:
    async def main() -> tuple[float, float]:
        asyncio.get_running_loop().set_debug(True)
        await clock.sleep(1)
        return await asyncio.to_thread(take, 0.001), clock.now()

    assert clock.run(main(), virtual=True) == (0.001, 1.0)


def test_a_closed_loop_takes_no_more() -> None:
    loop = clock.VirtualLoop()
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_later(1, print)
    with pytest.raises(RuntimeError, match="closed"):
        loop.run_in_executor(None, print)


def test_the_wall_clock_has_the_same_door() -> None:
    async def main() -> tuple[float, float]:
        begun = clock.now()
        await clock.sleep_until(begun + 0.002)
        return begun, clock.now()

    before = clock.now()
    begun, ended = clock.run(main())
    assert before <= begun < begun + 0.001 < ended <= clock.now()
    assert clock.wall_iso().endswith("+00:00")
    assert clock.wall() > 1.7e9
    assert clock.cpu_seconds() > 0
