"""Messages of one connection in, the speech of its contexts out: what ElevenLabs' socket does."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from bench import clock
from bench.emulators.timed_pieces import Characters, Piece, timed_pieces
from bench.emulators.trouble import Trouble
from bench.emulators.voices import SPOILT, Voice
from bench.simulation.faults import Fault

USUAL_SCHEDULE = (120, 160, 250, 290)  # characters that speech waits for, unless it is flushed
CONTEXTS = 5  # on one connection
POLICY_VIOLATION, INTERNAL_ERROR = 1008, 1011

Message = dict[str, Any]


@dataclass(slots=True)
class Service:
    """How texts are spoken, and what became of them; the names are those of the emulator."""

    first: Callable[[], float]
    factor: Callable[[], float]
    piece_seconds: float
    stops: bool
    aligns: bool
    closes_with: tuple[int, str] | None
    voice: Voice
    trouble: Trouble
    requests: list[Message] = field(default_factory=list[Message])
    gone: list[float] = field(default_factory=list[float])


class Session:
    """One connection and the contexts on it."""

    def __init__(
        self,
        service: Service,
        connection: ServerConnection,
        group: asyncio.TaskGroup,
        rate: int,
        *,
        is_eager: bool,
    ) -> None:
        self.service, self.rate, self.is_eager = service, rate, is_eager
        self._connection, self._group = connection, group
        self._contexts = dict[str, Context]()

    async def listen(self, wait: float) -> None:
        """Take messages until the client goes, or says nothing for so many seconds."""
        try:
            while True:
                async with clock.deadline(wait):
                    frame = await self._connection.recv()
                if not await self._take(cast("Message", json.loads(frame))):
                    return
        except TimeoutError:
            said = f"Have not received a new text input within the timeout of {wait:g} seconds."
            await self.refuse(POLICY_VIOLATION, "input_timeout_exceeded", said)
        except ConnectionClosed:
            pass

    async def refuse(self, code: int, name: str, said: str) -> None:
        """Tell of an error, and hang up."""
        with contextlib.suppress(ConnectionClosed):
            await self.send({"message": said, "error": name, "code": code})
            await self._connection.close(code, said[:120])

    async def hang_up(self, code: int, reason: str) -> None:
        """Hang up, without another word."""
        await self._connection.close(code, reason)

    async def send(self, message: Message) -> None:
        """Send a message."""
        await self._connection.send(json.dumps(message))

    async def break_off(self, garbage: str = "") -> None:
        """Break the connection where it is."""
        if garbage:
            await self._connection.send(garbage)
        else:
            self._connection.transport.abort()

    def leave(self) -> None:
        """The client is gone."""
        for context in self._contexts.values():
            self._called_off(context)
            context.task.cancel()

    def over(self, context: Context) -> None:
        """A context has said all it had to."""
        if self._contexts.get(context.name) is context:
            del self._contexts[context.name]

    def _called_off(self, context: Context) -> None:
        if context.unspoken and not context.is_closed:
            self.service.gone.append(clock.now())

    async def _take(self, message: Message) -> bool:
        """Do what a message asks for; False when the client wants no more."""
        if message.get("close_socket"):
            return False
        name = str(message.get("context_id") or "default")
        context = self._contexts.get(name)
        if message.get("close_context"):
            if context is not None and not context.is_closed:
                self._called_off(context)
                context.close()
                if self.service.stops:
                    self.over(context)
                    await self.send(final(name))
            return True
        if context is None or context.is_closed:
            if len(self._contexts) >= CONTEXTS:
                said = (
                    f"Maximum simultaneous contexts per WebSocket connection exceeded ({CONTEXTS})."
                )
                await self.refuse(POLICY_VIOLATION, "max_active_conversations", said)
                return False
            context = self._contexts[name] = Context(self, name, message)
            context.task = self._group.create_task(context.run(), name=f"context {name}")
        context.take(str(message.get("text") or ""), flush=bool(message.get("flush")))
        return True


class Context:
    """One text, as it comes, and its speech."""

    task: asyncio.Task[None]

    def __init__(self, session: Session, name: str, message: Message) -> None:
        self.name, self.is_closed = name, False
        self.unspoken = 0  # letters and digits of its text
        self._session = session
        config: dict[str, Any] = message.get("generation_config") or {}
        self._schedule = list[int](config.get("chunk_length_schedule") or USUAL_SCHEDULE)
        self._buffer = ""
        self._texts = asyncio.Queue[str | None](1000)
        self._begun = False
        self._asked: Message | None = None
        self._message = message

    def take(self, text: str, *, flush: bool) -> None:
        """A piece of the text."""
        if text.strip():
            self._note(text)
        self._buffer += text
        whole = self._buffer if flush else self._buffer[: self._buffer.rfind(" ") + 1]
        wanted = 1 if flush or self._session.is_eager else self._schedule[0]
        if whole.strip() and len(whole) >= wanted:
            del self._schedule[: len(self._schedule) > 1]
            self._buffer = self._buffer[len(whole) :]
            self._texts.put_nowait(whole)

    def close(self) -> None:
        """No text follows; what was not flushed is forgotten."""
        self.is_closed, self._buffer = True, ""
        if self._session.service.stops:
            self.task.cancel()
        else:
            self._texts.put_nowait(None)

    async def run(self) -> None:
        """Say the texts, one after the other, and then that this was all."""
        with contextlib.suppress(ConnectionClosed):
            while (text := await self._texts.get()) is not None:
                if not await self._say(text):
                    return
            self._session.over(self)
            await self._session.send(final(self.name))

    def _note(self, text: str) -> None:
        """Keep what is asked for where tests look for it."""
        self.unspoken += _letters(text)
        if self._asked is None:
            self._asked = {**self._message, "context_id": self.name, "text": ""}
            self._session.service.requests.append(self._asked)
        self._asked["text"] += text

    async def _say(self, text: str) -> bool:
        """Send the speech of a text; False when nothing may follow."""
        session, service = self._session, self._session.service
        if service.closes_with is not None:
            await session.hang_up(*service.closes_with)
            return False
        if not self._begun and (fault := service.trouble.begins()) is not None:
            await self._refuse(fault)
            return False
        spoilt = service.trouble.suffers(SPOILT)
        slow = service.trouble.suffers(("slow",))
        pieces = await timed_pieces(
            service.voice, text, session.rate, service.piece_seconds, spoilt
        )
        if spoilt is not None and not pieces:  # something, and no sound in it
            nothing = {"audio": "", "alignment": None, "normalizedAlignment": None}
            await session.send({"contextId": self.name, "isFinal": None, **nothing})
        before = service.trouble.spoken(sum(piece.seconds for piece in pieces))
        for piece in pieces:
            at = before + piece.at
            fault = service.trouble.breaks(at, at + piece.seconds)
            if fault is not None and await self._suffer(fault):
                return False
            wait = service.factor() * piece.seconds if self._begun else service.first()
            self._begun = True
            await clock.sleep(wait * (slow.factor if slow is not None else 1.0))
            self.unspoken -= sum(_letters(character) for character, _, _ in piece.characters)
            await session.send(_message(piece, self.name, aligns=service.aligns))
        return True

    async def _refuse(self, fault: Fault) -> None:
        if fault.kind == "connect_timeout":  # nothing comes of this text
            await asyncio.Event().wait()
        if fault.kind == "http_429":
            code, name = POLICY_VIOLATION, "rate_limit_exceeded"
        else:
            code, name = INTERNAL_ERROR, "service_unavailable"
        await self._session.refuse(code, name, "Try again later.")

    async def _suffer(self, fault: Fault) -> bool:
        """Stall, spoil or break off the speech; whether it is over."""
        if fault.kind == "stall":
            await clock.sleep(fault.for_seconds)
            return False
        await self._session.break_off('{"audio": "AAAA", "alignm' * (fault.kind == "malformed"))
        return True


def _message(piece: Piece, name: str, *, aligns: bool) -> Message:
    return {
        "audio": base64.b64encode(piece.pcm).decode(),
        "isFinal": None,
        "contextId": name,
        "alignment": _alignment(piece.characters, piece.at) if aligns else None,
        "normalizedAlignment": _alignment(piece.normalized, piece.at) if aligns else None,
    }


def _alignment(characters: Characters, at: float) -> Message:
    starts = [round(1000 * (start - at)) for _, start, _ in characters]
    ends = [round(1000 * (end - at)) for _, _, end in characters]
    return {
        "chars": [character for character, _, _ in characters],
        "charStartTimesMs": starts,
        "charDurationsMs": [end - start for start, end in zip(starts, ends, strict=True)],
    }


def final(name: str) -> Message:
    """What ends a context."""
    return {"isFinal": True, "contextId": name}


def _letters(text: str) -> int:
    return sum(character.isalnum() for character in text)
