"""Servers and clients in, one process out: the network that no port shows."""

import asyncio
import contextvars
import errno
import gc
import os
import socket
import ssl
from collections.abc import Generator

import pytest

from bench import clock

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _nothing_left_open() -> Generator[None]:
    gc.collect()  # what other tests left to the collector
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
