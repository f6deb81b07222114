"""A text in as it is written, pieces that a voice can say out."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator

from bench import clock
from bench.engine.sentences import Sentences, joined, says_something
from bench.engine.worker import Ending, spawn

SHORTEST_CLAUSE = 24  # characters that an answer may begin with, before its first sentence is whole
_CLAUSE = re.compile(r"[,;:–—]\s")


async def whole_words(texts: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """All of `texts`, which may break off within a word, in pieces that do not; closing it closes
    them. What sounds like nothing waits for what follows."""
    rest = ""
    async with contextlib.aclosing(texts):
        async for text in texts:
            rest += text
            end = rest.rfind(" ") + 1
            if says_something(rest[:end]):
                yield rest[:end]
                rest = rest[end:]
    if rest:
        yield rest


async def sentences(texts: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """The sentences of `texts`, each once it is whole; the first is begun where a clause of it
    ends, so that it is heard sooner. Closing it closes them."""
    written, opening, begun = Sentences(), "", ""
    is_first = True
    async with contextlib.aclosing(texts):
        async for text in texts:
            whole = written.feed(text)
            if is_first and whole:
                whole[0], is_first = whole[0].removeprefix(begun).lstrip(), False
            elif is_first and not begun:
                opening = joined(opening, text).lstrip()
                if clause := _CLAUSE.search(opening, SHORTEST_CLAUSE):
                    begun = opening[: clause.start() + 1]
                    whole = [begun]
            for sentence in whole:
                yield sentence
    rest = written.flush()
    if rest := rest.removeprefix(begun).lstrip() if is_first else rest:
        yield rest


async def sentences_of(text: str) -> AsyncGenerator[str, None]:
    """The sentences of a text that is there."""
    whole = Sentences()
    for sentence in (*whole.feed(text), whole.flush()):
        if sentence:
            yield sentence


class Coming:
    """Pieces of a text that are waited for as long as one likes: what comes later is not lost."""

    def __init__(self, pieces: AsyncGenerator[str, None]) -> None:
        self._pieces = pieces
        self._next: asyncio.Task[str | None] | None = None

    async def next(self, seconds: float | None = None) -> str | None:
        """The next piece, None after the last.

        Raises:
            TimeoutError: it did not come within so many seconds.
        """
        if self._next is None:
            self._next = spawn(self._one(), name="Text to say")
        async with clock.deadline(seconds) if seconds is not None else contextlib.nullcontext():
            await asyncio.wait([self._next])
        task, self._next = self._next, None
        return task.result()

    async def close(self) -> None:
        """Want no more, of who writes them neither."""
        if self._next is not None:
            self._next.cancel()
            await Ending([self._next])
        await self._pieces.aclose()

    async def _one(self) -> str | None:
        return await anext(self._pieces, None)
