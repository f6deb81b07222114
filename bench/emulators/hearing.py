"""Audio in, words out when they are due: what an emulator hears, whatever its protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.audio import SAMPLE_RATE, samples_in
from bench.events import Word
from bench.simulation.truth import TruthFeed

Seconds = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Heard:
    """The words of one utterance, never none, by the samples of the connection's audio.

    Until they are final each one holds the words before it and more; the final is the last of its
    utterance.
    """

    words: tuple[Word, ...]
    is_final: bool


class Ears(Protocol):
    """What one connection hears of the audio that it is sent.

    `samples` is how much that is; `speaking_since` the sample at which the utterance under way
    began, None while there is none.
    """

    samples: int
    speaking_since: int | None

    async def take(self, pcm: bytes) -> list[Heard]:
        """More audio came: what there is to tell of it."""
        ...

    async def finish(self) -> list[Heard]:
        """Make final whatever was said so far; more audio may follow."""
        ...


EarsMaker = Callable[[int | None], Ears]
"""Makes the ears of one connection, from the pause in samples that ends an utterance; with None
only `finish` ends one."""


def _usual() -> float:
    return 1.0


def ears_of(
    feed: TruthFeed | EarsMaker,
    interim: Seconds,
    final: Seconds,
    slowness: Callable[[], float] = _usual,
) -> EarsMaker:
    """What an emulator hears with: a script's truth, or ears of the caller's own."""
    return scripted(feed, interim, final, slowness) if isinstance(feed, TruthFeed) else feed


def scripted(
    feed: TruthFeed, interim: Seconds, final: Seconds, slowness: Callable[[], float] = _usual
) -> EarsMaker:
    """Ears that know what is said, and tell it by the length of the audio alone.

    A partial comes `interim()` seconds of audio after a word, a final `final()` seconds after the
    pause that ends the words; both are drawn when an utterance begins, and are `slowness()` times
    as long. The first sample of a connection is the sample of the microphone that `feed.begins`
    says, else the one after the last that any of these ears was sent.
    """
    sent = _Count()

    def ears(pause: int | None) -> Ears:
        base = sent.samples if feed.begins is None else feed.begins()
        return _ScriptedEars(feed, base, pause, (interim, final, slowness), sent)

    return ears


@dataclass(slots=True)
class _Count:
    samples: int = 0


class _ScriptedEars:
    """Hears the words of `feed`, the connection's first sample being sample `base` of them."""

    def __init__(
        self,
        feed: TruthFeed,
        base: int,
        pause: int | None,
        draws: tuple[Seconds, Seconds, Callable[[], float]],
        sent: _Count,
    ) -> None:
        self.samples = 0
        self.speaking_since: int | None = None
        self._feed, self._base, self._pause, self._sent = feed, base, pause, sent
        self._draw_interim, self._draw_final, self._slowness = draws
        self._interim = self._final = 0  # the delays of the utterance under way
        self._done = 0  # words that are final
        self._shown = 0  # words of the newest partial

    async def take(self, pcm: bytes) -> list[Heard]:
        samples = samples_in(pcm)
        self.samples += samples
        self._sent.samples += samples
        words = self._segment()
        return self._told(words) if words and words[0].start_sample < self.samples else []

    async def finish(self) -> list[Heard]:
        told = list[Heard]()
        while said := [word for word in self._segment() if word.end_sample <= self.samples]:
            told += self._end(said)
        return told

    def _segment(self) -> list[Word]:
        """The words to come, and those said, up to the first pause."""
        said = [word for said in self._feed.said for word in said.words]
        ahead = [self._placed(word) for word in said if word.start_sample >= self._base]
        ahead = sorted(ahead, key=lambda word: word.start_sample)[self._done :]
        for number in range(1, len(ahead)):
            gap = ahead[number].start_sample - ahead[number - 1].end_sample
            if self._pause is not None and gap > self._pause:
                return ahead[:number]
        return ahead

    def _placed(self, word: Word) -> Word:
        return Word(word.text, word.start_sample - self._base, word.end_sample - self._base)

    def _told(self, words: Sequence[Word]) -> list[Heard]:
        """What is due of an utterance that has begun."""
        if self.speaking_since is None:
            self.speaking_since = words[0].start_sample
            factor = self._slowness()
            self._interim = samples_of(factor * self._draw_interim())
            self._final = samples_of(factor * self._draw_final())
        pause, end = self._pause, words[-1].end_sample
        if pause is not None and self.samples >= end + pause + self._final:
            return self._end(words)
        said = [word for word in words if word.end_sample + self._interim <= self.samples]
        if len(said) <= self._shown:
            return []
        self._shown = len(said)
        return [Heard(tuple(said), is_final=False)]

    def _end(self, words: Sequence[Word]) -> list[Heard]:
        self._done += len(words)
        self._shown, self.speaking_since = 0, None
        return [Heard(tuple(words), is_final=True)]


def samples_of(seconds: float) -> int:
    """How much audio that is."""
    return round(seconds * SAMPLE_RATE)
