"""Other people's servers and clients in, unmodified: they do not notice whose network it is."""

import asyncio
import gc
import os
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, WebSocket
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bench import clock

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _nothing_left_open() -> Generator[None]:
    gc.collect()  # what other tests left to the collector
    before = len(os.listdir("/proc/self/fd"))
    yield
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_websockets_talks_to_websockets() -> None:
    async def main() -> tuple[list[str | bytes], float]:
        async def answer(connection: ServerConnection) -> None:
            async for message in connection:
                await clock.sleep(2)
                await connection.send(message)

        async with serve(answer, "127.0.0.1", 8765), connect("ws://api.example:8765") as client:
            heard = list[str | bytes]()
            for message in ("hello", bytes(640)):
                await client.send(message)
                heard.append(await client.recv())
            await clock.sleep(60)  # pings and pongs meanwhile
            await client.ping()
            return heard, clock.now()

    assert clock.run(main(), virtual=True) == (["hello", bytes(640)], 64.0)


def test_a_keepalive_that_goes_unanswered_ends_the_connection_in_virtual_time() -> None:
    async def main() -> float:
        deaf = asyncio.Event()

        async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            await deaf.wait()
            writer.close()

        async with await asyncio.start_server(ignore, port=80):
            with pytest.raises(TimeoutError):
                await connect("ws://api.example:80", open_timeout=7)
            deaf.set()
            return clock.now()

    assert clock.run(main(), virtual=True) == 7.0


app = FastAPI()


@app.get("/late")
async def late() -> dict[str, float]:
    await clock.sleep(1.25)
    return {"at": clock.now()}


@app.websocket("/echo")
async def echo_socket(websocket: WebSocket) -> None:
    await websocket.accept()
    assert websocket.client is not None
    await websocket.send_text(websocket.client.host)
    async for chunk in websocket.iter_bytes():
        await clock.sleep(0.02)
        await websocket.send_bytes(chunk)


@asynccontextmanager
async def uvicorn_serving(port: int, *sockets: socket.socket) -> AsyncGenerator[None]:
    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", log_config=None))
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve(list(sockets) or None))
        while not server.started:
            assert not serving.done()
            await clock.sleep(0.01)
        try:
            yield
        finally:
            server.should_exit = True


def test_uvicorn_and_fastapi_answer_a_websockets_client() -> None:
    async def main() -> tuple[str | bytes, float]:
        async with uvicorn_serving(8000), connect("ws://127.0.0.1:8000/echo") as client:
            host = await client.recv()
            begun = clock.now()
            for frame in range(50):
                chunk = bytes([frame]) * 640
                await client.send(chunk)
                assert await client.recv() == chunk
            return host, round(clock.now() - begun, 6)

    assert clock.run(main(), virtual=True) == ("127.0.0.1", 1.0)


def test_uvicorn_serves_httpx_on_a_socket_of_its_own() -> None:
    async def main() -> tuple[int, float]:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            port = bound.getsockname()[1]
            async with (
                uvicorn_serving(port, bound),
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
            ):
                begun = clock.now()
                answers = await asyncio.gather(*(client.get("/late") for _ in range(5)))
                assert {answer.json()["at"] for answer in answers} == {round(begun + 1.25, 6)}
                return answers[0].status_code, round(clock.now() - begun, 6)

    assert clock.run(main(), virtual=True) == (200, 1.25)


def test_uvicorn_that_stops_hangs_up() -> None:
    async def main() -> int | None:
        async with uvicorn_serving(8000):
            client = await connect("ws://127.0.0.1:8000/echo")
            await client.recv()
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        await client.close()
        return closed.value.rcvd.code if closed.value.rcvd else None

    assert clock.run(main(), virtual=True) == 1012
