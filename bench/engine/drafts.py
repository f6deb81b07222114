"""Text in as a model writes it, the same text out for who says it meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from bench import clock
from bench.engine.sentences import joined

MOST_UNREAD = 400  # characters that may wait to be read: half a minute of speech


class Draft:
    """An answer while it is being written: single-spaced, and read from any place, more than once.

    The writer waits in `room` while nobody reads; a reader waits while nothing is written.
    """

    def __init__(self) -> None:
        self.text = ""
        self.is_whole = False  # no more text comes
        self._read = 0  # characters that somebody has taken
        self._moved_at = clock.now()  # when something was taken, or the end was written
        self._is_left = False  # nobody reads any more
        self._grown, self._taken = asyncio.Event(), asyncio.Event()

    @property
    def excused_until(self) -> float:
        """Until when its reader has nothing to do, which is now while all of it is read and more
        is to come."""
        starves = not self.is_whole and self._read >= len(self.text)
        return clock.now() if starves else self._moved_at

    def add(self, text: str) -> None:
        """Go on with a piece, as it comes from the model."""
        text = joined(self.text, text)[len(self.text) :]
        words = " ".join(text.split())
        if text[:1].isspace() and self.text and not self.text[-1].isspace():
            words = f" {words}"
        if words[-1:].strip() and text[-1:].isspace():
            words = f"{words} "
        if words:
            self.text += words
            self._grown.set()

    def end(self) -> None:
        """No more text comes."""
        self.is_whole, self._moved_at = True, clock.now()
        self._grown.set()

    async def room(self) -> None:
        """Wait while too much of it is unread."""
        while len(self.text) - self._read > MOST_UNREAD and not self._is_left:
            self._taken.clear()
            await self._taken.wait()

    async def grown(self, beyond: int) -> None:
        """Wait until there are more than so many characters, or no more come; up to there it is
        read."""
        self._take(beyond)
        while len(self.text) <= beyond and not self.is_whole:
            self._grown.clear()
            await self._grown.wait()

    async def read(self, begin: int) -> AsyncGenerator[str, None]:
        """All of it from a place on, in pieces as it is written, to its end."""
        while True:
            await self.grown(begin)
            piece, begin = self.text[begin:], len(self.text)
            if not piece:
                return
            self._take(begin)
            yield piece

    def leave(self) -> None:
        """Nobody reads any more: its writer need not wait."""
        self._is_left = True
        self._taken.set()

    def _take(self, up_to: int) -> None:
        if up_to > self._read:
            self._read, self._moved_at = up_to, clock.now()
            self._taken.set()
