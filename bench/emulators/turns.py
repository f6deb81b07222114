"""Utterances in, turns out: what a service tells that decides itself when somebody is done."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.audio import SAMPLE_RATE
from bench.emulators.hearing import Ears, EarsMaker, samples_of
from bench.events import Word

Kind = Literal["began", "grew", "paused", "resumed", "ended"]
Silence = Callable[[Sequence[Word]], int | None]
"""The silence in samples that a decision takes after these words; None when it is never taken."""

UTTERANCE_PAUSE_SECONDS = 0.1  # between the utterances of a turn
HALF_SURE_SECONDS = 0.15  # of silence after a sentence …
HALF_SURE_UNFINISHED_SECONDS = 1.8  # … after words that do not end one: more is to come …
HALF_SURE_UNWRITTEN_SECONDS = 0.35  # … and where no sentences are written: it may be either


@dataclass(frozen=True, slots=True)
class TurnHeard:
    """All words of a turn so far, by the samples of the connection's audio; none of them at its
    end when it was ended before any was heard."""

    kind: Kind
    words: tuple[Word, ...]


class Turns:
    """What one connection hears, turn by turn.

    A turn is ended by the silence that `ends` says, and before that paused by what `eager` says.
    """

    def __init__(self, ears: EarsMaker, ends: Silence, eager: Silence | None = None) -> None:
        self.ends, self.eager = ends, eager
        self.words: tuple[Word, ...] = ()  # of the turn under way
        self._ears: Ears = ears(samples_of(UTTERANCE_PAUSE_SECONDS))
        self._final: tuple[Word, ...] = ()  # those that will not change
        self._paused = False

    @property
    def samples(self) -> int:
        """How much audio came."""
        return self._ears.samples

    async def take(self, pcm: bytes) -> list[TurnHeard]:
        """More audio came: what there is to tell of it."""
        told = list[TurnHeard]()
        for heard in await self._ears.take(pcm):
            told += self._grow(self._final + heard.words)
            if heard.is_final:
                self._final = self.words
        if self.words and self.words == self._final and self._ears.speaking_since is None:
            told += self._rest()
        return told

    async def finish(self) -> list[TurnHeard]:
        """End the turn with whatever was said so far, if there was anything."""
        for heard in await self._ears.finish():
            self._final += heard.words
        words = self.words = self._final
        return [self._end()] if words else []

    def _grow(self, words: tuple[Word, ...]) -> list[TurnHeard]:
        if words == self.words:
            return []
        kind: Kind = "resumed" if self._paused else "grew" if self.words else "began"
        self.words, self._paused = words, False
        return [TurnHeard(kind, words)]

    def _rest(self) -> list[TurnHeard]:
        told = list[TurnHeard]()
        silence = self.samples - self.words[-1].end_sample
        wanted = None if self.eager is None else self.eager(self.words)
        if wanted is not None and silence >= wanted and not self._paused:
            self._paused = True
            told.append(TurnHeard("paused", self.words))
        wanted = self.ends(self.words)
        if wanted is not None and silence >= wanted:
            told.append(self._end())
        return told

    def _end(self) -> TurnHeard:
        ended = TurnHeard("ended", self.words)
        self.words, self._final, self._paused = (), (), False
        return ended


def confidence_after(words: Sequence[Word], silence: int) -> float:
    """How sure it is that no word follows: a made-up curve of the silence, which is steeper after a
    sentence."""
    return 1.0 - 0.5 ** (silence / SAMPLE_RATE / _half_sure(words))


def silence_for(words: Sequence[Word], confidence: float) -> int | None:
    """The silence in samples after which it is that sure; None when it never is."""
    if confidence >= 1.0:
        return None
    return samples_of(_half_sure(words) * -math.log2(1.0 - confidence))


def _half_sure(words: Sequence[Word]) -> float:
    text = " ".join(word.text for word in words)
    if text.endswith((".", "?", "!")):
        return HALF_SURE_SECONDS
    written = text != text.lower()
    return HALF_SURE_UNFINISHED_SECONDS if written else HALF_SURE_UNWRITTEN_SECONDS
