"""The far end of the socket: clients of the test's making, on a server inside the virtual loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from jsonschema import Draft202012Validator, ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench import clock
from bench.app.limits import Limits
from bench.app.server import create_app
from bench.app.session import SessionRequest
from bench.engine.conversation import StreamingConversation
from bench.testing import ScriptedAgent, ScriptedTranscriber, ToneSynthesizer

DOCS = Path(__file__).parents[2] / "docs" / "socket"
SCHEMAS = {
    path.relative_to(DOCS).with_suffix("").with_suffix("").as_posix(): Draft202012Validator(
        json.loads(path.read_text("utf-8"))
    )
    for path in DOCS.rglob("*.schema.json")
}
PORT = 8000
SOUND = b"\x10\x20" * 320  # 20 ms that are not silence
QUIET = bytes(640)


def scripted(
    request: SessionRequest, said: str = "Tell me a long story", **parts: Any
) -> StreamingConversation:
    """A conversation that hears `said` in the first sound and answers with a story in tones."""
    settings = {"idle_seconds": None, **request.settings}
    return StreamingConversation(
        output_device=request.device,
        transcriber=parts.get("transcriber") or ScriptedTranscriber(on_audio=said),
        agent=parts.get("agent") or ScriptedAgent(),
        synthesizer=parts.get("synthesizer") or ToneSynthesizer(),
        conversation_id=request.id,
        **settings,
    )


class Client:
    """A client of the socket; with `plays` it is a page: it plays what comes and reports it.

    Whatever is said to it or by it is held to the schemas in `docs/socket`.
    """

    def __init__(self, connection: ClientConnection, *, plays: bool = False) -> None:
        self.connection = connection
        self.audio: list[bytes] = []
        self.messages: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self.fault: Exception | None = None
        self.answers_pings = True
        self.says_what_it_should = True  # each message is held to its schema
        self.speaker = Speaker(self) if plays else None
        self._changed = asyncio.Condition()
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def send(self, type_: str, **fields: Any) -> None:
        message = {"type": type_, **fields}
        if f"up/{type_}" in SCHEMAS and self.says_what_it_should:
            SCHEMAS[f"up/{type_}"].validate(message)
        await self.connection.send(json.dumps(message))

    async def start(self, **fields: Any) -> dict[str, Any]:
        """Say `start` and wait for `ready`."""
        await self.send("start", **fields)
        return await self.wait("ready")

    def of(self, type_: str, **fields: Any) -> list[dict[str, Any]]:
        wanted = {"type": type_, **fields}
        return [message for message in self.messages if wanted.items() <= message.items()]

    async def wait(self, type_: str, **fields: Any) -> dict[str, Any]:
        """The first such message, once there is one."""
        await self.until(lambda: bool(self.of(type_, **fields)), f"{type_} {fields}")
        return self.of(type_, **fields)[0]

    async def until(
        self, condition: Callable[[], bool], what: str = "it", seconds: float = 30.0
    ) -> None:
        try:
            async with clock.deadline(seconds), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            seen = [m for m in self.messages if m["type"] != "ping"][-5:]
            raise AssertionError(f"no {what} within {seconds} s: {seen}") from None

    async def closed(self, seconds: float = 30.0) -> int:
        """The close code, once the server has hung up."""
        await self.until(lambda: self.close_code is not None, "close", seconds)
        assert self.close_code is not None
        return self.close_code

    async def talk(self, *chunks: bytes) -> None:
        """Stream audio in real time, 20 ms frames."""
        for chunk in chunks:
            await self.connection.send(chunk)
            await clock.sleep(0.02)

    async def hang_up(self) -> None:
        await self.connection.close()
        await self._reader
        if self.fault is not None:
            raise self.fault

    async def _read(self) -> None:
        try:
            async for frame in self.connection:
                if isinstance(frame, bytes):
                    self.audio.append(frame)
                    if self.speaker is not None:
                        await self.speaker.take(frame)
                else:
                    await self._hear(json.loads(frame))
                await self._tell()
        except ConnectionClosed:
            pass
        except ValidationError as error:
            self.fault = error
        if self.speaker is not None:
            self.speaker.stop()
        self.close_code = self.connection.close_code
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _hear(self, message: dict[str, Any]) -> None:
        SCHEMAS[f"down/{message['type']}"].validate(message)
        self.messages.append(message)
        if message["type"] == "ping" and self.answers_pings:
            await self.send("pong")
        if self.speaker is not None:
            await self.speaker.obey(message)


class Speaker:
    """A loudspeaker with a buffer, written for tests: plays, counts, reports every 60 ms."""

    RATE = 16_000

    def __init__(self, client: Client) -> None:
        self.client = client
        self.heard = bytearray()
        self.queue: list[list[Any]] = []  # [id, PCM, position in samples, complete]
        self.done: dict[int, tuple[int, int]] = {}
        self.held = False
        self.player = asyncio.get_running_loop().create_task(self._play())

    async def take(self, frame: bytes) -> None:
        id, pcm = int.from_bytes(frame[:4], "little"), frame[4:]
        if not self.queue or self.queue[-1][0] != id:
            self.queue.append([id, bytearray(), 0, False])
        self.queue[-1][1] += pcm

    async def obey(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "hold":
                self.held = True
            case "resume":
                self.held = False
            case "utterance" if message["state"] == "end":
                for entry in self.queue:
                    entry[3] = entry[3] or entry[0] == message["id"]
            case "clear":
                await self._clear(message["utterance"])
            case _:
                pass

    def stop(self) -> None:
        self.player.cancel()

    async def _clear(self, id: int) -> None:
        self.held = False
        played, dropped = self.done.get(id, (0, 0))
        for entry in [entry for entry in self.queue if entry[0] <= id]:
            self.queue.remove(entry)
            played, dropped = entry[2], len(entry[1]) // 2 - entry[2]
            self.done[entry[0]] = (played, dropped)
        await self.client.send("cleared", utterance=id, played=played, dropped=dropped)

    async def _play(self) -> None:
        step = self.RATE // 100
        for tick in range(10**9):
            await clock.sleep(0.01)
            if not self.queue or self.held:
                continue
            entry = self.queue[0]
            id, pcm, position, _ = entry
            samples = min(step, len(pcm) // 2 - position)
            self.heard += pcm[2 * position : 2 * (position + samples)]
            entry[2] += samples
            over = entry[3] and entry[2] * 2 == len(pcm)
            if over:
                self.done[id] = (entry[2], 0)
                self.queue.pop(0)
            if samples and (over or tick % 6 == 0):
                try:
                    await self.client.send(
                        "played", utterance=id, samples=entry[2], output_latency_seconds=0.02
                    )
                except ConnectionClosed:
                    return


class Server:
    """A running server, and a way to call it."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.clients: list[Client] = []

    async def call(
        self,
        *,
        plays: bool = False,
        path: str = "/conversation",
        uri_host: str = "localhost",
        **options: Any,
    ) -> Client:
        connection = await connect(f"ws://{uri_host}:{PORT}{path}", compression=None, **options)
        client = Client(connection, plays=plays)
        self.clients.append(client)
        return client

    def session(self) -> Any:
        """The one session there is."""
        (session,) = self.app.state.sessions
        return session


@asynccontextmanager
async def serving(
    assemble: Any = scripted, *, app: FastAPI | None = None, **options: Any
) -> AsyncGenerator[Server]:
    """The application behind uvicorn on a port of the virtual network."""
    app = app or create_app(assemble, **options)
    config = uvicorn.Config(app, host="127.0.0.1", port=PORT, lifespan="on", log_config=None)
    server = uvicorn.Server(config)
    task = asyncio.get_running_loop().create_task(server.serve())
    while not server.started:
        assert not task.done()
        await clock.sleep(0.01)
    here = Server(app)
    try:
        yield here
    finally:
        for client in here.clients:
            await client.hang_up()
        server.should_exit = True
        await task


__all__ = ["PORT", "QUIET", "SOUND", "Client", "Limits", "Server", "scripted", "serving"]
