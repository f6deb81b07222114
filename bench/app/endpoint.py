"""A socket in, a conversation out: `/conversation`, spoken as `docs/socket.md` says."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from starlette.websockets import WebSocket

from bench import clock
from bench.app import messages
from bench.app.limits import Meter
from bench.app.messages import Down, Start, Up
from bench.app.outbox import Outbox
from bench.app.registry import NOT_ALLOWED, TOO_MANY, Refused, SessionRegistry
from bench.app.session import GOODBYE, Session
from bench.app.wire import Malformed, decode, encode
from bench.engine.worker import spawn
from bench.errors import ConfigError, ProviderError, redacted

POLICY = 1008  # the registered code for what is against the rules
TOO_BIG = 1009
FAILED = 1011
GOING_ON_EVERY = 32  # messages in one go, then others have theirs

logger = logging.getLogger(__name__)


class Broken(Exception):
    """The client broke a rule: it gets a fatal `error`, then its socket is closed."""

    def __init__(self, code: str, reason: str, close_code: int) -> None:
        super().__init__(reason)
        self.code = code
        self.close_code = close_code


class Connection:
    """One socket of one client, from its first message to its close code."""

    def __init__(self, ws: WebSocket, registry: SessionRegistry) -> None:
        self.ws = ws
        self.registry = registry
        self.outbox = Outbox(ws)
        self.session: Session | None = None
        self._limits = registry.limits
        self._meter = Meter(registry.limits)
        self._closing: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self._errors_told = 0
        self._heard_at = clock.now()
        self._frames = 0
        self._answers_pings = False
        self.outbox.on_lost = lambda: self.close(GOODBYE, "")

    def tell(self, message: Down) -> None:
        """Send a message."""
        self.outbox.send(encode(message))

    def close(self, code: int, reason: str) -> None:
        """End the socket, with what it was told before; the first reason stands."""
        if not self._closing.done():
            self._closing.set_result((code, reason))

    async def run(self) -> None:
        """Talk until either side hangs up."""
        tasks: list[asyncio.Task[Any]] = [
            spawn(self._serve(), name="socket reader"),
            spawn(self._ping(), name="socket pings"),
        ]
        try:
            await asyncio.wait([*tasks, self._closing], return_when=asyncio.FIRST_COMPLETED)
            self._note_failure(tasks[0])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=1.0)
            if self.session is not None:
                self.session.detach(self)
            code, reason = self._closing.result() if self._closing.done() else (GOODBYE, "")
            await self.outbox.close(code, reason)

    def _note_failure(self, reader: asyncio.Task[Any]) -> None:
        error = reader.exception() if reader.done() and not reader.cancelled() else None
        if error is not None:  # a fault of ours: this client's socket ends, nobody else's
            logger.error("socket failed: %s", redacted(repr(error)), exc_info=error)
            self._fail("internal", "The server failed.", FAILED)

    def _fail(self, code: str, reason: str, close_code: int) -> None:
        self.tell(messages.Error(code, reason, fatal=True))
        self.close(close_code, code)

    # What comes up

    async def _serve(self) -> None:
        try:
            first = await self._first_message()
            if first is None:
                return
            await self._open(first)
            await self._read()
        except Broken as broken:
            self._fail(broken.code, str(broken), broken.close_code)
            if self.session is not None:
                self.session.end(broken.code)
        except Refused as refused:
            self._fail(refused.code, str(refused), refused.close_code)

    async def _first_message(self) -> bytes | Start | None:
        try:
            async with clock.deadline(self._limits.first_message_seconds):
                while (frame := await self._next()) is not None:
                    if isinstance(frame, bytes):
                        return frame
                    message = self._decoded(frame)
                    if isinstance(message, Start):
                        return message
                    if message is not None:
                        self._complain("not_started", "The first message must be start or audio.")
        except TimeoutError:
            seconds = self._limits.first_message_seconds
            told = f"Nothing was said for {seconds:.0f} seconds: want a start, or audio."
            raise Broken("not_started", told, POLICY) from None
        return None

    async def _open(self, first: bytes | Start) -> None:
        start = first if isinstance(first, Start) else Start()
        try:
            session = await self.registry.open(start)
        except (ConfigError, ProviderError) as error:
            raise Broken("bad_settings", str(error), POLICY) from error
        except TimeoutError as error:
            raise Broken("bad_settings", "The parts took too long to start.", FAILED) from error
        new = not session.started
        self.session = session
        session.attach(self)
        if new:
            await session.start()
        if isinstance(first, bytes):
            session.receive_audio(first)

    async def _read(self) -> None:
        assert self.session is not None
        while (frame := await self._next()) is not None:
            if isinstance(frame, bytes):
                self.session.receive_audio(frame)
            elif (message := self._decoded(frame)) is not None:
                self._obey(self.session, message)

    async def _next(self) -> bytes | str | None:
        """The next frame, None when the client has hung up."""
        message = await self.ws.receive()
        if message["type"] == "websocket.disconnect":
            return None
        self._heard_at = clock.now()
        self._frames += 1
        if self._frames % GOING_ON_EVERY == 0:
            await clock.sleep(0)  # a flood leaves others their turn
        text = message.get("text")
        frame: bytes | str = message["bytes"] if text is None else text
        if len(frame) > self._limits.frame_bytes:
            most = self._limits.frame_bytes // 1024
            raise Broken("too_big", f"A frame may have {most} KiB.", TOO_BIG)
        within = self._meter.audio(frame) if isinstance(frame, bytes) else self._meter.message()
        if not within:
            what = "Audio" if isinstance(frame, bytes) else "Messages"
            raise Broken("too_fast", f"{what} came faster than this server takes.", TOO_MANY)
        return frame

    def _decoded(self, text: str) -> Up | None:
        try:
            return decode(text)
        except Malformed as malformed:
            self._complain(malformed.code, str(malformed))
            return None

    def _complain(self, code: str, reason: str) -> None:
        self._errors_told += 1
        if self._errors_told > self._limits.errors_told:
            raise Broken("too_many_errors", "Too many messages made no sense.", POLICY)
        self.tell(messages.Error(code, reason))

    def _obey(self, session: Session, message: Up) -> None:
        match message:
            case messages.Played(utterance=id, samples=samples, output_latency_seconds=latency):
                session.played(id, samples, latency)
            case messages.Cleared(utterance=id, played=played):
                session.device.cleared(id, played)
            case messages.RanDry(utterance=id, at_sample=at_sample):
                session.underrun(id, at_sample)
            case messages.Pong():
                self._answers_pings = True
            case messages.Say() if not self._meter.text():
                self._complain("too_fast", "The voice has enough to say for now.")
            case messages.Start():
                self._complain("late_start", "The conversation is on already; start comes first.")
            case _:
                _command(session, message)

    # What keeps it alive

    async def _ping(self) -> None:
        missed = 0
        while True:
            asked_at = clock.now()
            await clock.sleep(self._limits.ping_seconds)
            silent = self._heard_at < asked_at
            missed = missed + 1 if silent and self._answers_pings else 0
            if missed >= self._limits.pings_missed:
                self.close(FAILED, "no pong")
                return
            self.tell(messages.Ping())


def _command(session: Session, message: Up) -> None:
    match message:
        case messages.Interrupt():
            session.conversation.broadcast_interrupt()
        case messages.Mute(on=on):
            session.muted = on
        case messages.Say(text=text):
            session.conversation.say(text)
        case messages.End():
            session.end("client hung up")
        case _:
            return


async def converse(ws: WebSocket, registry: SessionRegistry) -> None:
    """Serve one socket; every refusal is told in words before the close code."""
    refusal = registry.door.refuses(ws.headers)
    await ws.accept()
    if refusal is not None:
        await ws.send_text(encode(messages.Error("not_allowed", refusal, fatal=True)))
        await ws.close(NOT_ALLOWED, "not allowed")
        return
    await Connection(ws, registry).run()
