"""Servers and clients in, one process out: the network that no port shows."""

import asyncio
import contextvars
import errno
import gc
import os
import socket
import ssl
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
    before = len(os.listdir("/proc/self/fd"))
    yield
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        await clock.sleep(0.5)
        writer.write(line)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def say(
    port: int, *lines: bytes, host: str = "api.example", **options: object
) -> list[bytes]:
    reader, writer = await asyncio.open_connection(host, port, **options)
    heard = list[bytes]()
    for line in lines:
        writer.write(line)
        heard.append(await reader.readline())
    writer.close()
    await writer.wait_closed()
    return heard


def test_streams_echo_with_the_servers_delay() -> None:
    async def main() -> tuple[list[bytes], float]:
        async with await asyncio.start_server(echo, "0.0.0.0", 80):
            return await say(80, b"one\n", b"two\n"), clock.now()

    assert clock.run(main(), virtual=True) == ([b"one\n", b"two\n"], 1.0)


def test_two_megabytes_cross_whole() -> None:
    async def main() -> int:
        counted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            counted.set_result(len(await reader.read(-1)))
            writer.close()

        async with await asyncio.start_server(count, port=80):
            _, writer = await asyncio.open_connection("api.example", 80)
            writer.write(bytes(2_000_000))
            await writer.drain()
            writer.close()
            return await counted

    assert clock.run(main(), virtual=True) == 2_000_000


def test_both_ends_go_by_addresses() -> None:
    async def main() -> None:
        seen: asyncio.Future[tuple[object, object]] = asyncio.get_running_loop().create_future()

        async def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            names = (writer.get_extra_info("sockname"), writer.get_extra_info("peername"))
            seen.set_result(names)
            writer.close()

        async with await asyncio.start_server(look, port=0) as server:
            (listener,) = server.sockets
            host, port = listener.getsockname()
            _, writer = await asyncio.open_connection(host, port)
            mine = writer.get_extra_info("socket")
            mine.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            assert await seen == (mine.getpeername(), mine.getsockname())
            assert mine.getpeername() == (host, port)
            writer.close()
            await writer.wait_closed()

    clock.run(main(), virtual=True)


def test_what_nobody_listens_on_refuses() -> None:
    async def main() -> None:
        with pytest.raises(ConnectionRefusedError, match=r"api\.example:443"):
            await asyncio.open_connection("api.example", 443)
        server = await asyncio.start_server(echo, port=443, start_serving=False)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("api.example", 443)
        await server.start_serving()
        assert await say(443, b"now\n") == [b"now\n"]
        server.close()
        await server.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("api.example", 443)

    clock.run(main(), virtual=True)


def test_a_port_is_taken_until_its_server_closes() -> None:
    async def main() -> None:
        first = await asyncio.start_server(echo, port=80)
        with pytest.raises(OSError, match="port 80 is taken") as taken:
            await asyncio.start_server(echo, port=80)
        assert taken.value.errno == errno.EADDRINUSE
        first.close()
        async with await asyncio.start_server(echo, port=80):
            first.close()
            assert await say(80, b"again\n") == [b"again\n"]

    clock.run(main(), virtual=True)


def test_a_server_that_closes_first_hangs_up_on_those_it_never_accepted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> bytes:
        loop, heard = asyncio.get_running_loop(), asyncio.StreamReader()
        server = await asyncio.start_server(echo, port=80)
        with socket.socket() as mine:
            mine.setblocking(False)
            await loop.sock_connect(mine, ("127.0.0.1", 80))
            server.close()
            transport, _ = await loop.create_connection(
                lambda: asyncio.StreamReaderProtocol(heard), sock=mine
            )
            said = await heard.read()
            transport.close()
        return said

    assert clock.run(main(), virtual=True) == b""
    assert caplog.text == ""  # the loop logs what a callback raises


def test_a_loop_that_closes_early_leaves_no_descriptor() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.start_server(echo, port=80)
        with socket.socket() as mine:
            await loop.sock_connect(mine, ("127.0.0.1", 80))
            loop.stop()

    loop = clock.VirtualLoop()
    task = loop.create_task(main())
    loop.run_forever()
    assert task.done()
    loop.close()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_client_may_bring_its_own_socket(family: socket.AddressFamily) -> None:
    async def main() -> bytes:
        loop, heard = asyncio.get_running_loop(), asyncio.StreamReader()
        async with await asyncio.start_server(echo, port=80):
            ((_, kind, proto, _, address),) = await loop.getaddrinfo("api.example", 80)
            mine = socket.socket(family, kind, proto)
            mine.setblocking(False)
            await loop.sock_connect(mine, address)
            transport, _ = await loop.create_connection(
                lambda: asyncio.StreamReaderProtocol(heard),
                sock=mine,
                ssl=ssl.create_default_context(),
                server_hostname="api.example",
            )
            transport.write(b"own\n")
            line = await heard.readline()
            transport.close()
            await clock.sleep(0.1)
            return line

    assert clock.run(main(), virtual=True) == b"own\n"


def test_a_clients_context_does_not_cross_the_wire() -> None:
    who = contextvars.ContextVar("who", default="nobody")

    async def main() -> list[str]:
        seen = list[str]()

        async def look(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            seen.append(who.get())
            writer.close()

        who.set("server")
        async with await asyncio.start_server(look, port=80):
            who.set("client")
            await say(80, b"hi\n")
        return seen

    assert clock.run(main(), virtual=True) == ["server"]


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
