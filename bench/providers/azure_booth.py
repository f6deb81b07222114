"""Texts in, their audio out, one after the other: the connection to Azure's voices that is kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from azure.cognitiveservices.speech import SpeechConfig

from bench import clock
from bench.audio import seconds_in
from bench.engine.worker import Ending, spawn
from bench.errors import BrokenStream, ConnectFailed, ProviderError, Stalled
from bench.providers.azure_bridge import PROVIDER, Events, ended, failure, native
from bench.providers.azure_mouth import Mouth, Told
from bench.providers.connections import CONNECT_SECONDS, FIRST_RESULT_SECONDS
from bench.providers.spoken_words import SpokenWords
from bench.providers.written_text import whole_words
from bench.settings import Secret

EVENTS = 4096  # that may wait to be read: many minutes of one text


class Text(Protocol):
    """What is to be said, and its words as they are told."""

    spoken: SpokenWords
    waits_since: float | None  # an instant; None while it is not all given

    async def give(self, mouth: Mouth, events: Events[Told]) -> None:
        """Ask for it."""
        ...

    async def leave(self) -> None:
        """Nothing more is wanted of it."""
        ...


class WholeText:
    """A text that is there."""

    def __init__(self, spoken: SpokenWords) -> None:
        self.spoken, self.waits_since = spoken, None

    waits_since: float | None

    async def give(self, mouth: Mouth, events: Events[Told]) -> None:
        """Ask for all of it."""
        self.waits_since = clock.now()
        await mouth.thread.call(lambda: mouth.say(self.spoken.text, events))

    async def leave(self) -> None:
        """There is nothing to leave."""


class WrittenText:
    """A text that is still being written: what is told of it counts from the beginning of all."""

    def __init__(self, spoken: SpokenWords, texts: AsyncGenerator[str, None]) -> None:
        self.spoken, self.waits_since = spoken, None
        self._texts = texts
        self._writer: asyncio.Task[None] | None = None

    waits_since: float | None

    async def give(self, mouth: Mouth, events: Events[Told]) -> None:
        """Ask for a text, which then follows as it comes."""
        await mouth.thread.call(lambda: mouth.begin(events))
        self._writer = spawn(self._write(mouth, events), name="Azure writer")

    async def leave(self) -> None:
        """Write no more of it."""
        if self._writer is None:
            await self._texts.aclose()
        else:
            self._writer.cancel()
            await Ending([self._writer])

    async def _write(self, mouth: Mouth, events: Events[Told]) -> None:
        try:
            async with contextlib.aclosing(whole_words(self._texts)) as pieces:
                async for piece in pieces:
                    self.spoken.give(piece)
                    await mouth.thread.call(lambda piece=piece: mouth.write(piece))
            await mouth.thread.call(mouth.finish)
        except Exception as error:  # it is told where the speech is read
            events.fail(error)
        self.waits_since = clock.now()


class Booth:
    """Where texts are said one after the other; `service` configures a connection for a rate.

    To stop one closes the connection; the next is opened right away.
    """

    def __init__(self, service: Callable[[int], SpeechConfig], key: Secret) -> None:
        self._service, self._key = service, key
        self._mouth: Mouth | None = None
        self._speaking = asyncio.Lock()
        self._leaving: list[asyncio.Future[None]] = []

    def open(self, rate: int) -> Mouth:
        """Begin to connect, unless that was done; who speaks is told whether it worked."""
        if self._mouth is None:
            self._mouth = Mouth(rate, self._service)
            self._mouth.open()
        return self._mouth

    async def close(self) -> None:
        """Hang up."""
        self._leave(again=False)
        await ended(self._leaving)

    async def speech(self, text: Text, rate: int) -> AsyncGenerator[bytes, None]:
        """The PCM as it comes; while it waits to be fetched, the next text may be made."""
        spoken, again, turn = text.spoken, False, None
        try:
            await self._speaking.acquire()
            turn = _Turn(self._speaking)
            mouth = self._mouth = self._opened(rate)
            await mouth.ready()
            events = Events[Told](EVENTS, turn.follow)
            await text.give(mouth, events)
            while (told := await self._next(events, mouth, text)).kind != "done":
                if told.kind == "audio":
                    spoken.hear(seconds_in(told.audio, rate))
                    yield told.audio
        except (GeneratorExit, asyncio.CancelledError):
            again = True
            raise
        except RuntimeError as error:
            raise ConnectFailed(PROVIDER, native(error)) from None
        finally:
            if turn is not None and turn.over():  # the service has not done its part
                self._leave(again=again)
            await text.leave()
            spoken.result = None  # which holds what holds the words
        spoken.finish()
        if not spoken.complete:  # the SDK leaves out what it cannot read, without a word
            raise BrokenStream(PROVIDER, "the speech ended before its text did")

    async def _next(self, events: Events[Told], mouth: Mouth, text: Text) -> Told:
        while True:
            limit = FIRST_RESULT_SECONDS if mouth.connected else CONNECT_SECONDS
            began_at = clock.now()
            try:
                async with clock.deadline(limit):
                    told = await events.next()
                break
            except TimeoutError:
                waits_since = text.waits_since
                if not mouth.connected or (waits_since is not None and waits_since <= began_at):
                    raise _late(mouth) from None
        spoken = text.spoken
        if told.kind == "failed":
            raise failure(told.code, told.text, self._key, begun=spoken.seconds > 0.0)
        if told.kind == "word":
            begin, end = (round(at * spoken.rate) for at in (told.begin, told.end))
            spoken.add(told.text, begin, end)
        return told

    def _opened(self, rate: int) -> Mouth:
        """What speaks at this rate, made anew where it has to be."""
        if self._mouth is not None and self._mouth.rate == rate:
            return self._mouth
        self._leave(again=False)
        return Mouth(rate, self._service)

    def _leave(self, *, again: bool) -> None:
        """Let go of what speaks, in the background; `again`: open the next one there as well."""
        mouth, self._mouth = self._mouth, None
        if mouth is None:
            return
        self._leaving = [one for one in self._leaving if not one.done()]
        self._leaving.append(mouth.thread.end(mouth.close))
        if again:
            self.open(mouth.rate)


class _Turn:
    """One text's right to be made, until the service has done its part."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock: asyncio.Lock | None = lock

    def follow(self, told: Told) -> None:
        """Whatever is told comes by here, be it read yet or not."""
        if told.kind == "done":
            self.over()

    def over(self) -> bool:
        """The next one may be made; False when that was known already."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()
        return lock is not None


def _late(mouth: Mouth) -> ProviderError:
    if mouth.connected:
        return Stalled(PROVIDER, "no audio in time")
    return ConnectFailed(PROVIDER, "no handshake in time")
