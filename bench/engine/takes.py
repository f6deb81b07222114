"""A sentence in, what was said of it and what is left out: where one voice broke off, another may
have gone on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bench.engine.synthesizer import SynthesisResult

PART_CHUNKS = 512  # chunks of one part that may wait to be played: 10 s at 20 ms
LETTERS_PER_SECOND = 15.0  # of English, said at the usual pace


@dataclass(eq=False, slots=True)
class Take:
    """One voice's speech of a sentence or of the rest of it; `begins` is a sample of the whole.

    `excused_until` is where the voice can be quiet because it waits for text: until when it did,
    on the clock.
    """

    result: SynthesisResult
    provider: str = ""
    begins: int = 0
    samples: int = 0  # that have come
    said: str | None = None  # the words that had come when it broke off
    excused_until: Callable[[], float] | None = None

    def break_off(self, text: str, rate: int) -> str:
        """No more of it comes; returns what is left of `text`, from the first word that has not
        come whole."""
        seconds = self.samples / rate
        said = self.result.get_message_up_to(seconds) if self.samples else ""
        if self.result.estimated and not _left(text, said):
            # An estimate knows the length of what has come, not of what should have.
            said = _beginning(text, round(seconds * LETTERS_PER_SECOND))
        self.said = said
        return _left(text, said)

    def up_to(self, seconds: float, rate: int) -> str:
        """The words whose audio ended by so many seconds of this take."""
        if self.said is None:
            return self.result.get_message_up_to(seconds)
        if seconds * rate >= self.samples - 1e-3:
            return self.said
        heard = self.result.get_message_up_to(seconds)
        return heard if len(heard) <= len(self.said) else self.said


def words_of_takes(takes: Sequence[Take], seconds: float, rate: int) -> str:
    """The words whose audio ended by so many seconds of all takes together."""
    if len(takes) == 1:
        return takes[0].up_to(seconds, rate)
    begun = [take for take in takes if seconds >= take.begins / rate]
    heard = [take.up_to(seconds - take.begins / rate, rate) for take in begun]
    return " ".join(text for text in heard if text)


class Sayer(Protocol):
    """Who sees to it that a part is said to its end."""

    @property
    def asked(self) -> str:
        """The text that the newest take is to say."""
        ...

    async def go_on(
        self, error: Exception, after_seconds: float, left: str, *, begun: bool
    ) -> Take | None:
        """Speech of what is left, of nothing too, after a failure; None: there is none."""
        ...

    async def more(self) -> Take | None:
        """Speech of what follows a take that came to its end; None: that was all.

        Raises:
            Exception: there is more, and nobody can say it.
        """
        ...

    def leave(self, *, done: bool) -> None:
        """Nothing more is wanted; `done`: it was said to its end."""
        ...


class Part:
    """One sentence inside a `Speech`, or all of it: its text, which may be written only while it is
    said, its audio, its place in the whole."""

    def __init__(self, text: str, take: Take, sayer: Sayer | None = None) -> None:
        self.text = text
        self.takes = [take]
        self.sayer = sayer
        self.chunks: asyncio.Queue[bytes | None] = asyncio.Queue(PART_CHUNKS)
        self.samples = 0  # received so far
        self.finished = False
        self.error: Exception | None = None
        self.start_sample: int | None = None  # in the whole, known when it begins to play

    @property
    def provider(self) -> str:
        """Who says it, or the rest of it."""
        return self.takes[-1].provider

    async def go_on(self, error: Exception, after_seconds: float, rate: int) -> bool:
        """After a failure: have what is left said; False when nobody can."""
        if self.sayer is None:
            return False
        broken = self.takes[-1]
        left = broken.break_off(self.sayer.asked, rate)
        take = await self.sayer.go_on(error, after_seconds, left, begun=broken.samples > 0)
        if take is None:
            broken.said = None
            return False
        self._add(take)
        return True

    async def more(self) -> bool:
        """After a take's end: have what follows said; False when that was all."""
        take = None if self.sayer is None else await self.sayer.more()
        if take is None:
            return False
        self._add(take)
        return True

    def leave(self, *, done: bool) -> None:
        """Nothing more is fetched; a second call changes nothing."""
        if self.sayer is not None:
            self.sayer.leave(done=done)
            self.sayer = None

    def _add(self, take: Take) -> None:
        take.begins = self.samples
        self.takes.append(take)


def _beginning(text: str, letters: int) -> str:
    """The whole words within so many letters."""
    kept, length = list[str](), -1
    for word in text.split():
        length += 1 + len(word)
        if length > letters:
            break
        kept.append(word)
    return " ".join(kept)


def _left(text: str, said: str) -> str:
    """What follows in `text` on the words `said`, which a vendor may write in its own way."""
    wanted = _letters(said)
    words = text.split()
    come = ""
    for place, word in enumerate(words):
        letters = _letters(word)
        if len(come) >= len(wanted) and letters:
            return " ".join(words[place:]) if come == wanted else _by_number(words, said)
        come += letters
    return "" if come == wanted else _by_number(words, said)


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _by_number(words: Sequence[str], said: str) -> str:
    return " ".join(words[len(said.split()) :])
