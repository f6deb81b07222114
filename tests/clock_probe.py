"""A program in, its trace out: what a virtual loop must do the same way on every interpreter.

Run as a script; needs nothing but the standard library and `bench.clock`. Prints one JSON line.
"""

import asyncio
import hashlib
import json
import platform
import random
import socket
import sys
import threading

from bench import clock

LIMITER_EPSILON = 1e-16

trace: list[str] = []


def note(*what: object) -> None:
    trace.append(f"{clock.now():.6f} {' '.join(map(str, what))}")


def work(job: int) -> int:
    """Take a real while that no seed governs."""
    threading.Event().wait(random.SystemRandom().random() / 200)
    return job * job


async def caller(number: int, port: int) -> None:
    """One conversation: sleeps, thread jobs, a bounded queue, a deadline and a round trip."""
    draw = random.Random(number)
    queue: asyncio.Queue[int] = asyncio.Queue(2)

    async def produce() -> None:
        for item in range(3):
            await clock.sleep(draw.random())
            await queue.put(await asyncio.to_thread(work, item))

    async with asyncio.TaskGroup() as group:
        group.create_task(produce())
        for _ in range(3):
            note(number, "got", await queue.get())
    try:
        async with clock.deadline(draw.random()):
            await clock.sleep(draw.random())
            note(number, "slept")
    except TimeoutError:
        note(number, "timed out")
    reader, writer = await asyncio.open_connection("echo.example", port)
    writer.write(f"{number}\n".encode())
    note(number, "heard", (await reader.readline()).decode().strip())
    writer.close()
    await writer.wait_closed()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    line = await reader.readline()
    await clock.sleep(0.25)
    writer.write(line)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def equal_timers() -> None:
    loop, fired = asyncio.get_running_loop(), list[int]()
    at = loop.time() + 1
    for number in range(50):
        loop.call_at(at, fired.append, number)
    await clock.sleep(2)
    assert fired == list(range(50)), fired


async def re_arming_limiter() -> None:
    loop, begun, rounds = asyncio.get_running_loop(), clock.now(), 0
    while rounds < 10:
        turn = loop.create_future()
        loop.call_at(loop.time() + LIMITER_EPSILON, turn.set_result, None)
        await turn
        rounds += 1
    assert round((clock.now() - begun) * 1e6) == rounds


async def own_socket(port: int) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as mine:
        mine.setblocking(False)
        await loop.sock_connect(mine, ("127.0.0.1", port))
        await loop.sock_sendall(mine, b"raw\n")
        assert await loop.sock_recv(mine, 100) == b"raw\n"


async def main() -> None:
    await equal_timers()
    await re_arming_limiter()
    server = await asyncio.start_server(echo, "echo.example", 0)
    port: int = server.sockets[0].getsockname()[1]
    await own_socket(port)
    async with server, asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(caller(number, port), name=f"caller {number}")
    note("end")
    await asyncio.Queue[None]().get()


def probe() -> dict[str, object]:
    try:
        clock.run(main(), virtual=True)
    except clock.Deadlock as stuck:
        trace.append(str(stuck))
    return {
        "python": platform.python_version(),
        "events": len(trace),
        "sha256": hashlib.sha256("\n".join(trace).encode()).hexdigest(),
        "last": trace[-1],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(probe()) + "\n")
