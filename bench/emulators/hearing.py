"""Audio in, words out when they are due: what an emulator hears, whatever its protocol."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.audio import SAMPLE_RATE
from bench.emulators.loudness import Sound
from bench.events import Word
from bench.simulation.truth import Said, TruthFeed

ECHO_WORD_SAMPLES = SAMPLE_RATE // 5  # of an echo's words only the ends are known
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
    """What one connection hears of the audio that it is sent; `speaking_since` is the sample at
    which the utterance under way began, None while there is none."""

    speaking_since: int | None

    @property
    def samples(self) -> int:
        """How much audio came."""
        ...

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
    """Ears that know what is said, and tell it as far as there is a sound where it lies.

    A word of which more than half was muted, or too soft for speech, is not heard, and neither is a
    noise of the user's. A partial comes `interim()` seconds of audio after a word, a final
    `final()` seconds after the pause that ends the words; both are drawn when an utterance begins,
    and are `slowness()` times as long. The first sample of a connection is the sample of the
    microphone that `feed.begins` says, else the one after the last that any of these ears was sent.
    """
    sent = _Count()

    def ears(pause: int | None) -> Ears:
        base = sent.samples if feed.begins is None else feed.begins()
        return _ScriptedEars(feed, base, pause, (interim, final, slowness), sent)

    return ears


@dataclass(slots=True)
class _Count:
    samples: int = 0


@dataclass(slots=True)
class _Coming:
    """A word that is not final yet."""

    word: Word
    own: bool
    judged: bool = False  # it was heard


class _Script:
    """The words of `feed` that are still to come on one connection, whose first sample is sample
    `base` of them."""

    def __init__(self, feed: TruthFeed, base: int, sound: Sound) -> None:
        self._feed, self._base, self._sound = feed, base, sound
        self._read = 0  # of the feed
        self._coming: list[_Coming] = []  # in the order in which they begin

    def utterance(self, pause: int | None) -> list[Word]:
        """The words to come, and those that were heard, up to the first pause."""
        for said in self._feed.said[self._read :]:
            self._add(said)
        self._read = len(self._feed.said)
        self._coming = [one for one in self._coming if self._may_be_heard(one)]
        words = [one.word for one in self._coming]
        for number in range(1, len(words)):
            gap = words[number].start_sample - words[number - 1].end_sample
            if pause is not None and gap > pause:
                return words[:number]
        return words

    def over(self, words: int) -> None:
        """The next so many are final."""
        del self._coming[:words]

    def _add(self, said: Said) -> None:
        sure = self._feed.sure(said)
        for word in said.words if said.has_words else ():
            start, end = word.start_sample - self._base, word.end_sample - self._base
            if start >= 0:
                placed = Word(word.text, start, end, sure * word.confidence)
                insort(self._coming, _Coming(placed, said.own), key=_start)

    def _may_be_heard(self, coming: _Coming) -> bool:
        start, end = coming.word.start_sample, coming.word.end_sample
        if coming.judged or end > self._sound.samples:
            return True
        begin = start if coming.own else max(0, end - ECHO_WORD_SAMPLES)
        coming.judged = not self._sound.hides(begin, end)
        return coming.judged


def _start(coming: _Coming) -> int:
    return coming.word.start_sample


class _ScriptedEars:
    """Hears what a script has for one connection."""

    def __init__(
        self,
        feed: TruthFeed,
        base: int,
        pause: int | None,
        draws: tuple[Seconds, Seconds, Callable[[], float]],
        sent: _Count,
    ) -> None:
        self.speaking_since: int | None = None
        self._pause, self._sent = pause, sent
        self._sound = Sound()
        self._script = _Script(feed, base, self._sound)
        self._draw_interim, self._draw_final, self._slowness = draws
        self._interim = self._final = 0  # the delays of the utterance under way
        self._shown = 0  # words of the newest partial

    @property
    def samples(self) -> int:
        """How much audio came."""
        return self._sound.samples

    async def take(self, pcm: bytes) -> list[Heard]:
        before = self.samples
        self._sound.add(pcm)
        self._sent.samples += self.samples - before
        return self._told(self._script.utterance(self._pause))

    async def finish(self) -> list[Heard]:
        told = list[Heard]()
        while said := self._said(self._script.utterance(self._pause), 0):
            told += self._end(said)
        return told

    def _said(self, words: Sequence[Word], delay: int) -> Sequence[Word]:
        """Those that have been over for so long."""
        return [word for word in words if word.end_sample + delay <= self.samples]

    def _told(self, words: Sequence[Word]) -> list[Heard]:
        """What is due of an utterance."""
        if not self._is_speaking(words):
            return []
        pause, end = self._pause, words[-1].end_sample
        if pause is not None and self.samples >= end + pause + self._final:
            return self._end(words)
        said = self._said(words, self._interim)
        if len(said) <= self._shown:
            return []
        self._shown = len(said)
        return [Heard(tuple(said), is_final=False)]

    def _is_speaking(self, words: Sequence[Word]) -> bool:
        """Whether an utterance is under way; one of which nothing is left has not been."""
        if not words or words[0].start_sample >= self.samples:
            self.speaking_since = None
            return False
        if self.speaking_since is None:
            start, is_over = words[0].start_sample, words[0].end_sample <= self.samples
            if not is_over and self._sound.hides(start, self.samples):
                return False
            self.speaking_since = start
            factor = self._slowness()
            self._interim = samples_of(factor * self._draw_interim())
            self._final = samples_of(factor * self._draw_final())
        return True

    def _end(self, words: Sequence[Word]) -> list[Heard]:
        self._script.over(len(words))
        self._shown, self.speaking_since = 0, None
        return [Heard(tuple(words), is_final=True)]


def samples_of(seconds: float) -> int:
    """How much audio that is."""
    return round(seconds * SAMPLE_RATE)


def sureness(words: Sequence[Word], at_most: float) -> float:
    """How sure a service is of all of these words, which is never surer of one than `at_most`."""
    return round(sum(min(word.confidence, at_most) for word in words) / max(1, len(words)), 4)
