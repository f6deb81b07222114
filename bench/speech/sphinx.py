"""Audio in, words out: pocketsphinx in worker processes, for one vocabulary or for open speech.

Two declared modes. A `Vocabulary` is understood quite surely, and what is outside it is told apart
(`in_domain`). Open speech uses the full US English model: any words, about one in three of them
wrong.
"""

from __future__ import annotations

import hashlib
import itertools
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.audio import SAMPLE_RATE
from bench.errors import BrokenStream, ConfigError, RateLimited
from bench.events import Word
from bench.speech.frames import Kind
from bench.speech.language_model import arpa, vocabulary, weighted_sentences
from bench.speech.process import Channel, WorkerProcess
from bench.speech.pronunciation import dictionary_text, pronunciations

PROVIDER = "pocketsphinx"
STREAMS_A_PROCESS = 12
OPEN_SPEECH_WEIGHT = 4  # so many streams of a vocabulary take its time and memory
IN_DOMAIN_CONFIDENCE = 0.5
"""Geometric mean of the words' confidences below which the audio is taken for nothing of the
vocabulary.

Set on speech of espeak-ng in five voices, sentences of a list against sentences of other topics:
about 95 % of what is understood passes and about one foreign sentence in ten, mostly of one or two
syllables; a vocabulary of some fifty words lets twice as many pass. A phone loop beside the words,
the usual guard, told them apart worse and cost as much as the decoding.
"""
LONGEST_WORD_SAMPLES = 19_200  # 1.2 s: whatever hums for longer and looks like one word is none
_STREAM = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What is listened for: a language model (ARPA) and its pronouncing dictionary, named by
    content.
    """

    name: str
    language_model: str
    dictionary: str


@dataclass(frozen=True, slots=True)
class Result:
    """What was said: text, words with sample positions from the utterance's start, how sure (0 to
    1).

    `in_domain` is False when the audio fits no sentence of the vocabulary; always True in open
    mode. `acoustics` is what was learned of the speaker's loudness and channel, for the next
    `open`.
    """

    text: str
    words: tuple[Word, ...]
    confidence: float
    in_domain: bool
    acoustics: str = ""


def build_vocabulary(
    templates: Iterable[str], slots: Mapping[str, Sequence[str]] | None = None
) -> Vocabulary:
    """The vocabulary of utterance templates; made once for the same templates.

    Raises:
        ConfigError: a malformed template, or none at all.
    """
    frozen = tuple((name, tuple(values)) for name, values in sorted((slots or {}).items()))
    return _build(tuple(templates), frozen)


Slots = tuple[tuple[str, tuple[str, ...]], ...]


@lru_cache(maxsize=8)
def _build(templates: tuple[str, ...], slots: Slots) -> Vocabulary:
    sentences = weighted_sentences(templates, dict(slots))
    model = arpa(sentences)
    words = dictionary_text(pronunciations(vocabulary(sentences), _dictionary()))
    name = hashlib.blake2b(f"{model}\0{words}".encode(), digest_size=8).hexdigest()
    return Vocabulary(name, model, words)


def _dictionary() -> Path:
    package = find_spec("pocketsphinx")
    if package is None or package.origin is None:
        raise ConfigError("pocketsphinx is not installed: pip install pocketsphinx")
    return Path(package.origin).parent / "model" / "en-us" / "cmudict-en-us.dict"


class Recogniser:
    """The engine, shared by everyone in the process; its workers start with the first utterance.

    Args:
        processes: workers that decode side by side; the engine holds the interpreter's lock,
            so threads would not.
    """

    def __init__(self, processes: int = 2) -> None:
        self._workers = [
            WorkerProcess("bench.speech.sphinx_worker", name=PROVIDER) for _ in range(processes)
        ]
        self._open: dict[int, int] = dict.fromkeys(range(processes), 0)
        self._learned: set[tuple[int, int, str]] = set()
        self._numbers = itertools.count(1)

    async def start(self, words: Vocabulary | None = None) -> None:
        """Start the workers and load what `words` needs (None: the full model), before anybody
        waits.
        """
        for index in range(len(self._workers)):
            await self._learn(index, words)

    async def open(self, words: Vocabulary | None = None, acoustics: str = "") -> Utterance:
        """Begin an utterance, listening for `words` or, with None, for anything.

        `acoustics` is that of the same speaker's last `Result`: partials are better with it.

        Raises:
            RateLimited: every worker is full.
            ConnectFailed: no worker could be started.
        """
        weight = OPEN_SPEECH_WEIGHT if words is None else 1
        index = min(self._open, key=self._open.__getitem__)
        if self._open[index] + weight > STREAMS_A_PROCESS:
            raise RateLimited(PROVIDER, f"its {len(self._workers)} processes are full")
        self._open[index] += weight
        number = next(self._numbers) & 0xFFFFFFFF
        try:
            await self._learn(index, words)
            asked = {"stream": number, "vocabulary": words.name if words else "*"}
            asked["acoustics"] = acoustics
            worker = self._workers[index]
            await worker.run(lambda channel: channel.ask(Kind.OPEN, asked))
        except BaseException:
            self.drop(index, number)  # it may have been opened all the same
            self._open[index] -= weight
            raise
        return Utterance(self, index, number, starts=worker.starts, guarded=words is not None)

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.close()

    async def ask(self, index: int, starts: int, kind: Kind, payload: bytes) -> dict[str, Any]:
        """One exchange about an open stream."""
        worker = self._workers[index]

        def exchange(channel: Channel) -> Any:
            if worker.starts != starts:
                raise BrokenStream(PROVIDER, "its process was restarted in mid-utterance")
            return channel.ask(kind, payload).json()

        return await worker.run(exchange)

    def drop(self, index: int, number: int) -> None:
        """Forget a stream, without waiting."""
        worker = self._workers[index]
        worker.post(lambda channel: channel.send(Kind.CLOSE, _STREAM.pack(number)))

    def closed(self, index: int, weight: int) -> None:
        """A stream has ended."""
        self._open[index] -= weight

    async def _learn(self, index: int, words: Vocabulary | None) -> None:
        worker = self._workers[index]
        name = words.name if words else "*"
        if worker.pid is not None and (index, worker.starts, name) in self._learned:
            return
        asked = {"vocabulary": name}
        if words is not None:
            asked |= {"lm": words.language_model, "dictionary": words.dictionary}
        await worker.run(lambda channel: channel.ask(Kind.LEARN, asked))
        self._learned.add((index, worker.starts, name))


class Utterance:
    """One stretch of speech on its way to words; `finish` or `cancel` ends it."""

    def __init__(
        self, recogniser: Recogniser, index: int, number: int, *, starts: int, guarded: bool
    ) -> None:
        self._recogniser, self._index, self._number = recogniser, index, number
        self._starts, self._guarded = starts, guarded
        self._over = False

    async def feed(self, pcm: bytes) -> str:
        """Some more audio (16 kHz); the words so far, which may all change. Errors as `finish`."""
        return (await self._ask(Kind.FEED, _STREAM.pack(self._number) + pcm))["text"]

    async def finish(self) -> Result:
        """The end of the audio; what was said.

        Raises:
            BrokenStream, Stalled: the worker died or hung.
        """
        try:
            answer = await self._ask(Kind.FINISH, _STREAM.pack(self._number))
        finally:
            self._end()
        words, sure = tuple(Word(*word) for word in answer["words"]), answer["confidence"]
        in_domain = not self._guarded or (sure >= IN_DOMAIN_CONFIDENCE and not _drawn_out(words))
        text = " ".join(word.text for word in words)
        return Result(text, words, sure, in_domain, answer["acoustics"])

    def cancel(self) -> None:
        """Give it up; nothing to wait for."""
        if not self._over:
            self._recogniser.drop(self._index, self._number)
            self._end()

    async def _ask(self, kind: Kind, payload: bytes) -> dict[str, Any]:
        return await self._recogniser.ask(self._index, self._starts, kind, payload)

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._recogniser.closed(self._index, 1 if self._guarded else OPEN_SPEECH_WEIGHT)


def _drawn_out(words: Sequence[Word]) -> bool:
    return any(word.end_sample - word.start_sample > LONGEST_WORD_SAMPLES for word in words)


async def recognise(recogniser: Recogniser, pcm: bytes, words: Vocabulary | None = None) -> Result:
    """A whole clip at once (16 kHz PCM)."""
    utterance = await recogniser.open(words)
    try:
        step = SAMPLE_RATE // 5 * 2
        for start in range(0, len(pcm), step):
            await utterance.feed(pcm[start : start + step])
        return await utterance.finish()
    finally:
        utterance.cancel()
